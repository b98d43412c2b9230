"""Where pictures come from: a folder of classes, the digits that are always here, or the files that a data set's authors publish.

torchvision is loaded where one of those is read: half of what a training needs to start is its import.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from densenet.checks import checked_integer
from densenet.config import IMAGE_SIZE_RANGE
from densenet.stopping import Progress, Stop, go_on, tell_nobody
from densenet.train.archives import FASHION_MNIST_FOLDER
from densenet.train.data import MAX_BYTES, ImageSet, load_folder, measure_preprocessing
from densenet.train.digits import load_digits
from densenet.train.folders import split_folders

if TYPE_CHECKING:
    from torchvision.datasets import VisionDataset

DATASETS = ("digits", "fashion_mnist", "cifar10", "cifar100")
_FOLDER_SIZE_PX = 32
_RESIZED_AT_ONCE = 1000


def load_dataset(
    name: str,
    folder: str | PathLike[str] | None = None,
    *,
    train: bool = True,
    download: bool = False,
    progress: Progress = tell_nobody,
    stop: Stop = go_on,
) -> ImageSet:
    """Return the training or the test half of one of `DATASETS`, at its own size.

    `folder` holds the published files as torchvision keeps them, or for Fashion-MNIST the four idx files, packed or not (default: Debian's
    folder), or for CIFAR a folder train/<class> and test/<class> of pictures; the digits need none. `download` brings missing files into
    `folder`. ValueError if the data are not there, or the files are damaged.
    """
    if name not in DATASETS:
        raise ValueError(f"data must be one of {', '.join(DATASETS)} or a folder, got {name!r}")
    if name == "digits":
        return load_digits(train=train)
    if name == "fashion_mnist":
        return _fashion_mnist(Path(folder or FASHION_MNIST_FOLDER), train, download)
    from torchvision import datasets

    if folder is None:
        raise ValueError(f"{name} needs the folder that holds it, or shall hold it")
    pictures = Path(folder) / ("train" if train else "test")
    if pictures.is_dir():
        return load_folder(pictures, 32, progress=progress, stop=stop)
    kind = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
    found = _open(name, Path(folder), lambda: kind(str(folder), train=train, download=download))
    images = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
    return _image_set(images, torch.tensor(found.targets), tuple(found.classes))


def _open(name: str, folder: Path, make: Callable[[], VisionDataset]) -> VisionDataset:
    """Return what `make` reads, torchvision's many errors as one ValueError."""
    try:
        return make()
    except Exception as error:
        reason = str(error).split(". ")[0].strip().rstrip(".")
        raise ValueError(f"{name} could not be read from {folder}: {reason}") from None


def _fashion_mnist(folder: Path, train: bool, download: bool) -> ImageSet:
    from torchvision import datasets
    from torchvision.datasets.mnist import read_image_file, read_label_file

    part = "train" if train else "t10k"
    for place in (folder, folder / "FashionMNIST" / "raw"):
        files = [_idx_file(place, f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
        if files[0] and files[1]:
            break
    else:
        if not download:
            raise ValueError(f"fashion_mnist is not in {folder}: it needs the idx files, or download")
        found = _open("fashion_mnist", folder, lambda: datasets.FashionMNIST(str(folder), train=train, download=True))
        return _image_set(found.data.unsqueeze(1), found.targets, tuple(found.classes))
    try:
        images, labels = (_unpack(file, read) for file, read in zip(files, (read_image_file, read_label_file), strict=True))
    except Exception:  # a damaged file raises what it likes
        raise ValueError(f"fashion_mnist could not be read from {folder}: a file is damaged or ends early") from None
    return _image_set(images.unsqueeze(1), labels, tuple(datasets.FashionMNIST.classes))


def _idx_file(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)


def _unpack(file: Path | None, read: Callable[[str], torch.Tensor]) -> torch.Tensor:
    """Read an idx file by torchvision's reader, which wants a plain file."""
    assert file is not None
    if file.suffix != ".gz":
        return read(str(file))
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / file.stem
        with gzip.open(file) as packed, open(plain, "wb") as target:
            shutil.copyfileobj(packed, target)
        return read(str(plain)).clone()


def _image_set(images: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...]) -> ImageSet:
    names = tuple(str(i) for i in range(len(labels)))
    return ImageSet(images, labels.long(), classes, names, measure_preprocessing(images))


def resize_set(data: ImageSet, size_px: int, max_bytes: int = MAX_BYTES) -> ImageSet:
    """Return `data` with its pictures brought to `size_px` pixels a side, bilinear; ValueError if they need more than `max_bytes`."""
    checked_integer("size_px", size_px, IMAGE_SIZE_RANGE)
    count, channels, side, _ = data.images.shape
    if side == size_px:
        return data
    needed = count * channels * size_px**2
    if needed > max_bytes:
        need, limit = needed / 2**30, max_bytes / 2**30
        raise ValueError(f"{count} pictures of {size_px} x {size_px} need {need:.1f} GiB, above the limit of {limit:.1f}")
    from torchvision.transforms.v2.functional import resize

    parts = [resize(part, [size_px, size_px], antialias=True) for part in data.images.split(_RESIZED_AT_ONCE)]
    return replace(data, images=torch.cat(parts), preprocessing=replace(data.preprocessing, crop_px=size_px))


def load_split(
    source: str,
    size_px: int | None = None,
    *,
    folder: str | PathLike[str] | None = None,
    download: bool = False,
    max_bytes: int = MAX_BYTES,
    progress: Progress = tell_nobody,
    stop: Stop = go_on,
) -> tuple[ImageSet, ImageSet | None]:
    """Return (training pictures, test pictures or None) of `source`: one of `DATASETS`, in `folder`, or a folder of classes.

    A folder that holds a part for training and one for the test (`densenet.train.folders.split_folders`) is read as these two. `size_px`
    None: a dataset's own size, 32 for folders. `progress` and `stop` are `load_folder`'s. ValueError for data that are not there or not
    enough.
    """
    if source in DATASETS:
        train, test = (load_dataset(source, folder, train=half, download=download, progress=progress, stop=stop) for half in (True, False))
        if size_px is None:
            return train, test
        return resize_set(train, size_px, max_bytes), resize_set(test, size_px, max_bytes)
    side = _FOLDER_SIZE_PX if size_px is None else size_px
    read = partial(load_folder, size_px=side, max_bytes=max_bytes, progress=progress, stop=stop)
    place, other = split_folders(Path(source))
    train = read(place)
    if other is None:
        return train, None
    test = read(other)
    if test.classes != train.classes:
        raise ValueError(f"{other} must hold the classes of {place}: {', '.join(train.classes)}, got {', '.join(test.classes)}")
    return train, test
