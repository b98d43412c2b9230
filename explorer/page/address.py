"""The state of the page as its address, so that a link opened elsewhere shows the same page.

`?preset=densenet121&k=32&blocks=6-12-24-16&bn=4&theta=0.5&...`: what equals the preset is left out. Whatever stands in an address is
answered with the nearest valid state and a sentence for each value that had to be changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from densenet import PRESETS
from densenet import config as limits
from explorer.page.fields import ADDRESS_FIELDS, Field, state_of
from explorer.page.page_state import DEFAULT_PRESET, PageState, preset_state


def to_query(state: PageState, pinned: PageState | None = None) -> str:
    """Return the address's query for `state`, without the question mark; the net pinned as A stands in it as a query of its own."""
    query = {"preset": state.preset}
    query |= {field.key: _written(field.of(state)) for field in ADDRESS_FIELDS if field.of(state) != field.of(state.reference)}
    if pinned is not None:
        query["a"] = to_query(pinned)
    return urlencode(query)


def _written(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _number(text: str) -> float | None:
    try:
        value = float(text[:30])
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _nearest(text: str, low: float, high: float) -> float | None:
    value = _number(text)
    return None if value is None else min(high, max(low, value))


def _nearest_integer(text: str, span: tuple[float, float]) -> int | None:
    value = _nearest(text, *span)
    return None if value is None else round(value)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 24 else text[:24] + "…")


class _Reader:
    """Reads one query, collecting what had to be changed."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self.query = query
        self.problems: list[str] = []

    def note(self, key: str, used: object, rule: str) -> None:
        self.problems.append(f"{key}={_shown(self.query[key])} is not {rule}: {used} is shown instead.")

    def read(self, field: Field, otherwise: Any) -> Any:
        """Return the field's value, the nearest valid one, or `otherwise` where the query has none."""
        if field.key not in self.query:
            return otherwise
        if field.kind == "blocks":
            return self.blocks(field, otherwise)
        if field.kind == "choice":
            return self.choice(field.key, field.choices, otherwise)
        return self.number(field, otherwise)

    def number(self, field: Field, otherwise: float) -> float:
        text, (low, high) = self.query[field.key], field.span
        nearest = _nearest_integer(text, field.span) if field.kind == "integer" else _nearest(text, low, high)
        used = otherwise if nearest is None else nearest
        if nearest is None or _number(text) != nearest:
            whole = field.kind == "integer"
            rule = f"a whole number from {low} to {high}" if whole else f"a number from {low:g} to {high:g}"
            self.note(field.key, used if whole else f"{used:g}", rule)
        return used

    def blocks(self, field: Field, otherwise: tuple[int, ...]) -> tuple[int, ...]:
        most, (low, high) = limits.BLOCKS_RANGE[1], field.span
        parts = self.query[field.key].split("-")
        read = [_nearest_integer(part, field.span) for part in parts[:most]]
        used = tuple(n for n in read if n is not None) or otherwise
        if self.query[field.key] != _written(used):
            self.note(field.key, _written(used), f"1 to {most} blocks of {low} to {high} layers, such as 6-12-24-16")
        return used

    def choice(self, key: str, choices: tuple[str, ...], otherwise: str) -> str:
        if key not in self.query or self.query[key] in choices:
            return self.query.get(key, otherwise)
        self.note(key, otherwise, f"one of {', '.join(choices)}")
        return otherwise


def from_query(query: Mapping[str, str]) -> tuple[PageState, list[str]]:
    """Return the page that `query` asks for, or the nearest valid one, and what had to be changed; keys of others are ignored."""
    reader = _Reader(query)
    start = preset_state(reader.choice("preset", tuple(PRESETS), DEFAULT_PRESET))
    values = {field.name: reader.read(field, field.of(start)) for field in ADDRESS_FIELDS}
    state = state_of(start.preset, values)
    size, smallest = state.workload.image_size, state.config.smallest_image_size
    if size < smallest:
        reader.problems.append(f"An input of {size} pixels is too small for these blocks: {smallest} is shown instead.")
        state = replace(state, workload=replace(state.workload, image_size=smallest))
    return state, reader.problems


def pinned_from_query(query: Mapping[str, str]) -> tuple[PageState | None, list[str]]:
    """Return the net that `query` pins as A, or the nearest valid one, and what had to be changed."""
    if not query.get("a"):
        return None, []
    state, problems = from_query(dict(parse_qsl(query["a"])))
    return state, [f"Of the pinned net: {problem}" for problem in problems]
