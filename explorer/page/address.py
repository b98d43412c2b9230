"""The state of the page as its address, so that a link opened elsewhere shows the same page.

`?preset=densenet121&k=32&blocks=6-12-24-16&bn=4&theta=0.5&...`: what equals the preset is left out. Whatever stands in an address is
answered with the nearest valid state and a sentence for each value that had to be changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from densenet import PRESETS, Workload
from densenet import config as limits
from explorer.page.page_state import DEFAULT_PRESET, PageState, preset_state

_INTEGERS = {  # address key -> (field of the config, range)
    "k": ("growth_rate", limits.GROWTH_RATE_RANGE),
    "bn": ("bn_size", limits.BN_SIZE_RANGE),
    "init": ("num_init_features", limits.NUM_INIT_FEATURES_RANGE),
    "in": ("in_channels", limits.IN_CHANNELS_RANGE),
    "classes": ("num_classes", limits.NUM_CLASSES_RANGE),
}
_CHOICES = {  # address key -> (field of the workload, choices)
    "mode": ("mode", limits.MODES),
    "ckpt": ("checkpointing", limits.CHECKPOINTING),
    "opt": ("optimizer", limits.OPTIMIZERS),
    "prec": ("precision", limits.PRECISIONS),
}
_FRACTIONS = {"theta": ("compression", 0.01, 1.0), "drop": ("drop_rate", 0.0, 0.99)}


def to_query(state: PageState, pinned: PageState | None = None) -> str:
    """Return the address's query for `state`, without the question mark; the net pinned as A stands in it as a query of its own."""
    start = state.reference
    query = {"preset": state.preset}
    query |= {key: str(getattr(state.config, field)) for key, (field, _) in _INTEGERS.items() if _differs(state, start, field)}
    if _differs(state, start, "block_config"):
        query["blocks"] = "-".join(str(n) for n in state.config.block_config)
    query |= {key: f"{getattr(state.config, field)}" for key, (field, _, _) in _FRACTIONS.items() if _differs(state, start, field)}
    if _differs(state, start, "stem"):
        query["stem"] = state.config.stem
    if state.workload.image_size != start.workload.image_size:
        query["size"] = str(state.workload.image_size)
    if state.workload.batch_size != start.workload.batch_size:
        query["batch"] = str(state.workload.batch_size)
    for key, (field, _) in _CHOICES.items():
        if getattr(state.workload, field) != getattr(start.workload, field):
            query[key] = getattr(state.workload, field)
    if pinned is not None:
        query["a"] = to_query(pinned)
    return urlencode(query)


def _differs(state: PageState, start: PageState, field: str) -> bool:
    return getattr(state.config, field) != getattr(start.config, field)


def _number(text: str) -> float | None:
    try:
        value = float(text[:30])
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _nearest(text: str, low: float, high: float) -> float | None:
    value = _number(text)
    return None if value is None else min(high, max(low, value))


def _nearest_integer(text: str, span: tuple[int, int]) -> int | None:
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

    def integer(self, key: str, span: tuple[int, int], otherwise: int) -> int:
        if key not in self.query:
            return otherwise
        text = self.query[key]
        nearest = _nearest_integer(text, span)
        used = otherwise if nearest is None else nearest
        if nearest is None or _number(text) != nearest:
            self.note(key, used, f"a whole number from {span[0]} to {span[1]}")
        return used

    def fraction(self, key: str, low: float, high: float, otherwise: float) -> float:
        if key not in self.query:
            return otherwise
        nearest = _nearest(self.query[key], low, high)
        used = otherwise if nearest is None else nearest
        if nearest is None or _number(self.query[key]) != nearest:
            self.note(key, f"{used:g}", f"a number from {low:g} to {high:g}")
        return used

    def blocks(self, otherwise: tuple[int, ...]) -> tuple[int, ...]:
        if "blocks" not in self.query:
            return otherwise
        most, span = limits.BLOCKS_RANGE[1], limits.LAYERS_RANGE
        parts = self.query["blocks"].split("-")
        read = [_nearest_integer(part, span) for part in parts[:most]]
        used = tuple(n for n in read if n is not None) or otherwise
        if self.query["blocks"] != "-".join(str(n) for n in used):
            self.note("blocks", "-".join(str(n) for n in used), f"1 to {most} blocks of {span[0]} to {span[1]} layers, such as 6-12-24-16")
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
    fields: dict[str, object] = {field: reader.integer(key, span, getattr(start.config, field)) for key, (field, span) in _INTEGERS.items()}
    fields |= {field: reader.fraction(key, low, high, getattr(start.config, field)) for key, (field, low, high) in _FRACTIONS.items()}
    fields["block_config"] = reader.blocks(start.config.block_config)
    fields["stem"] = reader.choice("stem", limits.STEMS, start.config.stem)
    config = replace(start.config, **fields)  # type: ignore[arg-type]
    size = reader.integer("size", limits.IMAGE_SIZE_RANGE, start.workload.image_size)
    if size < config.smallest_image_size:
        reader.problems.append(f"An input of {size} pixels is too small for these blocks: {config.smallest_image_size} is shown instead.")
        size = config.smallest_image_size
    batch = reader.integer("batch", limits.BATCH_SIZE_RANGE, start.workload.batch_size)
    chosen = {field: reader.choice(key, choices, getattr(start.workload, field)) for key, (field, choices) in _CHOICES.items()}
    return PageState(start.preset, config, Workload(image_size=size, batch_size=batch, **chosen)), reader.problems


def pinned_from_query(query: Mapping[str, str]) -> tuple[PageState | None, list[str]]:
    """Return the net that `query` pins as A, or the nearest valid one, and what had to be changed."""
    if not query.get("a"):
        return None, []
    state, problems = from_query(dict(parse_qsl(query["a"])))
    return state, [f"Of the pinned net: {problem}" for problem in problems]
