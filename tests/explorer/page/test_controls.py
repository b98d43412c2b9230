"""From the sidebar's values to a page and back."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from densenet import PRESETS
from explorer.page import controls
from explorer.page.address import from_query
from explorer.page.page_state import PageState, preset_state
from tests.explorer.page.test_fields import ALL_DIFFERENT


def values_of(state: PageState, **other: Any) -> list[Any]:
    """What the browser sends for `state`, with other values by their names."""
    updates = controls.shown(state)[: len(controls.NAMES)]
    values = [u["value"] if isinstance(u, dict) else u for u in updates]
    return list((dict(zip(controls.NAMES, values, strict=True)) | other).values())


def update_of(name: str, updates: list[Any]) -> Any:
    """One of `shown`'s updates by its name."""
    return updates[controls.NAMES.index(name)]


def test_the_sidebar_shows_each_field_as_itself() -> None:
    with gr.Blocks():
        bar = controls.build(ALL_DIFFERENT)
    assert set(bar.parts) == set(controls.NAMES)
    assert bar.values == [bar[name] for name in controls.NAMES]
    said = {component.label: component.value for component in bar.values}
    assert said == {
        "Preset": "tiny",
        "Growth rate k": 7,
        "Block 1 layers": 3,
        "Block 2 layers": 5,
        "Block 3 layers": 9,
        **{f"Block {i} layers": 9 for i in range(4, 9)},  # hidden, as deep as the last
        "Bottleneck bn_size (0: none)": 2,
        "Compression θ": 0.33,
        "Input size, pixels": 61,
        "Batch size": 11,
        "Step": "infer",
        "Checkpointing": "norm",
        "Optimizer": "adam",
        "Precision": "bfloat16",
        "Stem": "imagenet",
        "Stem width": 13,
        "Dropout": 0.2,
        "Input channels": 4,
        "Classes": 17,
        "Number of blocks": 3,
    }


def test_what_is_shown_is_what_is_read() -> None:
    """All values differ: two fields that were taken for each other would come back exchanged."""
    with gr.Blocks():
        bar = controls.build(ALL_DIFFERENT)
    assert controls.read([component.value for component in bar.values]) == ALL_DIFFERENT
    assert controls.read(values_of(ALL_DIFFERENT)) == ALL_DIFFERENT
    assert len(controls.shown(ALL_DIFFERENT)) == len(bar.outputs)
    for component, update in zip(bar.values, controls.shown(ALL_DIFFERENT), strict=False):
        assert component.value == (update["value"] if isinstance(update, dict) else update), component.label


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_survives_the_sidebar(name: str) -> None:
    state = preset_state(name)
    assert controls.read(values_of(state)) == state


def test_floats_from_browsers_are_whole_numbers() -> None:
    state = preset_state("densenet121")
    as_floats = [float(v) if isinstance(v, int) else v for v in values_of(state)]
    assert controls.read(as_floats) == state


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("growth_rate", bad) for bad in (0, 2.5, None, float("nan"), "32")),
        ("preset", "nonsense"),
        ("block_count", 9),
        ("block_count", None),
        ("num_classes", None),
        ("stem", "none"),
    ],
)
def test_bad_values_are_refused(name: str, bad: Any) -> None:
    with pytest.raises(ValueError, match="got"):
        controls.read(values_of(preset_state("densenet121"), **{name: bad}))


def test_blocks_are_added_and_removed() -> None:
    layers = [6, 12, 24, 16, 1, 1, 1, 1]
    count, *sliders, add, remove = controls.one_block_more(4, *layers)
    assert count == 5
    assert [s["visible"] for s in sliders] == [True] * 5 + [False] * 3
    assert sliders[4]["value"] == 16
    assert add["interactive"]
    assert remove["interactive"]
    count, *sliders, add, remove = controls.one_block_less(1, *layers)
    assert count == 1
    assert not remove["interactive"]
    count, *_, add, _ = controls.one_block_more(7, *layers)
    assert count == 8
    assert not add["interactive"]


def test_sliders_open_for_values_beyond_their_comfortable_ends() -> None:
    state, problems = from_query({"k": "300"})
    assert not problems
    assert update_of("growth_rate", controls.shown(state))["maximum"] == 512
    assert update_of("growth_rate", controls.shown(preset_state("densenet121")))["maximum"] == 64
    opened = controls.with_wide(True, *values_of(preset_state("densenet121")))
    assert update_of("growth_rate", opened)["maximum"] == 512
    deep, _ = from_query({"blocks": "2-65", "preset": "tiny"})
    assert [update_of(name, controls.shown(deep))["maximum"] for name in controls.BLOCKS] == [256] * 8
    assert [u["visible"] for u in (update_of(name, controls.shown(deep)) for name in controls.BLOCKS)] == [True] * 2 + [False] * 6
