"""Pictures with classes, decoded once into one tensor of bytes: two cores must not decode JPEGs in each epoch."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from densenet.checks import checked_integer, list_names
from densenet.config import IMAGE_SIZE_RANGE
from densenet.pictures.images import read_image
from densenet.pictures.preprocessing import Preprocessing
from densenet.stopping import Progress, Stop, go_on, tell_nobody
from densenet.train.folders import check_holds_classes, class_folders, others_in, pictures_in

MAX_BYTES = 4 * 2**30  # of decoded pictures
MIN_IMAGES = 2  # of a class
MIN_CLASSES = 2
_FINGERPRINT_IMAGES = 1000


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Square pictures in memory with their classes. `skipped`: why which file is not among them, a sentence each."""

    images: Tensor  # uint8, N x C x H x H
    labels: Tensor  # int64, N
    classes: tuple[str, ...]
    names: tuple[str, ...]  # of the pictures' files, or their numbers
    preprocessing: Preprocessing
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __post_init__(self) -> None:
        images, count = self.images, len(self.labels)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[2] != images.shape[3]:
            raise ValueError(f"images must be uint8, N x C x H x H, got {images.dtype}, {' x '.join(map(str, images.shape))}")
        if not len(images) == count == len(self.names):
            raise ValueError(f"images, labels and names must be equally many, got {len(images)}, {count} and {len(self.names)}")
        if count and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.classes):
            raise ValueError(f"labels must be 0 to {len(self.classes) - 1}, got {int(self.labels.min())} to {int(self.labels.max())}")

    def subset(self, indices: Tensor) -> ImageSet:
        """Return the pictures at `indices`, copied."""
        names = tuple(self.names[i] for i in indices.tolist())
        return replace(self, images=self.images[indices], labels=self.labels[indices], names=names)

    def fingerprint(self) -> str:
        """Return a digest of labels, classes and evenly spread pictures: a resumed training must see the same data."""
        digest = hashlib.sha256(repr((self.classes, tuple(self.images.shape))).encode())
        digest.update(self.labels.numpy().tobytes())
        digest.update(self.images[:: max(1, len(self) // _FINGERPRINT_IMAGES)].contiguous().numpy().tobytes())
        return digest.hexdigest()


def measure_preprocessing(images: Tensor) -> Preprocessing:
    """Return the scaling of uint8 `images`, N x C x H x H, by the mean and deviation of each channel, to four digits."""
    histograms = [torch.bincount(images[:, c].flatten(), minlength=256).double() for c in range(images.shape[1])]
    levels = torch.arange(256, dtype=torch.float64) / 255.0
    means = [float((h * levels).sum() / h.sum()) for h in histograms]
    deviations = [float(((h * (levels - m) ** 2).sum() / h.sum()).sqrt()) for h, m in zip(histograms, means, strict=True)]
    shown = tuple(round(m, 4) for m in means), tuple(round(max(d, 1e-3), 4) for d in deviations)  # one colour has no deviation
    return Preprocessing(crop_px=images.shape[-1], mean=shown[0], std=shown[1])


def load_folder(
    folder: str | PathLike[str],
    size_px: int,
    *,
    max_bytes: int = MAX_BYTES,
    progress: Progress = tell_nobody,
    stop: Stop = go_on,
) -> ImageSet:
    """Decode a folder with one folder of pictures for each class, in the order of their names, each picture as the net will see it.

    The largest centred square is fitted to `size_px` (`Preprocessing.view`). Files that cannot be read are skipped and named, those that
    are no pictures are counted. `stop` is called at each picture. ValueError: no such folder, fewer than two classes, too few pictures in a
    class, parts of a data set where classes should be, or more than `max_bytes` of decoded pictures.
    """
    folder, size_px = Path(folder), checked_integer("size_px", size_px, IMAGE_SIZE_RANGE)
    check_holds_classes(folder)
    class_paths = class_folders(folder)
    classes = tuple(path.name for path in class_paths)
    if len(classes) < MIN_CLASSES:
        raise ValueError(f"{folder} must hold a folder of pictures for each of at least {MIN_CLASSES} classes, got {len(classes)}")
    files = [(path, label) for label, class_path in enumerate(class_paths) for path in pictures_in(class_path)]
    needed = len(files) * 3 * size_px**2
    if needed > max_bytes:
        raise ValueError(
            f"{folder} holds {len(files)} pictures, which need {needed / 2**30:.1f} GiB of memory at {size_px} x {size_px}; "
            f"the limit is {max_bytes / 2**30:.1f} GiB"
        )
    images = torch.empty(len(files), 3, size_px, size_px, dtype=torch.uint8)
    labels: list[int] = []
    names: list[str] = []
    skipped: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes without holding the interpreter
        decoded = pool.map(partial(_decode, size_px=size_px, stop=stop), [path for path, _ in files])
        for done, ((path, label), picture) in enumerate(zip(files, decoded, strict=True), start=1):
            progress(done, len(files))
            name = str(path.relative_to(folder))
            if isinstance(picture, str):
                skipped.append(f"{name}: {picture}")
                continue
            images[len(labels)] = picture
            labels.append(label)
            names.append(name)
    counts = torch.bincount(torch.tensor(labels, dtype=torch.int64), minlength=len(classes)).tolist()
    few = [f"{name} ({count})" for name, count in zip(classes, counts, strict=True) if count < MIN_IMAGES]
    if few:
        unreadable = f"; {len(skipped)} files could not be read, the first: {skipped[0]}" if skipped else ""
        raise ValueError(f"each class of {folder} needs at least {MIN_IMAGES} readable pictures, too few has {', '.join(few)}{unreadable}")
    others = [path.name for class_path in class_paths for path in others_in(class_path)]
    if others:
        skipped.append(f"{'1 file is no picture' if len(others) == 1 else f'{len(others)} files are no pictures'}: {list_names(others)}")
    kept = images[: len(labels)]
    return ImageSet(kept, torch.tensor(labels), classes, tuple(names), measure_preprocessing(kept), tuple(skipped))


def _decode(path: Path, size_px: int, stop: Stop) -> Tensor | str:
    """Return the picture that the net will see of a file, uint8, 3 x H x H, or why there is none."""
    stop()
    try:
        picture = Preprocessing(crop_px=size_px, mean=(), std=()).view(read_image(path))
    except ValueError as error:
        return str(error)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def hold_out(data: ImageSet, count: int, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """Split `data` at random into (the rest, `count` pictures held out), each class by its share; ValueError if either would be empty."""
    checked_integer("count", count, (1, len(data) - 1))
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    by_class = order[torch.argsort(data.labels[order], stable=True)]
    position = torch.arange(len(data))
    out = (position + 1) * count // len(data) > position * count // len(data)  # evenly spread over the classes
    return data.subset(by_class[~out].sort().values), data.subset(by_class[out].sort().values)
