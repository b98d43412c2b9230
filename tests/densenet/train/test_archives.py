"""Data sets' files: the addresses are torchvision's, what is there is counted, and a download survives what networks do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from torchvision import datasets

from densenet.stopping import Cancelled
from densenet.train import archives
from densenet.train.archives import PUBLISHED, bring, held, missing
from densenet.train.sources import load_split
from tests.support.archives import cifar_archive, idx_files, published_by
from tests.support.file_server import Server
from tests.support.small_pictures import written


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that publishes a small CIFAR-10 and a small Fashion-MNIST, in place of their authors."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    server = Server(b"")
    monkeypatch.setitem(PUBLISHED, "cifar10", published_by(server, "cifar10", {"cifar-10-python.tar.gz": cifar_archive()}))
    monkeypatch.setitem(PUBLISHED, "fashion_mnist", published_by(server, "fashion_mnist", idx_files()))
    yield server
    server.close()


def test_addresses_hashes_and_folders_are_torchvisions() -> None:
    for name, kind in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        (one,) = PUBLISHED[name].archives
        assert (one.url, one.md5, one.name) == (kind.url, kind.tgz_md5, kind.filename)
        files = [file for file, _ in (*kind.train_list, *kind.test_list)] + [kind.meta["filename"]]
        assert sorted(one.brings) == sorted(f"{kind.base_folder}/{file}" for file in files)
    theirs = dict(datasets.FashionMNIST.resources)
    assert {one.name: one.md5 for one in PUBLISHED["fashion_mnist"].archives} == theirs
    assert all(one.url == datasets.FashionMNIST.mirrors[0] + one.name for one in PUBLISHED["fashion_mnist"].archives)


@pytest.mark.parametrize(("name", "images", "side"), [("cifar10", 100, 32), ("fashion_mnist", 30, 28)])
def test_what_was_brought_is_found_and_read(
    name: str, images: int, side: int, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)  # its hashes are of the real files
    monkeypatch.setattr(datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": None})
    folder, told = tmp_path / "data", list[tuple[int, int]]()
    assert held(name, folder) == 0
    bring(name, folder, lambda *both: told.append(both))
    total = sum(archive.size_bytes for archive in PUBLISHED[name].archives)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    assert missing(name, folder) == ()
    assert held(name, folder) == (PUBLISHED[name].images if name == "cifar10" else images)
    assert not [path.name for path in folder.iterdir() if ".part" in path.name or ".tar" in path.name]
    train, test = load_split(name, folder=folder)
    assert test is not None
    assert (len(train), train.images.shape[-1], len(train.classes)) == (images, side, 10)
    asked = len(server.served)
    bring(name, folder)
    assert len(server.served) == asked, "what is here is not asked for again"


def test_a_cut_is_gone_on_with_and_a_wrong_file_is_refused(server: Server, tmp_path: Path) -> None:
    server.manner = "breaks"
    with pytest.raises(ConnectionError, match=r"CIFAR-10 could not be downloaded .* What has come is kept"):
        bring("cifar10", tmp_path)
    server.manner = "well"
    bring("cifar10", tmp_path)
    assert server.resumed_at
    shutil.rmtree(tmp_path / "cifar-10-batches-py")
    server.files["cifar-10-python.tar.gz"] += b"x"
    with pytest.raises(ConnectionError, match="is not the published one, its MD5 differs"):
        bring("cifar10", tmp_path)
    assert held("cifar10", tmp_path) == 0


def test_who_gives_up_keeps_the_files_that_came(server: Server, tmp_path: Path) -> None:
    def stop() -> None:
        if len(server.served) > 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        bring("fashion_mnist", tmp_path, stop=stop)
    assert 0 < len(missing("fashion_mnist", tmp_path)) < 4
    bring("fashion_mnist", tmp_path)
    assert held("fashion_mnist", tmp_path) == 30


def test_no_network_is_a_sentence(server: Server, tmp_path: Path) -> None:
    server.close()
    with pytest.raises(ConnectionError, match=r"^Fashion-MNIST could not be downloaded from .*refused"):
        bring("fashion_mnist", tmp_path)


def test_a_folder_of_pictures_counts_what_it_holds(tmp_path: Path) -> None:
    written(tmp_path / "train", 9)
    assert held("cifar10", tmp_path) == 0, "nothing for the test"
    written(tmp_path / "test", 3)
    assert held("cifar10", tmp_path) == 9


def test_debians_folder_is_read_where_it_is() -> None:
    if not archives.FASHION_MNIST_FOLDER.is_dir():
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    assert held("fashion_mnist", archives.FASHION_MNIST_FOLDER) == 60_000


def test_damaged_and_unknown_are_told_apart(tmp_path: Path) -> None:
    for name in idx_files():
        (tmp_path / name).write_bytes(b"nonsense")
    assert held("fashion_mnist", tmp_path) == 0
    with pytest.raises(ValueError, match="data must be one of fashion_mnist, cifar10, cifar100, got 'mnist'"):
        bring("mnist", tmp_path)
