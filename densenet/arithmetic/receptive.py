"""Receptive fields: which pixels of the image each output of an operation can depend on, exactly, by arithmetic.

Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (Distill, 2019), section "Single-path networks". A
dense layer reads many maps at once; that of the layer before it depends on all the pixels that the older ones depend on, so that one pass
along the layers gives what the many paths give together.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from densenet.arithmetic.plan import Layer, plan
from densenet.config import DenseNetConfig

_STEM_POOL = "features.pool0"


class ReceptiveField(NamedTuple):
    """The square that an operation's output looks at, in pixels of the image; not cut at the image's edge."""

    size: int  # of its side
    jump: int  # how far the squares of two neighbouring outputs lie apart
    start: int  # first row and column that output (0, 0) looks at; below 0 lies padding

    def square(self, row: int, column: int, image_size: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom (exclusive) of what output (`row`, `column`) sees of an image of `image_size` a side."""
        left, top = self.start + self.jump * column, self.start + self.jump * row
        return max(0, left), max(0, top), min(image_size, left + self.size), min(image_size, top + self.size)


def _padding(row: Layer) -> int:
    """How many pixels the operation adds on each side of its input."""
    return row.kernel // 2 if row.op == "conv" or row.path == _STEM_POOL else 0


def _behind(row: Layer, field: ReceptiveField) -> ReceptiveField:
    """What `row` sees through an input that sees `field`."""
    if not row.kernel:
        return field
    size = field.size + (row.kernel - 1) * field.jump
    return ReceptiveField(size, field.jump * row.stride, field.start - _padding(row) * field.jump)


@lru_cache(maxsize=8)
def _fields(config: DenseNetConfig, image_size: int) -> dict[str, ReceptiveField]:
    field, found = ReceptiveField(1, 1, 0), {}
    for row in plan(config, image_size):
        field = found[row.path] = _behind(row, field)
    return found


def receptive_fields(config: DenseNetConfig, image_size: int = 224) -> dict[str, ReceptiveField]:
    """Return the receptive field of each row of `plan(config, image_size)` by its path; raises what `plan` raises."""
    return _fields(config, config.check_image_size(image_size))
