"""The memory tab's charts say what the estimate says."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densenet import PRESETS, Workload, estimate_memory, plan
from densenet.arithmetic.memory import feature_bytes, largest_batch, peaks
from densenet.compare.tutorials import B_SHOWN_MIB
from explorer.components.theme import BLOCK_COLOURS, GHOST, NEUTRAL
from explorer.page.numbers import Numbers
from explorer.page.page_state import PageState, preset_state
from explorer.settings import Settings
from explorer.tabs.memory.charts import batch_figure, growth_of_memory_figure, parts_figure, timeline_figure
from explorer.tabs.memory.levels import LEADER_PX
from explorer.tabs.memory.tab import Measured, show
from explorer.work.known_device import look
from tests.explorer.tabs.memory.test_levels import no_line_runs_through_words

MIB = 2**20
STATE = preset_state("densenet121")


@pytest.mark.parametrize("mode", ["train", "infer"])
def test_parts_add_up_to_the_peaks(mode: str) -> None:
    state = replace(STATE, workload=replace(STATE.workload, mode=mode, optimizer="adam", batch_size=4))
    data = parts_figure(Numbers(state), [None] * 4)["data"]
    train = replace(state.workload, mode="train")
    expected = [estimate_memory(state.config, replace(train, checkpointing=kind)).peak for kind in ("none", "norm", "layer")]
    expected.append(estimate_memory(state.config, replace(train, mode="infer")).peak)
    assert [sum(bar["x"][i] for bar in data) for i in range(4)] == pytest.approx([peak / MIB for peak in expected])


def test_timeline_holds_every_operation_and_the_peak() -> None:
    estimate = estimate_memory(STATE.config, STATE.workload)
    *phases, peak = timeline_figure(estimate, None)["data"]
    drawn = [max((phase["y"][i] or 0) for phase in phases) for i in range(len(estimate.timeline))]
    assert drawn == pytest.approx([point.live_bytes / MIB for point in estimate.timeline])
    assert peak["y"] == [pytest.approx(max(drawn))]


def test_copies_and_new_features_end_at_their_sums() -> None:
    copies, new = growth_of_memory_figure(STATE)["data"]
    sums = feature_bytes(STATE.config)
    assert (copies["y"][-1], new["y"][-1]) == pytest.approx((sums.concatenated / MIB, sums.new / MIB))


def test_each_part_is_the_estimates_in_its_colour() -> None:
    state = replace(STATE, workload=replace(STATE.workload, optimizer="adam", batch_size=4))
    a = preset_state("densenet169")
    *bars, mark = parts_figure(Numbers(state), [None] * 4, Numbers(a))["data"]
    fields = ("parameters", "gradients", "optimizer", "activations", "other")
    for net, values in ((state, [[bar["x"][i] for bar in bars] for i in range(4)]), (a, mark["x"])):
        train = [replace(net.workload, mode="train", checkpointing=kind) for kind in ("none", "norm", "layer")]
        estimates = [estimate_memory(net.config, w) for w in (*train, replace(net.workload, mode="infer"))]
        held = [[getattr(e, field) / MIB for field in fields] for e in estimates] if net is state else [e.peak / MIB for e in estimates]
        assert values == held
    assert (mark["name"], mark["marker"]["line"]["color"]) == ("A", GHOST)
    colours = [bar["marker"]["color"] for bar in bars]
    assert len(set(colours)) == 5
    assert set(colours) <= {*BLOCK_COLOURS, NEUTRAL}


def test_copies_and_new_features_are_the_plans_concatenations() -> None:
    a = preset_state("tiny")
    copies, new, *outlines = growth_of_memory_figure(STATE, a)["data"]
    for state, (copied, added) in ((STATE, (copies, new)), (a, outlines)):
        rows = [row for row in plan(state.config, state.workload.image_size) if row.op == "cat"]
        read = list(itertools.accumulate(4 * row.in_channels * row.in_size**2 for row in rows))
        made = list(itertools.accumulate(4 * state.config.growth_rate * row.in_size**2 for row in rows))
        assert copied["x"] == added["x"] == list(range(1, len(rows) + 1))
        assert copied["y"] == [value / MIB for value in read]
        assert added["y"] == [value / MIB for value in made]
    assert [line["line"]["color"] for line in outlines] == [GHOST] * 2


def test_the_line_of_batches_is_the_estimate_at_each_with_the_allowance() -> None:
    state = replace(STATE, workload=replace(STATE.workload, batch_size=24, checkpointing="norm"))
    line, outline = batch_figure(state, 0.8, None, None, preset_state("tiny"))["data"]
    assert 24 in line["x"]
    for net, trace in ((state, line), (preset_state("tiny"), outline)):
        held = [estimate_memory(net.config, replace(net.workload, batch_size=size)).peak for size in line["x"]]
        assert trace["y"] == pytest.approx([peak / 2**30 + 0.8 for peak in held])


def test_each_phase_of_the_step_has_its_colour_and_a_its_outline() -> None:
    state = replace(STATE, workload=replace(STATE.workload, checkpointing="layer"))
    estimate, a = estimate_memory(state.config, state.workload), estimate_memory(STATE.config, STATE.workload)
    *phases, _, outline = timeline_figure(estimate, None, a)["data"]
    assert [phase["name"] for phase in phases] == ["forward", "recompute", "backward", "optimizer"]
    assert len({phase["line"]["color"] for phase in phases}) == 4
    assert outline["y"] == [point.live_bytes / MIB for point in a.timeline]
    assert outline["line"]["color"] == GHOST


@given(
    st.sampled_from(["tiny", "classroom", "densenet_bc_100_12"]),
    st.sampled_from(["train", "infer"]),
    st.sampled_from(["none", "norm", "layer"]),
    st.floats(0, 80),
)
def test_largest_batch_fits_and_one_more_does_not(name: str, mode: str, checkpointing: str, gib: float) -> None:
    workload = Workload(image_size=32, mode=mode, checkpointing=checkpointing)
    most = largest_batch(PRESETS[name], workload, gib * 2**30)
    assert 0 <= most <= 65_536
    if most:
        assert peaks(PRESETS[name], workload, [most])[0] <= gib * 2**30
    if most < 65_536:
        assert peaks(PRESETS[name], workload, [most + 1])[0] > gib * 2**30


def test_batch_figure_names_the_largest_batch_of_each_card() -> None:
    labels = {shape["label"]["text"] for shape in batch_figure(STATE, 0.8, 4 * 2**30, None)["layout"]["shapes"] if "label" in shape}
    budgets = {"here": 4, "8 GB": 8, "11 GB": 11, "16 GB": 16, "24 GB": 24, "80 GB": 80}
    assert labels == {f"{name}: {largest_batch(STATE.config, STATE.workload, (gib - 0.8) * 2**30)}" for name, gib in budgets.items()}


@given(
    st.sampled_from(sorted(PRESETS)),
    st.integers(1, 256),
    st.sampled_from(["train", "infer"]),
    st.floats(0, 8),
    st.none() | st.integers(2**29, 2**42),
    st.sampled_from([(), B_SHOWN_MIB]),
)
@settings(max_examples=40)
def test_no_line_of_a_card_runs_through_the_words_of_another(
    name: str, batch: int, mode: str, allowance_gib: float, device_bytes: int | None, shown_mib: tuple[int, ...]
) -> None:
    state = PageState(name, PRESETS[name], Workload(image_size=64, batch_size=batch, mode=mode))
    layout = batch_figure(state, allowance_gib, device_bytes, None, None, shown_mib)["layout"]
    margin, axis = layout["margin"], layout["yaxis"]
    no_line_runs_through_words(layout["shapes"], layout["height"] - margin["t"] - margin["b"], axis["range"])
    words = [shape["label"]["text"] for shape in layout["shapes"] if "label" in shape]
    assert len(words) == len(shown_mib or range(5)) + (device_bytes is not None)
    assert all(margin["r"] >= LEADER_PX + 7 * len(text) for text in words)


def test_a_measurement_is_shown_only_beside_what_was_measured() -> None:
    seen = Measured(STATE.config, STATE.workload, 175 * MIB, 0.5, 2.0, "a CPU")
    value = json.loads(show(Settings(), Numbers(STATE), None, 0.8, (seen,)))
    assert "175\u00a0MiB</b> measured" in value["note"]
    assert all(any(trace.get("name") == "measured" for trace in value["figures"][i]["data"]) for i in (0, 1, 3))
    moved = PageState(STATE.preset, STATE.config, replace(STATE.workload, batch_size=2))
    slower = replace(seen, workload=replace(STATE.workload, checkpointing="norm"), step_seconds=0.6, peak_bytes=90 * MIB)
    both = json.loads(show(Settings(), Numbers(replace(STATE, workload=slower.workload)), None, 0.8, (seen, slower)))
    assert "1.20 × the time without checkpointing" in both["note"]
    assert [t["x"] for t in both["figures"][0]["data"] if t.get("name") == "measured"] == [[175.0], [90.0]]
    assert "not measured yet" in json.loads(show(Settings(), Numbers(moved), None, 0.8, (seen,)))["note"]


def test_the_question_of_tutorial_b_is_on_its_nets_chart() -> None:
    asked = PageState("compact", PRESETS["compact"], Workload(image_size=224, batch_size=64, mode="train", optimizer="momentum"))
    texts = json.dumps(json.loads(show(Settings(), Numbers(asked), None, 0.8, ()))["figures"][3]["layout"]["shapes"])
    assert "4065 MiB shown: 64" in texts
    assert "10937 MiB shown: 202" in texts
    assert "shown" not in json.dumps(json.loads(show(Settings(), Numbers(STATE), None, 0.8, ()))["figures"][3]["layout"]["shapes"])


def test_what_is_known_of_this_device_is_said_before_a_measurement() -> None:
    on_cpu = Settings(device="cpu")
    look(on_cpu)
    value = json.loads(show(on_cpu, Numbers(STATE), None, 0.8, ()))
    assert "measuring takes about" in value["note"]
    assert '"text": "here: ' in json.dumps(value["figures"][3]["layout"]["shapes"])
