"""Names of classes as other programs write them: in a checkpoint of training, or in a JSON file beside the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

# What programs call them, the plainest first: lists of names, names by index, indices by name.
_KEYS = ("classes", "class_names", "label_names", "labels", "categories", "id2label", "idx_to_class", "class_to_idx", "label2id")
_DEPTH = 3  # of dictionaries in dictionaries: Lightning's hyper-parameters, timm's settings
_MOST_NAMES = 100_000
_LONGEST = 500  # letters


class ClassNames(NamedTuple):
    """Names by index, and what the file calls them."""

    source: str
    names: tuple[str, ...]


def names_of(value: object) -> tuple[str, ...] | None:
    """Return the names that `value` gives by index: a list of names, names by their index, or indices by name; None for anything else."""
    if isinstance(value, list | tuple):
        names: list[object] = list(value)
    elif isinstance(value, Mapping) and value:
        by_index = {_index(key): name for key, name in value.items()}
        if None in by_index or not all(isinstance(name, str) for name in value.values()):
            by_index = {_index(index): name for name, index in value.items()}
        if len(by_index) != len(value) or set(by_index) != set(range(len(value))):
            return None
        names = [by_index[i] for i in range(len(value))]
    else:
        return None
    if not 0 < len(names) <= _MOST_NAMES or not all(isinstance(name, str) and 0 < len(name) <= _LONGEST for name in names):
        return None
    return tuple(str(name) for name in names)


def _index(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return value if isinstance(value, int) else int(value) if value.isascii() and value.isdigit() and len(value) < 7 else None


def _levels(content: Mapping[object, object]) -> Iterator[tuple[str, Mapping[object, object]]]:
    """Yield `content` and the dictionaries in it, outermost first, with the names that lead to each."""
    level: list[tuple[str, Mapping[object, object]]] = [("", content)]
    for _ in range(_DEPTH):
        yield from level
        level = [(f"{path}{key}.", child) for path, one in level for key, child in one.items() if isinstance(child, Mapping)]


def names_in(content: object) -> ClassNames | None:
    """Return the first names of classes in a dictionary, or in those that it holds; None where there are none."""
    if not isinstance(content, Mapping):
        return None
    for path, one in _levels(content):
        for key in _KEYS:
            names = names_of(one.get(key))
            if names is not None:
                return ClassNames(f"{path}{key}"[:120], names)
    return None
