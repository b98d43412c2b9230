"""Short names for the sources and readers of a dense block, as many of them as fit along an axis."""

from __future__ import annotations

_STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128, 256)


def ticks(labels: list[str], apart: float) -> tuple[list[int], list[str]]:
    """Return places and words of the first of `labels`, every nth and the last, none nearer to another than `apart` places.

    Nothing where not even the first and the last are that far apart.
    """
    last = len(labels) - 1
    if last < apart:
        return [], []
    step = next((n for n in _STEPS if n >= apart), last)
    places = [0, *(i for i in range(step, last, step) if last - i >= step), last]
    return places, [labels[i] for i in places]


def source_labels(count: int) -> list[str]:
    """Name a block's `count` sources shortly: its input, then its layers by number."""
    return ["in", *(str(i) for i in range(1, count))]


def reader_labels(count: int) -> list[str]:
    """Name a block's `count` readers shortly: its layers by number, then what reads the whole block."""
    return [*(str(i) for i in range(1, count)), "out"]
