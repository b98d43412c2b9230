"""The compare tab: its tables hold the library's numbers, its measurements stand where they belong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from densenet import PRESETS, Workload, estimate_memory, totals
from densenet.compare.peers import PEERS
from densenet.measure import measurement
from explorer.app import create_app
from explorer.components.formatting import short
from explorer.page.page_state import PageState, preset_state
from explorer.page.shared import Seen
from explorer.settings import Settings
from explorer.tabs.compare import tab as compare
from explorer.tabs.compare.tables import OURS, key, peers_table
from tests.support.measured import as_estimated
from tests.support.session import Request, Session

TINY = PageState("tiny", PRESETS["tiny"], Workload(image_size=32, batch_size=2, mode="train"))
OTHER = replace(TINY, config=replace(TINY.config, growth_rate=6))


def states(view: str, measured: dict[Any, Any] | None = None) -> tuple[Any, ...]:
    return measured or {}, view, *Seen("tiny", TINY.config, TINY.workload, None, 0.8)


def measure(view: str, measured: dict[Any, Any] | None = None) -> Iterator[tuple[Any, Any]]:
    return compare.measure_all(Request("compare"), Settings(device="cpu"), *states(view, measured))


@pytest.mark.parametrize("view", compare.VIEWS)
def test_every_view_draws_every_preset(view: str) -> None:
    for name in ("densenet121", "tiny", "classroom", "densenet_40_12"):
        value = json.loads(compare.show(view, preset_state(name), preset_state("densenet169"), 0.8, {}))
        assert len(value["figures"]) == (2 if view in ("A and B", "Accuracy") else 0)
        assert value["note"]


def test_measuring_streams_one_net_after_the_other() -> None:
    *steps, last = measure("Other nets")
    taken = [step[0] for step in steps if step[0] != gr.skip()]
    assert [len(t) for t in taken] == list(range(1, 2 * (1 + len(PEERS)) + 1))
    assert last[1] == ""
    assert all(isinstance(bytes_, int) for bytes_ in taken[-1].values())
    ours = taken[-1][key(OURS, TINY, "train")]
    assert estimate_memory(TINY.config, TINY.workload).peak == pytest.approx(ours, rel=0.03)
    again = list(measure("Other nets", taken[-1]))
    assert len(again) == 1, "what was measured is not measured again"


def test_measuring_can_be_given_up_and_keeps_what_it_has() -> None:
    from explorer.work import cancelling

    steps = measure("Other nets")
    assert "1 of 10" in next(steps)[1]
    assert len(next(steps)[0]) == 1
    next(steps)
    cancelling.cancel_measuring(Request("compare"))
    assert "cancelled" in next(steps)[1]
    assert next(steps, None) is None


def test_what_cannot_be_measured_says_why_in_its_cell() -> None:
    alone = replace(TINY.workload, batch_size=1)
    seen = Seen("tiny", TINY.config, alone, None, 0.8)
    steps = list(compare.measure_all(Request("compare"), Settings(device="cpu"), {}, "Other nets", *seen))
    refused = [value for value in steps[-2][0].values() if isinstance(value, str)]
    assert len(refused) == 3
    assert "batch_size must be at least 2" in refused[0]
    assert peers_table(replace(TINY, workload=alone), None, steps[-2][0]).count("estimated; refused") == 3


def test_sliders_moved_during_a_measurement_keep_their_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "measure", as_estimated)
    monkeypatch.setattr(measurement, "measure_peer", lambda name, *asked: as_estimated(*asked))
    session = Session(create_app(Settings(device="cpu", offline=True)))
    session.show(TINY, "Compare")
    session.set(session.event("choose_comparison").inputs[1], "Other nets")
    steps = session.stream("measure_comparison")
    next(steps)
    session.show(OTHER, "Compare")
    taken = 0
    for _ in steps:
        note = json.loads(session.text("compare"))["note"] if session.text("compare") else ""
        if note:
            taken += 1
            assert f">{short(totals(OTHER.config, 32).params)}<" in note
            assert f">{short(totals(TINY.config, 32).params)}<" not in note
            assert "measured; estimate" not in note, "those are of another net"
    assert taken >= 2 * (1 + len(PEERS)), "each is shown as soon as it is taken"
    session.show(TINY, "Compare")
    session.run("show_comparison")
    assert json.loads(session.text("compare"))["note"].count("measured; estimate") == 2 * (1 + len(PEERS))


def test_buttons_are_there_where_there_is_something_to_measure() -> None:
    for view in compare.VIEWS:
        start, stop, _ = compare.choose_view(*states(view))
        assert start["visible"] == stop["visible"] == (view in ("Other nets", "Tutorials"))
