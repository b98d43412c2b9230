"""A drawing becomes a picture like those of the data sets, whatever its pen, place and size."""

from __future__ import annotations

import numpy as np
import pytest

from densenet.pictures.strokes import MOST_POINTS, Stroke, checked_strokes, drawing

CIRCLE: Stroke = tuple((100 + 30 * float(np.cos(a)), 80 + 50 * float(np.sin(a))) for a in np.linspace(0, 2 * np.pi, 40))
LINE: Stroke = ((50.0, 20.0), (50.0, 120.0))


def pixels(strokes: list[Stroke], side: int) -> np.ndarray:
    picture = drawing(strokes, side)
    assert (picture.mode, picture.size) == ("L", (side, side))
    return np.asarray(picture, dtype=float) / 255


def moved(stroke: Stroke, scale: float, x: float, y: float) -> Stroke:
    return tuple((scale * a + x, scale * b + y) for a, b in stroke)


@pytest.mark.parametrize("side", [8, 28])
def test_place_and_size_of_the_hand_do_not_matter(side: int) -> None:
    first = pixels([CIRCLE, LINE], side)
    again = pixels([moved(CIRCLE, 0.4, 300, -20), moved(LINE, 0.4, 300, -20)], side)
    assert np.abs(first - again).max() < 0.02


def test_small_pictures_lie_as_the_digits_do() -> None:
    """Rows are all used, the outer columns are empty, and a zero is as heavy as theirs are (mean 19.8 pixels of ink)."""
    zero = pixels([CIRCLE], 8)
    assert (zero.max(1) > 0.3).all()
    assert zero[:, [0, 7]].max() == 0
    assert zero[:, [1, 6]].max() > 0.3
    assert 15 < zero.sum() < 24
    assert zero[3:5, 3:5].max() < 0.1, "the middle of a zero is empty"


def test_a_line_is_widened_with_its_pen() -> None:
    """As the bitmaps of the digits were: a one has as much ink as another digit's half, and keeps to the middle."""
    one = pixels([LINE], 8)
    assert one[:, [0, 1, 6, 7]].max() < 0.1
    assert one[1:7].sum(1) == pytest.approx(2 * 4.6 / 4, abs=0.3)


def test_larger_pictures_lie_as_in_mnist() -> None:
    """A box of 20 of 28 pixels, proportions as drawn, the centre of mass in the middle."""
    picture = pixels([CIRCLE], 28)
    rows, columns = np.nonzero(picture.max(1) > 0.05)[0], np.nonzero(picture.max(0) > 0.05)[0]
    assert abs(len(rows) - 20) <= 2
    assert len(columns) == pytest.approx(0.6 * 20, abs=3)
    heavy = pixels([((0.0, 0.0), (0.0, 60.0), (40.0, 60.0), (0.0, 59.0), (40.0, 58.0))], 28)
    place = np.arange(28) + 0.5
    assert (heavy.sum(1) * place).sum() / heavy.sum() == pytest.approx(14, abs=0.6)
    assert (heavy.sum(0) * place).sum() / heavy.sum() == pytest.approx(14, abs=0.6)


@pytest.mark.parametrize("strokes", [[((5.0, 5.0),)], [((0.0, 3.0), (90.0, 3.0))], [((1.0, 1.0),), ((2.0, 2.0),)]])
def test_dots_and_dashes_are_drawn(strokes: list[Stroke]) -> None:
    for side in (8, 28):
        assert pixels(strokes, side).max() > 0.2


def test_bad_drawings_are_sentences() -> None:
    assert checked_strokes([[[1, 2], [3.5, 4]], []]) == (((1.0, 2.0), (3.5, 4.0)),)
    for nothing in ([], [[]], [[], []]):
        with pytest.raises(ValueError, match="Nothing is drawn yet"):
            checked_strokes(nothing)
    for bad in (None, "x", 3, ["x"], [[1, 2]], [[[1]]], [[[1, 2, 3]]], [[[1, "2"]]], [[[1, float("nan")]]], [[[1, True]]], [[[1e9, 0]]]):
        with pytest.raises(ValueError, match="a drawing must be strokes of points"):
            checked_strokes(bad)
    with pytest.raises(ValueError, match="got more"):
        checked_strokes([[[0, 0]] * (MOST_POINTS + 1)])
