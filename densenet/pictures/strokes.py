"""What somebody draws, as a picture of the kind that a grey net has learnt from: white on black, in the middle, of the right thickness.

A drawing is known by its strokes, not by its pixels, so that neither the pen nor the place nor the size of the hand changes the answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from densenet.checks import show_value

MOST_POINTS = 20_000
_FINE = 8  # times the side at which it is drawn, before it is averaged down
_MOST_NARROWED = 2.0  # a very wide glyph is not pressed together more than this
_SMALL_PX = 16  # below it, pictures are as the digits of 8 x 8

Stroke = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Form:
    """How glyphs of a data set lie in their square, as fractions of its side."""

    width: float
    height: float
    pen: float
    widened: float  # how much more a glyph may be stretched sideways than upwards, its pen too; 1: never
    by_mass: bool  # its centre of mass is put into the middle, not the middle of its sides


# NIST's normalisation fills 20 of 32 columns and all 32 rows; the digits of 8 x 8 are means of 4 x 4 of these (Alpaydin, Kaynak, 1998).
_AS_DIGITS = _Form(width=20 / 32, height=1.0, pen=4.6 / 32, widened=2.0, by_mass=False)
# MNIST's fills a box of 20 x 20 of 28 and keeps the proportions (Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist).
_AS_MNIST = _Form(width=20 / 28, height=20 / 28, pen=2.4 / 28, widened=1.0, by_mass=True)


def checked_strokes(value: object) -> tuple[Stroke, ...]:
    """Return `value`, a list of strokes, each a list of points (x, y), as tuples; ValueError for anything else, and for nothing drawn."""
    rule = f"a drawing must be strokes of points (x, y), at most {MOST_POINTS:,}"
    if not isinstance(value, list | tuple):
        raise ValueError(f"{rule}, got {show_value(value)}")
    strokes, count = [], 0
    for stroke in value:
        if not isinstance(stroke, list | tuple):
            raise ValueError(f"{rule}, got {show_value(stroke)}")
        count += len(stroke)
        if count > MOST_POINTS:
            raise ValueError(f"{rule}, got more")
        for point in stroke:
            if not isinstance(point, list | tuple) or len(point) != 2 or not all(_is_place(place) for place in point):
                raise ValueError(f"{rule}, got {show_value(point)}")
        if stroke:
            strokes.append(tuple((float(x), float(y)) for x, y in stroke))
    if not strokes:
        raise ValueError("Nothing is drawn yet.")
    return tuple(strokes)


def _is_place(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e6


def drawing(strokes: Sequence[Stroke], side_px: int) -> Image.Image:
    """Return `strokes` as a grey picture of `side_px` a side, placed and as thick as what data sets of that side hold."""
    form = _AS_DIGITS if side_px < _SMALL_PX else _AS_MNIST
    fine = side_px * _FINE
    scale, widened = _scales(strokes, form, fine)
    picture = _inked(strokes, scale, widened, form.pen * fine, fine)
    if form.by_mass:
        picture = ImageChops.offset(picture, *(-round(distance) for distance in _off_centre(picture)))
    return picture.resize((side_px, side_px), Image.Resampling.BOX)


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Return the middle of the least and the largest of `values`, and how far apart these are."""
    low, high = min(values), max(values)
    return (low + high) / 2, high - low


def _scales(strokes: Sequence[Stroke], form: _Form, side: int) -> tuple[float, float]:
    """Return how much larger strokes become to fill the form's box with their ink, and how much more sideways than upwards."""
    width = _middle([x for stroke in strokes for x, _ in stroke])[1]
    height = _middle([y for stroke in strokes for _, y in stroke])[1]
    pen = form.pen * side
    down = (form.height * side - pen) / height if height else math.inf
    across = (form.width * side - pen) / width if width else math.inf
    if form.widened == 1 or not height:
        scale = min(down, across)
        return (1.0 if math.isinf(scale) else scale), 1.0  # a dot stays one
    down = min(down, across * _MOST_NARROWED)
    return down, min(form.widened, form.width * side / (width * down + pen))


def _inked(strokes: Sequence[Stroke], scale: float, widened: float, pen: float, side: int) -> Image.Image:
    """Draw strokes with a round pen, white on black, in the middle; then widen the picture, and with it the pen, as a bitmap would be."""
    x0, y0 = (_middle([point[axis] for stroke in strokes for point in stroke])[0] for axis in (0, 1))
    across = max(1, round(side / widened))
    picture = Image.new("L", (across, side), 0)
    draw, half = ImageDraw.Draw(picture), pen / 2
    for stroke in strokes:
        placed = [(across / 2 + (x - x0) * scale, side / 2 + (y - y0) * scale) for x, y in stroke]
        draw.line(placed, fill=255, width=max(1, round(pen)))
        for x, y in placed:
            draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
    return picture.resize((side, side), Image.Resampling.BOX)


def _off_centre(picture: Image.Image) -> tuple[float, float]:
    """Return how far the centre of mass lies from the picture's middle."""
    side = picture.width
    rows = list(picture.resize((1, side), Image.Resampling.BOX).tobytes())
    columns = list(picture.resize((side, 1), Image.Resampling.BOX).tobytes())

    def middle(masses: list[int]) -> float:
        total = sum(masses)
        return sum((i + 0.5) * mass for i, mass in enumerate(masses)) / total if total else side / 2

    return middle(columns) - side / 2, middle(rows) - side / 2
