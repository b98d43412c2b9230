"""The compare tab: its tables hold the library's numbers, its measurements stand where they belong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from densenet import PRESETS, Workload, estimate_memory, totals
from densenet.compare.peers import PEERS, peer_counts
from densenet.compare.variants import ablation
from densenet.measure import measurement
from explorer.app import create_app
from explorer.components.formatting import exact, memory, short
from explorer.page.page_state import PageState, preset_state
from explorer.page.shared import Seen
from explorer.settings import Settings
from explorer.tabs.compare import tab as compare
from explorer.tabs.compare.charts import accuracy_figure, stages_figure
from explorer.tabs.compare.tables import OURS, ablation_table, difference_table, key, peers_table, tutorials_table
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


def test_differences_name_what_was_turned_and_nothing_else() -> None:
    table = difference_table(TINY, OTHER)
    assert "growth rate k" in table
    assert "compression" not in table
    assert exact(totals(OTHER.config, 32).params) in table
    assert memory(estimate_memory(OTHER.config, TINY.workload).peak) in table
    assert "the same" in difference_table(TINY, TINY)


def test_stages_sum_to_the_totals() -> None:
    figure = stages_figure(TINY, OTHER, macs=True)
    assert [sum(trace["y"]) for trace in figure["data"]] == [totals(s.config, 32).macs for s in (TINY, OTHER)]
    deeper = replace(TINY, config=replace(TINY.config, block_config=(2, 2, 2)))
    for a, b in ((TINY, deeper), (deeper, TINY)):
        names = figure_names(stages_figure(a, b, macs=False))
        assert names == ["stem", "block 1", "transition 1", "block 2", "transition 2", "block 3", "classifier"]


def figure_names(figure: dict[str, Any]) -> list[str]:
    return list(figure["data"][0]["x"])


def test_peers_are_shown_with_their_counts_and_what_was_measured() -> None:
    table = peers_table(TINY, None, {})
    for name, label in PEERS.items():
        assert label in table
        assert short(peer_counts(name, TINY.config, 32).params) in table
    assert table.count("not measured") == 2 * len(PEERS)
    estimate = estimate_memory(TINY.config, TINY.workload).peak
    measured = {key("resnet18", TINY, "train"): 123 * 2**20, key(OURS, TINY, "train"): estimate, key("chain", TINY, "infer"): "too <large>"}
    table = peers_table(TINY, None, measured)
    assert "123\u00a0MiB" in table
    assert "estimate +0.00\u00a0%" in table
    assert 'title="too &lt;large&gt;"' in table
    assert table.count("not measured") == 2 * len(PEERS) - 2


def test_a_measurement_is_not_taken_for_another() -> None:
    adam = replace(TINY, workload=replace(TINY.workload, optimizer="adam", checkpointing="layer"))
    assert key(OURS, TINY, "infer") == key(OURS, adam, "infer"), "neither plays a part in inference"
    assert key(OURS, TINY, "train") != key(OURS, adam, "train")
    assert key("chain", adam, "train") == key("chain", replace(adam, workload=replace(adam.workload, checkpointing="none")), "train")
    assert key("chain", adam, "train") != key("chain", TINY, "train")


def test_the_ablation_marks_this_net() -> None:
    table = ablation_table(TINY)
    assert table.count("(this net)") == 1
    assert "BC: both (this net)" in table
    for config in ablation(TINY.config).values():
        assert exact(totals(config, 32).params) in table


def test_tutorials_answer_with_any_allowance() -> None:
    table = tutorials_table(0.8 * 2**30, {})
    assert table.count("✓ true") == 4
    assert table.count("✗ not so") == 1
    assert re.search(r"4065 MiB</th><td>64</td>", table)
    assert "<td>0</td>" in tutorials_table(80 * 2**30, {})


def test_your_net_stands_where_its_counts_are() -> None:
    figure = accuracy_figure(TINY, OTHER, macs=False)
    places = [shape["x0"] for shape in figure["layout"]["shapes"]]
    assert places == [totals(s.config, 32).params / 1e6 for s in (TINY, OTHER)]
    low, high = figure["layout"]["xaxis"]["range"]
    assert all(low < annotation["x"] < high for annotation in figure["layout"]["annotations"])
    densenets, resnets = figure["data"]
    assert densenets["x"] == sorted(densenets["x"])
    assert dict(zip(densenets["text"], densenets["y"], strict=True))["121"] == 74.434
    assert dict(zip(resnets["text"], resnets["y"], strict=True))["50"] == 76.130


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
    assert peers_table(replace(TINY, workload=alone), None, steps[-2][0]).count(">refused<") == 3


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
    assert json.loads(session.text("compare"))["note"].count("measured; estimate") == 2


def test_buttons_are_there_where_there_is_something_to_measure() -> None:
    for view in compare.VIEWS:
        start, stop, _ = compare.choose_view(*states(view))
        assert start["visible"] == stop["visible"] == (view in ("Other nets", "Tutorials"))
