"""The sidebar: every number of a config and a workload, and the way from these components to valid values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from densenet import config as limits
from densenet.presets import PRESET_LABELS
from explorer.page.fields import FIELDS, Field, placed, state_of
from explorer.page.page_state import PageState

MOST_BLOCKS = limits.BLOCKS_RANGE[1]
BLOCKS = tuple(f"block_{i}" for i in range(1, MOST_BLOCKS + 1))  # a slider each, beside which the number of them is a value of its own
NAMES: tuple[str, ...] = (  # of the sidebar's values; whoever reads or shows them follows this order
    "preset",
    *(name for field in FIELDS for name in (BLOCKS if field.kind == "blocks" else (field.name,))),
    "block_count",
)


@dataclass(frozen=True)
class Controls:
    """The sidebar's components; those that hold a value by its name."""

    parts: Mapping[str, gr.components.Component]
    wide: gr.Checkbox
    add_block: gr.Button
    remove_block: gr.Button
    reset: gr.Button

    def __getitem__(self, name: str) -> Any:
        return self.parts[name]

    @property
    def blocks(self) -> list[gr.components.Component]:
        """The number of blocks, and the slider of each."""
        return [self.parts[name] for name in ("block_count", *BLOCKS)]

    @property
    def values(self) -> list[gr.components.Component]:
        """What `read` reads."""
        return [self.parts[name] for name in NAMES]

    @property
    def triggers(self) -> list[Any]:
        """The events after which the page is computed again; the preset moves the others and needs none of its own."""
        return [getattr(self.parts[name], "change") for name in NAMES if name != "preset"]  # noqa: B009

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `shown` fills."""
        return [*self.values, self.wide, self.add_block, self.remove_block]


def read(values: Sequence[Any]) -> PageState:
    """Turn the values of `Controls.values` into a page; ValueError with field, value and range for what the config refuses."""
    named = dict(zip(NAMES, values, strict=True))
    if named["preset"] not in PRESET_LABELS:
        raise ValueError(f"preset must be one of {', '.join(PRESET_LABELS)}, got {named['preset']!r}")
    count = limits.checked_integer("number of blocks", _whole(named["block_count"]), limits.BLOCKS_RANGE)
    return state_of(named["preset"], {field.name: _value(field, named, count) for field in FIELDS})


def _value(field: Field, named: Mapping[str, Any], count: int) -> object:
    if field.kind == "blocks":
        return tuple(_whole(named[name]) for name in BLOCKS[:count])
    return _whole(named[field.name]) if field.kind == "integer" else named[field.name]


def _whole(value: Any) -> Any:
    """Browsers send 32 or 32.0 alike; what is no whole number is left for the config to refuse."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _layers(blocks: tuple[int, ...]) -> list[int]:
    """The layers of every block's slider; those that are not shown are as deep as the last."""
    return [*blocks, *[blocks[-1]] * (MOST_BLOCKS - len(blocks))]


def shown(state: PageState, wide: bool = False) -> list[Any]:
    """Return the updates of `Controls.outputs` that show `state`."""
    count = len(state.config.block_config)
    widened = wide or any(_largest(field, state) > field.comfortable for field in FIELDS if field.comfortable is not None)
    updates: dict[str, Any] = {"preset": state.preset, "block_count": count}
    for field in FIELDS:
        if field.kind == "blocks":
            for i, (name, n) in enumerate(zip(BLOCKS, _layers(state.config.block_config), strict=True)):
                updates[name] = gr.update(value=n, visible=i < count, maximum=field.end(n, widened))
        elif field.comfortable is not None:
            updates[field.name] = gr.update(value=field.of(state), maximum=field.end(_largest(field, state), widened))
        else:
            updates[field.name] = field.of(state)
    return [*(updates[name] for name in NAMES), widened, *_block_buttons(count)]


def _largest(field: Field, state: PageState) -> float:
    value: Any = field.of(state)
    return max(value) if field.kind == "blocks" else value


def _block_buttons(count: int) -> list[Any]:
    return [gr.update(interactive=count < MOST_BLOCKS), gr.update(interactive=count > 1)]


def with_wide(wide: bool, *values: Any) -> list[Any]:
    """Open the sliders to every value that a config accepts, or close them to comfortable ranges that still hold their values."""
    return shown(read(values), wide)


def _changed_blocks(count: int, layers: list[float]) -> list[Any]:
    return [count, *(gr.update(visible=i < count, value=n) for i, n in enumerate(layers)), *_block_buttons(count)]


def one_block_more(count: int, *layers: float) -> list[Any]:
    """Show one more block, as deep as the last."""
    more = min(MOST_BLOCKS, count + 1)
    return _changed_blocks(more, [n if i < count else layers[count - 1] for i, n in enumerate(layers)])


def one_block_less(count: int, *layers: float) -> list[Any]:
    """Hide the last block."""
    return _changed_blocks(max(1, count - 1), list(layers))


def _slider(field: Field, label: str, value: Any, **more: Any) -> gr.Slider:
    step = 0.01 if field.kind == "fraction" else 1
    return gr.Slider(field.span[0], field.end(value), value, step=step, label=label, buttons=[], min_width=120, **more)


def _component(field: Field, state: PageState) -> gr.components.Component:
    """One field, as the table says that it looks."""
    value: Any = field.of(state)
    if field.look == "dropdown":
        return gr.Dropdown(list(field.words), value=value, label=field.label, filterable=False, min_width=110, render=field.place != "step")
    if field.look == "box":
        return gr.Number(value, label=field.label, precision=0, min_width=80)
    return _slider(field, field.label, value)


def build(state: PageState) -> Controls:
    """Lay out the sidebar; what one step is asked for has no room there and is placed by the memory tab."""
    count = len(state.config.block_config)
    parts: dict[str, gr.components.Component] = {}
    with gr.Row(elem_classes="preset-row"):
        presets = [(label, name) for name, label in PRESET_LABELS.items()]
        parts["preset"] = gr.Dropdown(presets, value=state.preset, label="Preset", scale=4, min_width=150)
        reset = gr.Button("↺", size="sm", scale=0, min_width=38, elem_id="reset", variant="secondary")
    for field in placed("sidebar"):
        if field.kind != "blocks":
            parts[field.name] = _component(field, state)
            continue
        for i, (name, n) in enumerate(zip(BLOCKS, _layers(state.config.block_config), strict=True)):
            parts[name] = _slider(field, field.label.format(i + 1), n, visible=i < count, elem_classes=f"block-{i + 1}")
        with gr.Row(elem_classes="block-buttons"):
            remove_block = gr.Button("− block", size="sm", min_width=60, elem_id="remove-block", interactive=count > 1)
            add_block = gr.Button("+ block", size="sm", min_width=60, elem_id="add-block", interactive=count < MOST_BLOCKS)
    with gr.Accordion("Stem, dropout, channels, classes", open=False, elem_id="more"):
        parts |= {field.name: _component(field, state) for field in placed("more") if field.look != "box"}
        with gr.Row():
            parts |= {field.name: _component(field, state) for field in placed("more") if field.look == "box"}
        wide = gr.Checkbox(False, label="Wide ranges for all sliders")
    # a State would fire no change event here
    parts["block_count"] = gr.Number(count, precision=0, visible="hidden", label="Number of blocks")
    parts |= {field.name: _component(field, state) for field in placed("step")}
    return Controls(parts, wide, add_block, remove_block, reset)
