"""Which folders are classes, and which files are pictures: one answer for the training and for the forecast of it.

What is hidden (its name begins with a dot) is neither. Links to folders are followed for a class, and not within it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from densenet.pictures.images import FORMATS

_TEST_FOLDERS = ("test", "val", "valid", "validation")


@dataclass(frozen=True)
class Contents:
    """What lies in a folder of classes: the classes' names, in order, and how many files look like pictures."""

    classes: tuple[str, ...]
    pictures: int


@lru_cache(maxsize=1)
def endings() -> frozenset[str]:
    """Return the endings of the files that are taken for pictures: Pillow's own, of the formats that are read here."""
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in FORMATS)


def split_folders(root: Path) -> tuple[Path, Path | None]:
    """Return the folder of classes to learn from, `root` or the train/ in it, and the one for the test beside train/, or None."""
    if not os.path.isdir(root / "train"):
        return root, None
    return root / "train", next((root / name for name in _TEST_FOLDERS if os.path.isdir(root / name)), None)


def class_folders(folder: Path) -> list[Path]:
    """Return the folder of each class, by name; ValueError if `folder` is none or cannot be read."""
    if not os.path.isdir(folder):  # unlike Path.is_dir also for a name that is too long, or may not be looked at
        raise ValueError(f"{folder} is not a folder")
    return sorted((Path(entry.path) for entry in _entries(folder) if not _hidden(entry) and entry.is_dir()), key=lambda path: path.name)


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in `folder` and the folders in it, by name; ValueError if one cannot be read."""
    return sorted(Path(entry.path) for entry in _walk(folder) if _is_picture(entry))


def contents_of(folder: Path, most_entries: int) -> Contents:
    """Count what `folder` holds; ValueError if it cannot be read, or as soon as more than `most_entries` files and folders were seen."""
    classes = class_folders(folder)
    seen = pictures = 0
    for one in classes:
        for entry in _walk(one):
            seen, pictures = seen + 1, pictures + _is_picture(entry)
            if seen > most_entries:
                raise ValueError(f"{folder} holds more than {most_entries:,} files and folders; name the folder that holds the classes")
    return Contents(tuple(path.name for path in classes), pictures)


def _hidden(entry: os.DirEntry[str]) -> bool:
    return entry.name.startswith(".")


def _is_picture(entry: os.DirEntry[str]) -> bool:
    return not _hidden(entry) and os.path.splitext(entry.name)[1].lower() in endings() and entry.is_file()


def _entries(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from found
    except OSError as error:
        raise ValueError(f"{folder} cannot be read: {error.strerror or error}") from None


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what lies in `folder` and in the folders in it that are not hidden."""
    waiting: list[str] = [str(folder)]
    while waiting:
        for entry in _entries(waiting.pop()):
            yield entry
            if not _hidden(entry) and entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
