"""The memory tab: a measurement belongs to the net of its click, the charts to the net of the sliders."""

from __future__ import annotations

import json
from dataclasses import replace

import gradio as gr
import pytest

from densenet import estimate_memory
from densenet.measure import measurement
from explorer.app import create_app
from explorer.components.formatting import memory
from explorer.page.fields import placed
from explorer.page.page_state import preset_state
from explorer.settings import Settings
from tests.support.measured import as_estimated
from tests.support.session import Session


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A page that shows the tiny net on the memory tab, on a machine that measures exactly what is estimated."""

    monkeypatch.setattr(measurement, "measure", as_estimated)
    session = Session(create_app(Settings(device="cpu", offline=True)))
    session.show(preset_state("tiny"), "Memory")
    return session


def test_sliders_moved_during_a_measurement_keep_their_charts(session: Session) -> None:
    state = preset_state("tiny")
    steps = session.stream("measure_one_step")
    next(steps)
    moved = replace(state, config=replace(state.config, growth_rate=9))
    session.show(moved, "Memory")
    assert list(steps) == [None]
    panel = json.loads(session.text("memory"))
    assert memory(estimate_memory(moved.config, moved.workload).peak) in panel["note"]
    assert "not measured yet" in panel["note"], "the measurement was of another net"
    session.show(state, "Memory")
    session.run("show_memory")
    assert "</b> measured" in json.loads(session.text("memory"))["note"], "and it is there when its net is shown again"


def test_a_measurement_of_the_shown_net_appears_by_itself(session: Session) -> None:
    session.run("measure_one_step")
    assert "</b> measured" in json.loads(session.text("memory"))["note"]


def test_a_measurement_draws_nothing_in_a_tab_that_is_closed(session: Session) -> None:
    session.show(preset_state("tiny"), "Layers")
    session.run("measure_one_step")
    assert session.text("memory") == ""


def test_what_a_step_is_asked_for_stands_in_the_tab(session: Session) -> None:
    """Its choices belong to the sidebar's fields and are placed here."""
    rendered = [block for block in session.app.blocks.values() if block.is_rendered and isinstance(block, gr.Dropdown)]
    for field in placed("step"):
        assert [(block.label, block.choices) for block in rendered].count((field.label, list(field.words))) == 1
