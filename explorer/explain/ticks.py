"""Short names for the sources and readers of a dense block, as many of them as fit along an axis."""

from __future__ import annotations

_STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128, 256)


def ticks(labels: list[str], room: float) -> tuple[list[int], list[str]]:
    """Return the places and words of those of `labels` that are written where only `room` fit: the first, every nth, the last."""
    last = len(labels) - 1
    step = next((n for n in _STEPS if last / n + 1 <= room), _STEPS[-1])
    places = [*(i for i in range(0, last, step) if last - i >= step or not i), last]
    return places, [labels[i] for i in places]


def source_labels(count: int) -> list[str]:
    """Name a block's `count` sources shortly: its input, then its layers by number."""
    return ["in", *(str(i) for i in range(1, count))]


def reader_labels(count: int) -> list[str]:
    """Name a block's `count` readers shortly: its layers by number, then what reads the whole block."""
    return [*(str(i) for i in range(1, count)), "out"]
