"""Trained weights: what is shipped is what its card says, what is known is found in its folder or brought there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

from densenet import PRESETS, totals
from densenet.kept import Kept
from densenet.model.familiarity import check_statistics
from densenet.model.net import DenseNet
from densenet.pictures.images import read_image
from densenet.weights import download
from densenet.weights import loading as weights
from densenet.weights.known import ASSETS, WEIGHTS
from densenet.weights.loading import fetch, is_here, load
from tests.conftest import randomised
from tests.support.file_server import Server
from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.ports import closed_port

FILE_121 = "densenet121-a639ec97.pth"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts with no net in memory, and leaves none."""
    monkeypatch.setattr(weights, "_kept", Kept(weights._KEPT_NETS))


@pytest.fixture(scope="module")
def nowhere() -> Iterator[int]:
    """A port where nobody listens."""
    with closed_port() as port:
        yield port


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nowhere: int) -> None:
    """Published addresses lead nowhere and torch's cache is empty."""
    monkeypatch.setattr(download, "_STALLED_SECONDS", PATIENCE_SECONDS)
    for name, record in list(WEIGHTS.items()):
        if record.url is not None:
            monkeypatch.setitem(WEIGHTS, name, replace(record, url=f"http://127.0.0.1:{nowhere}/{record.url.rsplit('/', 1)[1]}"))
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))


def old_keys(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Name the values as the published files do: `denselayer1.norm.1.weight`."""
    renamed = {}
    for key, value in state.items():
        for kind in ("norm", "conv"):
            for digit in "12":
                if "denselayer" in key:
                    key = key.replace(f".{kind}{digit}.", f".{kind}.{digit}.")
        renamed[key] = value
    return renamed


@pytest.fixture(scope="module")
def published() -> tuple[models.DenseNet, bytes]:
    """A torchvision densenet121 and a file of it as published: old names, and no step counters."""
    torch.manual_seed(0)
    model = models.densenet121(weights=None).eval()
    randomised(model)
    state = {key: value for key, value in old_keys(model.state_dict()).items() if not key.endswith("num_batches_tracked")}
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return model, buffer.getvalue()


def test_the_embedded_file_is_the_one_on_the_card() -> None:
    record = WEIGHTS["cifar10"]
    assert hashlib.sha256((ASSETS / "cifar10.pth").read_bytes()).hexdigest() == record.sha256
    model = load("cifar10")
    assert sum(p.numel() for p in model.parameters()) == record.params == 1_792_090
    assert model.config == record.config
    assert model.weights is record
    assert record.labels() == record.classes
    assert len(record.labels()) == record.config.num_classes == 10
    assert record.accuracy_on == "the 10,000 CIFAR-10 test images, JPEG re-encoded"
    assert record.label == "Embedded net, CIFAR-10"
    assert record.url is None
    assert record.assumptions == (), "the card of what is shipped leaves nothing open"
    assert is_here("cifar10")


def test_the_embedded_nets_card_log_and_readme_say_the_same() -> None:
    record, card = WEIGHTS["cifar10"], json.loads((ASSETS / "cifar10.json").read_text())
    events = [json.loads(line) for line in (ASSETS / "cifar10-log.jsonl").read_text().splitlines()]
    assert card["accuracy"]["held_out_2500"] == [event for event in events if event["kind"] == "epoch"][-1]["valid_accuracy"]
    readme = (ASSETS.parent / "README.md").read_text(encoding="utf-8")
    assert f"{record.top1_accuracy:.2f} % ({record.top5_accuracy:.2f} % among the first five)" in readme
    assert f"{record.params:,}" in readme


def test_the_photo_net_is_what_its_card_says() -> None:
    record, card = WEIGHTS["photos23"], json.loads((ASSETS / "photos23.json").read_text())
    assert hashlib.sha256((ASSETS / "photos23.pth").read_bytes()).hexdigest() == record.sha256
    assert (ASSETS / "photos23.pth").stat().st_size < 5e6
    model = load("photos23")
    assert sum(p.numel() for p in model.parameters()) == record.params
    assert model.config == record.config
    assert len(record.labels()) == record.config.num_classes == 23
    assert record.preprocessing.crop_px >= 128
    assert totals(record.config, record.preprocessing.crop_px).final_size >= 8, "Grad-CAM has a shape"
    assert record.assumptions == ()
    assert "no photo is shipped" in record.licence
    assert np.mean(list(card["accuracy_by_class"].values())) == pytest.approx(card["accuracy"]["top1"], abs=1e-3), "150 of each"
    readme = (ASSETS.parent / "README.md").read_text(encoding="utf-8")
    assert f"{record.top1_accuracy:.1f} % of the 3,449 test photos" in readme
    assert f"{record.params:,}" in readme


@pytest.mark.parametrize("name", ["photos23", "cifar10"])
def test_an_embedded_net_is_calibrated_and_knows_its_training_pictures(name: str) -> None:
    record = load(name).weights
    assert record is not None
    assert record.calibrated is not None
    assert record.calibrated.error < min(0.03, record.calibrated.error_before)
    assert record.familiar is not None
    check_statistics(record.familiar, load(name))


@pytest.mark.skipif(
    "CIFAR10_JPEG" not in os.environ, reason="CIFAR10_JPEG must name the folder of CIFAR-10 as JPEG, test/<class>/*.jpg in it"
)
def test_the_embedded_nets_accuracy_is_the_one_on_the_card() -> None:
    model, right, right_5, seen = load("cifar10"), 0, 0, 0
    assert model.weights is not None
    feed = model.weights.preprocessing
    for index, label in enumerate(model.weights.classes):
        files = sorted(Path(os.environ["CIFAR10_JPEG"], "test", label).glob("*.jpg"))
        for start in range(0, len(files), 250):
            x = torch.cat([feed.tensor(feed.view(read_image(file))) for file in files[start : start + 250]])
            with torch.inference_mode():
                best = model(x).topk(5).indices
            right, right_5 = right + int((best[:, 0] == index).sum()), right_5 + int((best == index).any(1).sum())
            seen += len(x)
    assert seen == 10_000
    assert 100 * right / seen == pytest.approx(model.weights.top1_accuracy, abs=0.05), "another machine rounds otherwise"
    assert 100 * right_5 / seen == pytest.approx(model.weights.top5_accuracy, abs=0.05)


def test_loaded_nets_are_in_eval_frozen_and_kept() -> None:
    model = load("cifar10")
    assert isinstance(model, DenseNet)
    assert not any(module.training for module in model.modules())
    assert not any(p.requires_grad for p in model.parameters())
    assert all(tensor.device.type == "cpu" for tensor in (*model.parameters(), *model.buffers()))
    assert load("cifar10") is model
    assert load("cifar10", offline=True) is model
    assert load("cifar10", weights_dir=Path("elsewhere")) is model, "what is shipped is the same wherever downloads go"


def test_only_the_last_nets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights._kept, "most", 1)
    for name in ("a", "b"):
        monkeypatch.setitem(WEIGHTS, name, WEIGHTS["cifar10"])
        monkeypatch.setitem(weights._load_locks, name, threading.Lock())
    a = load("a")
    b = load("b")
    assert load("b") is b
    assert load("a") is not a


@pytest.mark.parametrize("name", ["", "densenet", "DenseNet121", "densenet264", "../cifar10", None, 121])
def test_an_unknown_name_is_refused(name: object) -> None:
    for function in (load, is_here):
        with pytest.raises(ValueError, match=r"^weights must be one of photos23, cifar10, densenet121, .*, got") as caught:
            function(name)  # type: ignore[operator]
        assert str(caught.value).endswith(repr(name))


def test_the_records() -> None:
    assert list(WEIGHTS) == ["photos23", "cifar10", "densenet121", "densenet161", "densenet169", "densenet201"]
    for name, record in WEIGHTS.items():
        assert record.name == name
        assert record.licence
        assert record.source
        assert record.params == totals(record.config).params
        assert record.accuracy_on
        assert record.top1_accuracy is not None
        assert record.top5_accuracy is not None
        assert 50 < record.top1_accuracy < record.top5_accuracy < 100
        assert len(record.labels()) == record.config.num_classes
        assert len(record.preprocessing.mean) == len(record.preprocessing.std) == record.config.in_channels
        if name in PRESETS:
            assert record.config == PRESETS[name]


@pytest.mark.parametrize("way", ["weights_dir", "weights_dir as text", "TORCH_HOME", "XDG_CACHE_HOME"])
def test_a_published_file_in_the_cache_loads(
    way: str, published: tuple[models.DenseNet, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, content = published
    folder = {"TORCH_HOME": tmp_path / "hub" / "checkpoints", "XDG_CACHE_HOME": tmp_path / "torch" / "hub" / "checkpoints"}.get(
        way, tmp_path
    )
    folder.mkdir(parents=True, exist_ok=True)
    weights_dir: Path | str | None = {"weights_dir": folder, "weights_dir as text": str(folder)}.get(way)
    if weights_dir is None:
        monkeypatch.delenv("TORCH_HOME")
        monkeypatch.setenv(way, str(tmp_path))
    assert not is_here("densenet121", weights_dir)
    (folder / FILE_121).write_bytes(content)
    monkeypatch.setitem(WEIGHTS, "densenet121", replace(WEIGHTS["densenet121"], sha256=hashlib.sha256(content).hexdigest()[:8]))
    assert is_here("densenet121", weights_dir)
    assert fetch("densenet121", weights_dir=weights_dir, offline=True) == folder / FILE_121
    ours = load("densenet121", weights_dir=weights_dir, offline=True)
    assert load("densenet121", weights_dir=weights_dir) is ours
    assert ours.weights is WEIGHTS["densenet121"]
    assert not ours.training
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)
    if weights_dir is not None:
        with pytest.raises(ConnectionError, match="not on this machine"):
            load("densenet121", weights_dir=tmp_path / "another", offline=True)


@pytest.mark.parametrize(
    "environment", [{}, {"TORCH_HOME": "/a/b"}, {"TORCH_HOME": "~/c"}, {"XDG_CACHE_HOME": "/d"}, {"XDG_CACHE_HOME": "~/e"}]
)
def test_the_folder_is_torch_hubs(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME", "TORCH_HUB"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert str(download.weights_folder(None)) == os.path.join(torch.hub.get_dir(), "checkpoints")


def test_offline_without_the_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"^The weights of densenet169 are not on this machine.*switched off\.$"):
        load("densenet169", weights_dir=tmp_path, offline=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folder_with_another_hash_is_named_and_stays(published: tuple[models.DenseNet, bytes], tmp_path: Path) -> None:
    file = tmp_path / FILE_121
    file.write_bytes(published[1])
    for ask in (load, fetch):
        with pytest.raises(
            ValueError, match=r"its SHA-256 begins with \w{8} instead of a639ec97: remove it, and it will be brought"
        ) as caught:
            ask("densenet121", weights_dir=tmp_path)
        assert str(caught.value).startswith(f"{file} does not hold the weights of densenet121")
    assert file.read_bytes() == published[1]


def test_a_shipped_file_that_was_changed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTS, "cifar10", replace(WEIGHTS["cifar10"], sha256="0" * 64))
    with pytest.raises(ValueError, match=r"cifar10\.pth does not hold the weights of cifar10"):
        load("cifar10")


def test_each_file_is_hashed_once(published: tuple[models.DenseNet, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, digests = tmp_path / FILE_121, []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *a: digests.append(a) or real(*a))
    file.write_bytes(published[1])
    monkeypatch.setitem(WEIGHTS, "densenet121", replace(WEIGHTS["densenet121"], sha256=hashlib.sha256(published[1]).hexdigest()[:8]))
    for _ in range(3):
        fetch("densenet121", weights_dir=tmp_path)
    assert len(digests) == 1
    file.write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        fetch("densenet121", weights_dir=tmp_path)


def test_a_known_file_with_other_contents_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(DenseNet(PRESETS["tiny"]).state_dict(), tmp_path / FILE_121)
    digits = hashlib.sha256((tmp_path / FILE_121).read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(WEIGHTS, "densenet121", replace(WEIGHTS["densenet121"], sha256=digits))
    with pytest.raises(ValueError, match=rf"^Cannot read {FILE_121} as a DenseNet's weights: \d+ missing: features\.norm0\.weight"):
        load("densenet121", weights_dir=tmp_path)


@pytest.fixture
def server(published: tuple[models.DenseNet, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the published file, and a record of densenet121 that points to it with the right digits."""
    server = Server(published[1])
    digits = hashlib.sha256(published[1]).hexdigest()[:8]
    url = f"http://127.0.0.1:{server.http.server_address[1]}/models/densenet121-{digits}.pth"
    monkeypatch.setitem(WEIGHTS, "densenet121", replace(WEIGHTS["densenet121"], url=url, sha256=digits))
    yield server
    server.close()


def test_a_download_comes_whole_and_stays(
    server: Server, published: tuple[models.DenseNet, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    model = load("densenet121", weights_dir=folder)
    [file] = folder.iterdir()
    assert file.read_bytes() == published[1]
    assert file.name == f"densenet121-{WEIGHTS['densenet121'].sha256}.pth"
    torch.testing.assert_close(model.state_dict()["classifier.weight"], published[0].classifier.weight.detach())
    weights._kept.clear()
    assert load("densenet121", weights_dir=folder, offline=True) is not model
    assert len(server.served) == 1
    assert capfd.readouterr() == ("", ""), "a library prints nothing"


def test_threads_at_once_download_once(server: Server, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        nets = list(pool.map(lambda _: load("densenet121", weights_dir=tmp_path), range(4)))
    assert all(net is nets[0] for net in nets)
    assert len(server.served) == 1


def test_a_slow_download_does_not_hold_up_other_nets(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.manner = "stalls"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(load, "densenet121", weights_dir=tmp_path)
        wait_until(lambda: bool(server.served), "a download that has begun")
        assert load("cifar10").weights is WEIGHTS["cifar10"]
        assert not waiting.done()
        server.let_go.set()
        assert isinstance(waiting.exception(timeout=PATIENCE_SECONDS), ConnectionError)
