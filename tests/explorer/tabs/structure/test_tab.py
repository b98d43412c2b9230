"""The structure tab: only the open view is drawn, and a click folds what it unfolded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from densenet import PRESETS, Workload
from explorer.tabs.structure import tab
from explorer.tabs.structure.connections import connections
from explorer.tabs.structure.diagram import diagram

NET = (PRESETS["densenet121"], Workload(image_size=224))


def pressed(**data: Any) -> Any:
    return SimpleNamespace(**data)


def test_each_view_draws_itself_alone() -> None:
    joined, drawing = tab.show(tab.CONNECTIONS, (), "Block", *NET)
    assert joined == connections(NET[0], 224)
    assert drawing == gr.skip()
    joined, drawing = tab.show(tab.DIAGRAM, (3,), "MACs", *NET)
    assert joined == gr.skip()
    assert drawing == diagram(NET[0], 224, (3,), "MACs")
    view, *_, opened = tab.open_view(pressed(value="Diagram"), (3,), "MACs", *NET)
    assert (view, opened) == (tab.DIAGRAM, drawing)


def test_a_click_unfolds_and_folds_again() -> None:
    unfolded, drawing = tab.fold((), "Block", *NET, pressed(block=3))
    assert unfolded == (3,)
    assert drawing == diagram(NET[0], 224, (3,))
    assert tab.fold((3,), "Block", *NET, pressed(block=1))[0] == (1, 3)
    assert tab.fold((1, 3), "Block", *NET, pressed(block=3))[0] == (1,)


@pytest.mark.parametrize("block", [None, 0, 5, -1, "2", 1.5, [1]])
def test_what_is_no_block_changes_nothing(block: Any) -> None:
    assert tab.fold((2,), "Block", *NET, pressed(block=block))[0] == (2,)
