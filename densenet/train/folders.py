"""Which folders are classes, and which files are pictures: one answer for the training and for the forecast of it.

What is hidden (its name begins with a dot, or is one that systems give to their own: `@eaDir`, `__MACOSX`) is neither. Links to folders are
followed for a class, and not within it. Folders of known names are the splits of a data set, in any case and as people write them:
`train`, `Training`, `seg_train`, `test_set`, `valid`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from densenet.checks import list_names
from densenet.pictures.images import looks_like_a_picture, picture_suffixes

_SPLIT = r"(?:seg[_-])?({})(?:[_-]?(?:set|data|dataset|images))?"
_TRAIN = re.compile(_SPLIT.format("train|training"), re.IGNORECASE)
_TESTS = tuple(re.compile(_SPLIT.format(names), re.IGNORECASE) for names in ("test|testing", "val", "valid", "validation"))
_OF_SYSTEMS = ("@eaDir", "__MACOSX")
_NO_PICTURES = frozenset({".txt", ".csv", ".json", ".xml", ".md", ".html", ".pdf", ".zip", ".py", ".npy", ".mat", ".db", ".ini", ".mp4"})


@dataclass(frozen=True)
class Contents:
    """What lies in a folder of classes: the classes' names, in order, and how many files look like pictures."""

    classes: tuple[str, ...]
    pictures: int


@lru_cache(maxsize=1)
def endings() -> frozenset[str]:
    """Return the endings of files that are taken for pictures without a look into them: Pillow's own, of the formats that are read here."""
    return picture_suffixes()


def split_folders(root: Path) -> tuple[Path, Path | None]:
    """Return the folder of classes to learn from, `root` or the part for training in it, and the one for the test beside that, or None.

    A part is a folder of a known name that holds folders; one that holds the like again, and nothing else, stands for that.
    """
    if not os.path.isdir(root):
        return root, None
    parts = {path.name: path for path in class_folders(root)}
    train = next((path for name, path in parts.items() if _TRAIN.fullmatch(name) and class_folders(path)), None)
    if train is None:
        return root, None
    tests = (next((path for name, path in parts.items() if kind.fullmatch(name) and class_folders(path)), None) for kind in _TESTS)
    test = next((path for path in tests if path is not None), None)
    return _innermost(train, _TRAIN), None if test is None else _innermost(test, *_TESTS)


def _innermost(part: Path, *kinds: re.Pattern[str]) -> Path:
    inside = class_folders(part)
    return inside[0] if len(inside) == 1 and any(kind.fullmatch(inside[0].name) for kind in kinds) and class_folders(inside[0]) else part


def check_holds_classes(folder: Path) -> None:
    """Raise ValueError where what looks like classes are parts of a data set: folders of equal names in each, and nothing else."""
    inside = [{entry.name: entry.is_dir() for entry in _entries(path) if not _hidden(entry)} for path in class_folders(folder)]
    if len(inside) > 1 and all(len(one) > 1 and one == inside[0] and all(one.values()) for one in inside):
        names, same = list_names([path.name for path in class_folders(folder)]), list_names(sorted(inside[0]))
        raise ValueError(f"{folder} holds {names}, and each of these the same folders, {same}: name the one that holds the classes")


def class_folders(folder: Path) -> list[Path]:
    """Return the folder of each class, by name; ValueError if `folder` is none or cannot be read."""
    if not os.path.isdir(folder):  # unlike Path.is_dir also for a name that is too long, or may not be looked at
        raise ValueError(f"{folder} is not a folder")
    return sorted((Path(entry.path) for entry in _entries(folder) if not _hidden(entry) and entry.is_dir()), key=lambda path: path.name)


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in `folder` and the folders in it, by name; ValueError if one cannot be read."""
    return sorted(Path(entry.path) for entry in _walk(folder) if _is_picture(entry))


def others_in(folder: Path) -> list[Path]:
    """Return the files in `folder` and the folders in it that are no pictures, and are not hidden, by name."""
    return sorted(Path(entry.path) for entry in _walk(folder) if not _hidden(entry) and entry.is_file() and not _is_picture(entry))


def contents_of(folder: Path, most_entries: int) -> Contents:
    """Count what `folder` holds; ValueError if it cannot be read, or as soon as more than `most_entries` files and folders were seen."""
    check_holds_classes(folder)
    classes = class_folders(folder)
    seen = pictures = 0
    for one in classes:
        for entry in _walk(one):
            seen, pictures = seen + 1, pictures + _is_picture(entry)
            if seen > most_entries:
                raise ValueError(f"{folder} holds more than {most_entries:,} files and folders; name the folder that holds the classes")
    return Contents(tuple(path.name for path in classes), pictures)


def _hidden(entry: os.DirEntry[str]) -> bool:
    return entry.name.startswith(".") or entry.name in _OF_SYSTEMS


def _is_picture(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a picture by its name, or, where that says nothing, by how it begins."""
    if _hidden(entry) or not entry.is_file():
        return False
    ending = os.path.splitext(entry.name)[1].lower()
    return ending in endings() or (ending not in _NO_PICTURES and looks_like_a_picture(entry.path))


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
