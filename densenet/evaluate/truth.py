"""What is right of each picture: the folder that it lies in, or its row in a table of labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densenet.checks import list_names
from densenet.model.calibration import UNKNOWN
from densenet.train.folders import class_folders, pictures_in, split_folders

MOST_PICTURES = 200_000
_MOST_CSV_BYTES = 64 * 2**20
_NUMBERED = re.compile(r"class \d+")
_YES, _NO = {"1", "1.0", "true", "yes", "positive"}, {"0", "0.0", "false", "no", "negative"}
_OPEN = {"", "-1", "-1.0", "nan", "unknown", "uncertain", "u"}


@dataclass(frozen=True)
class Truth:
    """Pictures and what is right of them. `values` is N x outputs of the net: 1 right, 0 wrong, `UNKNOWN` where nobody says.

    `exclusive`: one class a picture. `said`: sentences on what was left out, and how names were matched.
    """

    files: tuple[Path, ...]
    values: NDArray[np.int8]
    exclusive: bool
    said: tuple[str, ...] = ()


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()


def _check_count(count: int, where: Path) -> None:
    if not count:
        raise ValueError(f"{where} holds no pictures that the net has a class for")
    if count > MOST_PICTURES:
        raise ValueError(f"{where} holds {count:,} pictures, and {MOST_PICTURES:,} is the limit")


def truth_of_folders(root: Path, labels: Sequence[str]) -> Truth:
    """Return the pictures of a folder of classes, each of the class whose folder it lies in; the part for the test where there is one.

    Folders are matched with `labels`, the net's classes, by name, whatever their case, spaces and dashes; where the net's are only
    numbered, by order. ValueError where nothing matches, or for a folder that cannot be read.
    """
    train, test = split_folders(root)
    place, said = (test, [f"Of {root.name}, {test.name} is looked at."]) if test is not None else (train, [])
    folders = class_folders(place)
    index = {_plain(label): i for i, label in enumerate(labels)}
    known = {folder: index[_plain(folder.name)] for folder in folders if _plain(folder.name) in index}
    if not known and len(folders) == len(labels) and all(_NUMBERED.fullmatch(label) for label in labels):
        known = {folder: i for i, folder in enumerate(folders)}
        said.append("The net's classes have no names: the folders are taken in alphabetical order.")
    if not known:
        names = list_names([folder.name for folder in folders]) if folders else "no folders"
        raise ValueError(f"{place} holds {names}, and none of them is one of the net's {len(labels)} classes ({list_names(list(labels))})")
    foreign = [folder.name for folder in folders if folder not in known]
    if foreign:
        said.append(f"Left out, as the net has no such class: {list_names(foreign)}.")
    files: list[Path] = []
    columns: list[int] = []
    for folder, column in known.items():
        found = pictures_in(folder)
        files += found
        columns += [column] * len(found)
    _check_count(len(files), place)
    values = np.zeros((len(files), len(labels)), dtype=np.int8)
    values[np.arange(len(files)), columns] = 1
    return Truth(tuple(files), values, exclusive=True, said=tuple(said))


def _read_rows(table: Path) -> list[list[str]]:
    if table.stat().st_size > _MOST_CSV_BYTES:
        raise ValueError(f"{table.name:.120} has more than {_MOST_CSV_BYTES // 2**20} MB")
    try:
        text = table.read_text(encoding="utf-8-sig")
        kind = csv.Sniffer().sniff(text[:4096], delimiters=",;\t") if text.strip() else csv.excel
        return [row for row in csv.reader(text.splitlines(), kind) if row]
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{table.name:.120} is no table of text with commas, semicolons or tabs") from None


def _value(text: str, where: str) -> int:
    word = text.strip().lower()
    if word in _OPEN:
        return UNKNOWN
    if word in _YES | _NO:
        return int(word in _YES)
    raise ValueError(f"{where} must be 1, 0 or blank for unknown, got {text!r:.40}")


def truth_of_csv(root: Path, table: Path, labels: Sequence[str]) -> Truth:
    """Return the pictures that a table names in its first column, under `root`, and what its other columns say: a column for each label.

    1 is right, 0 is not, blank (or -1) is unknown; columns that are none of `labels`, matched as for folders, are left out and named.
    ValueError for a table without any, for a value that is none, and for pictures that are not there.
    """
    rows = _read_rows(table)
    if len(rows) < 2:
        raise ValueError(f"{table.name:.120} must have a row of names and a row for each picture")
    index = {_plain(label): i for i, label in enumerate(labels)}
    columns = {n: index[_plain(name)] for n, name in enumerate(rows[0]) if n and _plain(name) in index}
    if not columns:
        raise ValueError(f"none of the columns {list_names(rows[0][1:])} is one of the net's labels ({list_names(list(labels))})")
    files: list[Path] = []
    values = np.full((len(rows) - 1, len(labels)), UNKNOWN, dtype=np.int8)
    missing: list[str] = []
    inside = root.resolve()
    for number, row in enumerate(rows[1:], start=2):
        file = (root / row[0].strip()).resolve()
        if not file.is_relative_to(inside) or not file.is_file():
            missing.append(row[0])
            continue
        for n, column in columns.items():
            values[len(files), column] = _value(row[n] if n < len(row) else "", f"row {number}, {rows[0][n]}")
        files.append(file)
    _check_count(len(files), root)
    said = [f"Left out, as the net has no such label: {list_names(unused)}." for unused in [_unused(rows[0], columns)] if unused]
    if missing:
        said.append(f"{len(missing)} of the table's pictures are not in the folder: {list_names(missing)}.")
    return Truth(tuple(files), values[: len(files)], exclusive=False, said=tuple(said))


def _unused(header: Sequence[str], columns: dict[int, int]) -> list[str]:
    return [name for n, name in enumerate(header) if n and n not in columns]
