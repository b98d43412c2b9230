"""Pictures in memory: what is read, what is skipped and named, what is refused."""

from __future__ import annotations

import gzip
import itertools
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from densenet.pictures.images import read_image
from densenet.stopping import Cancelled, stop_when
from densenet.train import ImageSet, hold_out, load_folder
from densenet.train.data import measure_preprocessing
from densenet.train.sources import load_dataset, load_split
from tests.support.small_pictures import CLASSES, pictures, written


def test_a_folder_is_read_as_the_net_will_see_it(tmp_path: Path) -> None:
    data = pictures(12)
    read = load_folder(written(tmp_path), 8)
    assert read.classes == tuple(sorted(CLASSES))
    assert not read.skipped
    assert len(read) == 12
    for picture, label, name in zip(read.images, read.labels.tolist(), read.names, strict=True):
        number = int(Path(name).stem)
        assert read.classes[label] == CLASSES[int(data.labels[number])] == Path(name).parts[0]
        assert torch.equal(picture, data.images[number])


def test_pictures_are_cut_and_fitted_as_for_prediction(tmp_path: Path, samples: Path) -> None:
    for name in ("dog", "cat"):
        (tmp_path / name).mkdir()
        for i in range(2):
            (tmp_path / name / f"{i}.jpg").write_bytes((samples / ("beagle.jpg" if name == "dog" else "tabby.jpg")).read_bytes())
    read = load_folder(tmp_path, 24)
    view = read.preprocessing.view(read_image(samples / "tabby.jpg"))
    assert torch.equal(read.images[0], torch.from_numpy(np.array(view)).permute(2, 0, 1))


def test_unreadable_files_are_skipped_and_named(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "red" / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "red" / "cut.png").write_bytes((tmp_path / "red" / "0.png").read_bytes()[:60])
    (tmp_path / "red" / "notes.txt").write_text("no picture, and no harm")
    read = load_folder(tmp_path, 8)
    assert len(read) == 12
    *broken, others = read.skipped
    assert [sentence.split(": ")[0] for sentence in broken] == ["red/broken.jpg", "red/cut.png"]
    assert all("Cannot read" in sentence for sentence in broken)
    assert others == "1 file is no picture: notes.txt"


def test_too_little_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a folder"):
        load_folder(tmp_path / "nowhere", 8)
    with pytest.raises(ValueError, match="at least 2 classes, got 0"):
        load_folder(tmp_path, 8)
    written(tmp_path)
    for file in (tmp_path / "green").iterdir():
        file.write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"green \(0\).*4 files could not be read, the first: green"):
        load_folder(tmp_path, 8)


def test_too_much_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"12 pictures, which need .* the limit is"):
        load_folder(written(tmp_path), 8, max_bytes=12 * 3 * 64 - 1)
    assert len(load_folder(tmp_path, 8, max_bytes=12 * 3 * 64)) == 12
    with pytest.raises(ValueError, match="size_px must be 1 to 4096, got 0"):
        load_folder(tmp_path, 0)


def test_decoding_tells_how_far_it_is(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    load_folder(written(tmp_path), 8, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, 12) for i in range(12)]


def test_decoding_is_given_up_when_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third picture on, whichever thread comes to it: what is decoded before is not waited for."""
    from densenet.train import data

    written(tmp_path)
    for read in (load_folder, load_split):
        asked, decoded = itertools.count(1), []
        monkeypatch.setattr(data, "read_image", lambda path, decoded=decoded: decoded.append(path) or read_image(path))  # type: ignore[func-returns-value]
        with pytest.raises(Cancelled):
            read(tmp_path if read is load_folder else str(tmp_path), 8, stop=stop_when(lambda asked=asked: next(asked) >= 3))  # type: ignore[operator,misc]
        assert len(decoded) <= 2


def test_scaling_is_measured() -> None:
    images = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    scaling = measure_preprocessing(images)
    values = images.double().div(255).transpose(0, 1).flatten(1)
    assert scaling.mean == pytest.approx(values.mean(1).tolist(), abs=1e-4)
    assert scaling.std == pytest.approx(values.std(1, correction=0).tolist(), abs=1e-4)
    assert measure_preprocessing(torch.zeros(2, 1, 4, 4, dtype=torch.uint8)).std[0] > 0


@given(st.integers(6, 60), st.data())
def test_what_is_held_out_is_evenly_spread_and_not_trained_on(count: int, draw: st.DataObject) -> None:
    data, out = pictures(count, 4), draw.draw(st.integers(1, count - 1))
    train, valid = hold_out(data, out, seed=draw.draw(st.integers(0, 9)))
    assert len(valid) == out
    assert sorted([*train.names, *valid.names]) == sorted(data.names)
    shares = torch.bincount(valid.labels, minlength=3).tolist()
    assert all(abs(share - out / 3) < 2 for share in shares)
    for part in (train, valid):
        numbers = [int(Path(name).stem) for name in part.names]
        assert torch.equal(part.images, data.images[numbers])


def test_a_held_out_part_is_neither_empty_nor_all() -> None:
    for count in (0, 12, True, 1.5):
        with pytest.raises(ValueError, match="count must be 1 to 11"):
            hold_out(pictures(12), count)  # type: ignore[arg-type]


def test_data_are_told_apart() -> None:
    data = pictures(12)
    changed = data.images.clone()
    changed[5, 0, 0, 0] ^= 1
    others = [pictures(13), pictures(12, seed=1), ImageSet(changed, data.labels, CLASSES, data.names, data.preprocessing)]
    assert data.fingerprint() == pictures(12).fingerprint()
    assert len({data.fingerprint(), *(other.fingerprint() for other in others)}) == 4


def test_a_set_checks_its_parts() -> None:
    data = pictures(6)
    for images, labels, names, message in (
        (data.images.float(), data.labels, data.names, "uint8"),
        (data.images[..., :4], data.labels, data.names, "N x C x H x H"),
        (data.images[:5], data.labels, data.names, "equally many"),
        (data.images, data.labels + 1, data.names, "labels must be 0 to 2, got 1 to 3"),
    ):
        with pytest.raises(ValueError, match=message):
            ImageSet(images, labels, CLASSES, names, data.preprocessing)


def idx(array: np.ndarray) -> bytes:
    """An array in the format of MNIST's files."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inside", ["", "FashionMNIST/raw"])
def test_fashion_mnist_is_read_as_published(tmp_path: Path, packed: bool, inside: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
    labels = np.arange(7, dtype=np.uint8)
    folder = tmp_path / inside
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 7), ("t10k", 3)):
        for kind, values in (("images-idx3", images[:count]), ("labels-idx1", labels[:count])):
            content = idx(values)
            (folder / f"{part}-{kind}-ubyte{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)
    train, test = load_split("fashion_mnist", folder=tmp_path)
    assert test is not None
    assert (len(train), len(test)) == (7, 3)
    assert torch.equal(train.images, torch.from_numpy(images).unsqueeze(1))
    assert train.labels.tolist() == list(range(7))
    assert train.classes[9] == "Ankle boot"
    assert len(train.preprocessing.mean) == 1
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ValueError, match="damaged or ends early"):
        load_dataset("fashion_mnist", tmp_path)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_one_file_of_fashion_mnist_is_not_enough(kind: str, tmp_path: Path) -> None:
    (tmp_path / f"train-{kind}-ubyte").write_bytes(b"something")
    with pytest.raises(ValueError, match="it needs the idx files, or download"):
        load_dataset("fashion_mnist", tmp_path)


def test_cifar_is_read_as_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        (folder / name).write_bytes(pickle.dumps({"data": values.reshape(2, -1), "labels": [3, 7]}))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    train, test = load_split("cifar10", folder=tmp_path)
    assert test is not None
    assert (len(train), len(test)) == (10, 2)
    assert torch.equal(test.images, torch.from_numpy(values))
    assert test.labels.tolist() == [3, 7]
    assert train.classes == tuple(names)


def test_cifar_as_folders(tmp_path: Path) -> None:
    written(tmp_path / "train", size_px=32)
    written(tmp_path / "test", count=6, size_px=32)
    train, test = load_split("cifar10", folder=tmp_path)
    assert test is not None
    assert (len(train), len(test), train.images.shape[-1]) == (12, 6, 32)


def test_missing_data_are_said(tmp_path: Path) -> None:
    for source, message in (("fashion_mnist", "idx files"), ("cifar10", "could not be read"), (str(tmp_path / "x"), "not a folder")):
        with pytest.raises(ValueError, match=message):
            load_split(source, folder=tmp_path)
    with pytest.raises(ValueError, match="data must be one of"):
        load_dataset("mnist")


def test_a_folder_with_a_test_part(tmp_path: Path) -> None:
    written(tmp_path / "train")
    train, test = load_split(str(tmp_path), 8)
    assert test is None
    written(tmp_path / "val", count=6)
    train, test = load_split(str(tmp_path), 8)
    assert test is not None
    assert (len(train), len(test)) == (12, 6)
    (tmp_path / "val" / "red").rename(tmp_path / "val" / "rouge")
    with pytest.raises(ValueError, match="must hold the classes"):
        load_split(str(tmp_path), 8)


def test_grey_and_animated_pictures_are_brought_to_rgb(tmp_path: Path) -> None:
    written(tmp_path)
    Image.new("L", (20, 10), 77).save(tmp_path / "red" / "grey.png")
    read = load_folder(tmp_path, 8)
    assert (read.images[read.names.index("red/grey.png")] == 77).all()
