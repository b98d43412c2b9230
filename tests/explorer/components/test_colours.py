"""The colour scales are the same in pictures, charts and CSS."""

from __future__ import annotations

import numpy as np
import pytest

from explorer.components.colours import AMOUNTS, BOTH_WAYS, css_gradient, css_variables, palette, plotly_scale, rgb


@pytest.mark.parametrize("colours", [AMOUNTS, BOTH_WAYS])
def test_colour_scales_agree(colours: tuple[str, ...]) -> None:
    entries = palette(colours)
    assert len(entries) == 256
    assert "#{:02X}{:02X}{:02X}".format(*entries[0]) == colours[0]
    assert "#{:02X}{:02X}{:02X}".format(*entries[-1]) == colours[-1]
    assert [place for place, _ in plotly_scale(colours)] == pytest.approx(np.linspace(0, 1, len(colours)))
    assert all(colour in css_gradient(colours) for colour in colours)


def test_amounts_grow_lighter_evenly() -> None:
    luminance = palette(AMOUNTS)[::5] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > 0).all()


def test_css_and_scripts_are_told_the_colours_of_maps() -> None:
    below, zero, above = BOTH_WAYS
    assert css_variables() == f":root {{ --map-below: {below}; --map-zero: {zero}; --map-above: {above}; }}"
    assert rgb("#0A80FF") == (10, 128, 255)
