"""The page as Gradio holds it: built as often as one likes, every event wired to a handler that answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pytest
from PIL import Image

from densenet import PRESETS, Workload
from explorer.app import create_app, open_address, smallest_size, toggle_pin, update
from explorer.page import live
from explorer.page.address import from_query, pinned_from_query
from explorer.page.headline import headline
from explorer.page.page_state import preset_state
from explorer.settings import Settings
from explorer.tabs.architecture.tab import published
from explorer.tabs.layers import tab as layers
from explorer.tabs.layers.tables import HEADERS, layer_rows, layers_csv, torchinfo_summary
from explorer.tabs.predict import tab as predict
from tests.explorer.page.test_controls import values_of
from tests.support.serving import ROOT

SETTINGS = Settings(device="cpu", offline=True)
# They need a photo or a file (see test_api, test_predict_tab), are gr.Examples' own, take minutes (see test_compare, test_training).
NOT_AS_THEY_ARE = ("predict", "attribute", "bring_weights", "load_example", "measure_comparison", "begin_training", "pause_training")
ASKED_FIRST = ("update", "page_explain", "explain_again", "follow_trust")  # with the request before values of any number
ASKED_BY_A_VISITOR = (
    *("open_address", "live", "forget", "leave", "cancel"),
    *ASKED_FIRST,
    *("show_lesion", "lesion_block", "follow_lesion", "lesion_cells", "supersede_lesion", "stop_lesion"),
    *("show_trust", "show_judged", "stop_explaining", "stop_trust", "supersede_maps", "supersede_explanation", "supersede_trust"),
    *("measure_one_step", "cancel_measurement", "cancel_comparison"),
)


class Visitor:
    """What a handler reads of a gr.Request."""

    def __init__(self, session: str, query: dict[str, str] | None = None) -> None:
        self.session_hash, self.query_params = session, query or {}


def test_many_apps_in_one_process() -> None:
    assert len({id(create_app()) for _ in range(2)}) == 2


def test_every_event_is_named_and_answers_its_initial_values(tmp_path: Path) -> None:
    app = create_app(Settings(device="cpu", offline=True, runs_dir=tmp_path))
    names = [fn.api_name for fn in app.fns.values() if fn.fn is not None]
    assert len(names) == len(set(names)), "two events share a name"
    for fn in app.fns.values():
        if fn.fn is None or fn.api_name in NOT_AS_THEY_ARE:
            continue
        inputs = [component.value for component in fn.inputs]
        special: list[Any] = [Visitor("test")] if fn.api_name in ASKED_BY_A_VISITOR else []
        if fn.api_name == "open_tab":
            special = [type("Selected", (), {"value": "Layers"})()]
        if fn.api_name == "open_view":
            special = [type("Selected", (), {"value": "Trust"})()]
        if fn.api_name == "judge":
            special = [type("Clicked", (), {"method": "saliency"})()]
        if fn.api_name == "choose_class":
            special = [type("Clicked", (), {"net": "cifar10", "index": 3})()]
        arguments = [*special, *inputs] if fn.api_name in ASKED_FIRST else [*inputs, *special]
        result = fn.fn(*arguments)
        if isinstance(result, Iterator):
            result = list(result)[-1]
        if len(fn.outputs) > 1:
            assert len(result) == len(fn.outputs), fn.api_name


def test_the_first_page_needs_no_torch() -> None:
    code = (
        "import sys; import explorer.app as a; a.create_app(); print([m for m in ('torch', 'torchvision', 'captum') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_nobody_else_is_told() -> None:
    code = (
        "import sys, socket\n"
        "seen = []\n"
        "watched = ('socket.getaddrinfo', 'socket.connect')\n"
        "sys.addaudithook(lambda event, args: seen.append((event, args[:2])) if event in watched else None)\n"
        "from explorer.app import create_app\n"
        "app = create_app(); app.launch(server_name='127.0.0.1', prevent_thread_lock=True, quiet=True); app.close()\n"
        "print([s for s in seen if '127.0.0.1' not in str(s) and 'localhost' not in str(s)])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_update_answers_every_preset() -> None:
    for name in PRESETS:
        state = preset_state(name)
        config, workload, numbers, charts, taken, message = update(Visitor("a"), SETTINGS, "Architecture", None, 0.8, (), *values_of(state))
        assert (config, workload, taken, message) == (state.config, state.workload, gr.skip(), "")
        assert numbers == {"tiles": headline(state), "query": f"preset={name}", "tab": ""}
        assert json.loads(charts)["note"] == published(state)


def test_a_pinned_net_is_what_all_is_set_beside() -> None:
    state = preset_state("densenet121")
    wider = replace(state, config=replace(state.config, growth_rate=48))
    pinned, button, numbers, charts, taken = toggle_pin(SETTINGS, "densenet121", state.config, state.workload, None, "Memory", 0.8, ())
    assert pinned == state
    assert button["value"] == "Unpin A"
    assert numbers["tiles"].count("as A") == 6
    assert numbers["tab"] == "Memory"
    assert from_query(dict(parse_qsl(numbers["query"])))[0] == pinned_from_query(dict(parse_qsl(numbers["query"])))[0] == state
    names = [[trace.get("name") for trace in figure["data"]] for figure in json.loads(charts)["figures"]]
    assert all("A" in traces for traces in names), "an outline in every chart"
    assert all("A" in [trace.get("name") for trace in figure["data"]] for figure in json.loads(taken)["figures"])
    _, _, moved, drawn, _, _ = update(Visitor("a"), SETTINGS, "Architecture", pinned, 0.8, (), *values_of(wider))
    assert moved["tiles"].count("vs A") == 5
    assert "dotted: A, DenseNet-121" in json.loads(drawn)["note"]
    outline = next(t for t in json.loads(drawn)["figures"][1]["data"] if t.get("name") == "A")
    assert sum(outline["y"]) == 7_978_856
    assert toggle_pin(SETTINGS, "densenet121", wider.config, wider.workload, pinned, "Architecture", 0.8, ())[0] is None


def test_an_address_opens_its_tab_and_its_pinned_net() -> None:
    *_, pinned, button, tabs, active, numbers, step, said = open_address(
        SETTINGS, 0.8, Visitor("a", {"a": "preset=tiny&k=9999", "tab": "Compare"})
    )
    assert numbers["tab"] == "Compare"
    assert step == gr.skip()
    assert (pinned.preset, pinned.config.growth_rate, button["value"], active, tabs.selected) == (
        "tiny",
        512,
        "Unpin A",
        "Compare",
        "Compare",
    )
    assert "Of the pinned net: k=" in said
    *_, step, _ = open_address(SETTINGS, 0.8, Visitor("a", {"tab": "Memory"}))
    assert len(json.loads(step)["figures"]) == 4
    *_, pinned, button, tabs, active, _, _, said = open_address(SETTINGS, 0.8, Visitor("a", {"tab": "<b>"}))
    assert (pinned, button["value"], active) == (None, "Pin as A", "Architecture")
    assert "There is no tab called &#x27;&lt;b&gt;&#x27;" in said


def test_too_small_an_input_keeps_the_page_and_offers_the_smallest() -> None:
    values = values_of(replace(preset_state("densenet121"), workload=Workload(image_size=28)))
    *kept, notice = update(Visitor("a"), SETTINGS, "Architecture", None, 0.8, (), *values)
    assert all(item == gr.skip() for item in kept)
    assert "28 pixels" in notice
    assert "Use 29 × 29" in notice
    assert smallest_size(*values) == 29


def test_a_bad_number_keeps_the_page_and_says_why() -> None:
    values = values_of(preset_state("densenet121"), num_classes=None)  # an emptied number box
    *kept, notice = update(Visitor("a"), SETTINGS, "Architecture", None, 0.8, (), *values)
    assert all(item == gr.skip() for item in kept)
    assert "num_classes must be 1 to 100000, got None" in notice
    assert "<button" not in notice


def test_headline_compares_with_the_preset() -> None:
    start = preset_state("densenet121")
    assert headline(start).count("as the preset") == 6
    wider = headline(replace(start, config=replace(start.config, growth_rate=64)))
    assert "vs preset" in wider
    assert "7.98" not in wider


def test_published_counts_are_checked_only_for_published_nets() -> None:
    assert published(preset_state("densenet121")).count("✓") == 2
    assert "7,978,856" in published(preset_state("densenet121"))
    assert published(preset_state("densenet_bc_100_12")).count("✓ 0.8 M") == 1
    assert "✓" not in published(preset_state("classroom"))
    start = preset_state("densenet121")
    assert "✓" not in published(replace(start, config=replace(start.config, growth_rate=33)))
    assert "GMACs" not in published(replace(start, workload=Workload(image_size=192)))


def test_live_gives_up_what_nobody_waits_for() -> None:
    state = preset_state("tiny")
    steps = live.follow(Settings(device="cpu"), state.config, state.workload, Visitor("b"))
    assert "building" in next(steps)
    live.want("b", state.config, 64)
    assert next(steps) == gr.skip()
    assert next(steps, "the end") == "the end"
    *_, seen = live.follow(Settings(device="cpu"), state.config, state.workload, Visitor("b"))
    assert "3,730" in seen
    assert "✓ as planned" in seen
    live.forget(Visitor("b"))
    assert "b" not in live._wanted


def test_live_refuses_what_is_too_large_with_a_reason() -> None:
    config = replace(PRESETS["densenet121"], growth_rate=512, block_config=(256,) * 5)
    *_, seen = live.follow(Settings(device="cpu"), config, Workload(), Visitor("c"))
    assert "Not built" in seen
    assert "GiB free" in seen


def test_layers_table_and_csv_hold_the_same_rows() -> None:
    config = PRESETS["tiny"]
    text = layers_csv(config, 32).splitlines()
    assert text[0].split(",") == HEADERS
    assert [line.split(",") for line in text[1:]] == [[str(cell) for cell in row] for row in layer_rows(config, 32)]
    assert len(layers.show(config, Workload(image_size=32))["data"]) == len(text) - 1
    assert layers.show_if_open("Architecture", config, Workload(image_size=32)) == gr.skip()


def test_torchinfo_agrees_on_parameters() -> None:
    text = torchinfo_summary(PRESETS["tiny"], 32)
    assert "3,730" in text


def test_a_net_that_cannot_be_had_is_a_sentence(tmp_path: Any) -> None:
    photo = Image.new("RGB", (32, 32))
    with pytest.raises(gr.Error, match="embedded net works without a network"):
        predict.predict(Settings(offline=True, weights_dir=tmp_path), photo, ["densenet121"])
