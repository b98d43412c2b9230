"""What the page shows, as a value: its preset, and how it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from densenet import PRESETS
from densenet.presets import PRESET_IMAGE_SIZE, PRESET_LABELS
from explorer.page.page_state import DEFAULT_PRESET, label_of, preset_state


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_an_untouched_preset(name: str) -> None:
    state = preset_state(name)
    assert (state.preset, state.config, state.workload.image_size) == (name, PRESETS[name], PRESET_IMAGE_SIZE[name])
    assert (state.workload.batch_size, state.workload.mode) == (1, "train")
    assert state.reference == state
    assert label_of(state) == PRESET_LABELS[name]


def test_a_net_that_was_turned_is_called_by_what_it_is() -> None:
    state = preset_state(DEFAULT_PRESET)
    turned = replace(state, config=replace(state.config, growth_rate=33, block_config=(1, 2)))
    assert label_of(turned) == "k = 33, blocks 1-2"
    assert turned.reference == state


@pytest.mark.parametrize("name", ["", "densenet122", None, 121, ["tiny"]], ids=repr)
def test_an_unknown_preset_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"^preset must be one of densenet121, .*, got "):
        preset_state(name)
