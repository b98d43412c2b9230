"""What the page shows, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from densenet import PRESETS, DenseNetConfig, Workload
from densenet.checks import checked_choice
from densenet.presets import PRESET_IMAGE_SIZE, PRESET_LABELS, preset_of

DEFAULT_PRESET = "densenet121"


@dataclass(frozen=True)
class PageState:
    """What the page shows: a config, the workload it is judged by, and the preset that it is compared with."""

    preset: str
    config: DenseNetConfig
    workload: Workload

    @property
    def reference(self) -> PageState:
        """The preset as it comes, with its own image size and one image."""
        return preset_state(self.preset)


def preset_state(preset: str) -> PageState:
    """Return the page of an untouched preset; ValueError for any other name."""
    checked_choice("preset", preset, tuple(PRESETS))
    return PageState(preset, PRESETS[preset], Workload(image_size=PRESET_IMAGE_SIZE[preset], mode="train"))


def label_of(state: PageState) -> str:
    """Name a net: its preset where it is one, else what was turned."""
    name = preset_of(state.config)
    if name:
        return PRESET_LABELS[name]
    blocks = "-".join(map(str, state.config.block_config))
    return f"k = {state.config.growth_rate}, blocks {blocks}"
