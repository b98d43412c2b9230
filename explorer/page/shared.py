"""What every tab of the page may read and wait for, as one value that is handed to its `build`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from densenet import DenseNetConfig, Workload
from explorer.page.controls import Controls
from explorer.page.page_state import DEFAULT_PRESET, PageState
from explorer.settings import Settings


class Seen(NamedTuple):
    """What the page shows at the moment of an event: the values of `Shared.seen`, in their order."""

    preset: str
    config: DenseNetConfig
    workload: Workload
    pinned: PageState | None
    allowance_gib: float | None

    @property
    def state(self) -> PageState:
        """The net of the sliders."""
        return PageState(self.preset or DEFAULT_PRESET, self.config, self.workload)

    def showing(self, state: PageState) -> Seen:
        """Return the page with another net, and all else as it is."""
        return self._replace(preset=state.preset, config=state.config, workload=state.workload)


@dataclass(frozen=True)
class Shared:
    """The components; `rest` wires what follows when the sliders have come to rest, `active` holds the title of the open tab.

    `settings` never change: they are bound to handlers, not sent with their values.
    """

    settings: Settings
    bar: Controls
    config: gr.State
    workload: gr.State
    pinned: gr.State
    allowance: gr.Number  # GiB that no estimate sees; the memory tab places it
    active: gr.State
    rest: Any

    @property
    def seen(self) -> list[gr.components.Component]:
        """The inputs of a handler that takes a `Seen`."""
        preset: gr.components.Component = self.bar["preset"]
        return [preset, self.config, self.workload, self.pinned, self.allowance]
