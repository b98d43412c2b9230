"""A table whose numbers carry bars: the eye compares lengths before it reads digits."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple


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
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f'<tr class="{row.style}"><th scope="row" title="{escape(row.title)}">{escape(row.name)}</th>'
        f"{''.join(_cell(cell, most) for cell, most in zip(row.cells, longest, strict=True))}</tr>"
        for row in rows
    )
    return f'<table class="bars"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(cell: Cell, longest: float) -> str:
    width = 100 * (cell.value or 0.0) / longest if longest else 0.0
    bar = f'<i style="width:{width:.1f}%"></i>' if cell.value is not None else ""
    note = f"<small>{escape(cell.note)}</small>" if cell.note else ""
    return f'<td title="{escape(cell.title)}">{bar}<span>{escape(cell.text)}</span>{note}</td>'
