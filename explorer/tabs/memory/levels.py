"""Lines across a chart at given heights, each with its words beside the chart, where no line runs through them."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Any

from explorer.components.theme import FONT_PX

LEADER_PX = 16  # from the end of a line to its words, which may have had to make room for others
LINE_PX = 17  # a line of words
_LETTER_PX = 7.6


def room_px(longest: str) -> int:
    """Return the margin that leaders and words as long as `longest` need."""
    return LEADER_PX + round(_LETTER_PX * len(longest))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return ascending `wanted` places moved as little, by squares, as leaves `gap` between neighbours; all from `low` to `high`.

    The least squares of an ascending sequence, by pooling what stands in the wrong order (Ayer et al., 1955), of the places less the gaps
    before them. ValueError where there is no room for all.
    """
    last = (len(wanted) - 1) * gap
    if low + last > high:
        raise ValueError(f"{len(wanted)} places {gap:g} apart have no room from {low:g} to {high:g}")
    pools: list[tuple[float, int]] = []  # mean, how many
    for i, place in enumerate(wanted):
        mean, count = place - i * gap, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        pools.append((mean, count))
    moved = [mean for mean, count in pools for _ in range(count)]
    return [min(max(place, low), high - last) + i * gap for i, place in enumerate(moved)]


def levels(labels: Sequence[tuple[str, float, str]], height_px: float, decades: tuple[float, float]) -> list[dict[str, Any]]:
    """Return shapes for a logarithmic y axis over `decades`: of each words, value and colour a line across, and a leader to the words.

    The words stand right of the plot area, which is at least `height_px` high; what lies beyond the axis has words, but no line.
    """
    bottom, top = decades
    ordered = sorted(labels, key=lambda label: label[1])
    scale = height_px / (top - bottom)
    inside = [min(max(log10(value), bottom), top) for _, value, _ in ordered]
    places = spread([scale * (place - bottom) for place in inside], LINE_PX, LINE_PX / 2, height_px - LINE_PX / 2)
    words, lines = [], dict[str, list[str]]()
    for (text, value, colour), place in zip(ordered, places, strict=True):
        at = 10 ** (bottom + place / scale)
        drawn = bottom <= log10(value) <= top
        if drawn:
            lines.setdefault(colour, []).append(f"M0,{value:.6g}L1,{value:.6g}")
        label = {"text": text, "textposition": "end", "textangle": 0, "xanchor": "left", "yanchor": "middle", "padding": 3}
        ends = {"x0": 0, "x1": LEADER_PX - 3, "y0": value if drawn else at, "y1": at}
        leader = {"type": "line", "xref": "paper", "xsizemode": "pixel", "xanchor": 1, **ends}
        style = {"color": colour, "width": 1 if drawn else 0}
        words.append({**leader, "line": style, "label": {**label, "font": {"size": FONT_PX}}})
    dotted = {"width": 1, "dash": "dot"}
    across = [{"type": "path", "xref": "paper", "path": "".join(path), "line": {"color": c, **dotted}} for c, path in lines.items()]
    return [*across, *words]
