"""A table whose numbers carry bars: the eye compares lengths before it reads digits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from explorer.components.templates import template_of

_HTML = template_of(Path(__file__).with_suffix(".html"))


class Cell(NamedTuple):
    """One number: its words, its length beside the column's longest (None: no bar), a note in small, and what pointing at it says."""

    text: str
    value: float | None = None
    note: str = ""
    title: str = ""


class Row(NamedTuple):
    """One net: its name, its cells, and the class that colours its bars."""

    name: str
    cells: Sequence[Cell]
    style: str = ""
    title: str = ""


def bar_table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the table as HTML; each column has a scale of its own, from zero to its largest value."""
    longest = [max((row.cells[i].value or 0.0 for row in rows), default=0.0) for i in range(len(columns) - 1)]
    bars = [(row, [(cell, _percent(cell, most)) for cell, most in zip(row.cells, longest, strict=True)]) for row in rows]
    return _HTML.render(columns=columns, rows=bars)


def _percent(cell: Cell, longest: float) -> str | None:
    if cell.value is None:
        return None
    return f"{100 * cell.value / longest if longest else 0.0:.1f}"
