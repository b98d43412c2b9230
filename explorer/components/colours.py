"""The colour scales of pictures and heat maps: one for amounts, one for what goes both ways; told apart with any colour vision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Viridis (Smith and van der Walt, CC0) in ten steps: equal steps look equally large.
AMOUNTS = ("#440154", "#482878", "#3E4989", "#31688E", "#26828E", "#1F9E89", "#35B779", "#6ECE58", "#B5DE2B", "#FDE725")
BOTH_WAYS = ("#2166AC", "#D9D9D9", "#E66101")  # below 0, 0, above: as attribution maps are drawn


def plotly_scale(colours: Sequence[str]) -> list[list[object]]:
    """Return `colours`, equally spaced, as a colour scale of Plotly."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def css_gradient(colours: Sequence[str]) -> str:
    """Return `colours`, equally spaced from left to right, as a background of CSS."""
    return f"linear-gradient(to right, {', '.join(colours)})"


def rgb(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` as red, green and blue, 0 to 255."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def css_variables() -> str:
    """Return the colours that CSS and JavaScript draw maps with, as variables of the page."""
    below, zero, above = BOTH_WAYS
    return f":root {{ --map-below: {below}; --map-zero: {zero}; --map-above: {above}; }}"


def palette(colours: Sequence[str], entries: int = 256) -> NDArray[np.uint8]:
    """Return `entries` colours between the first and the last of `colours`, entries x 3."""
    anchors = np.array([rgb(colour) for colour in colours], dtype=np.float64)
    at, places = np.linspace(0, 1, entries), np.linspace(0, 1, len(colours))
    return np.stack([np.interp(at, places, anchors[:, c]) for c in range(3)], axis=1).round().astype(np.uint8)
