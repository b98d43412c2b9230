"""The page as Gradio holds it: built as often as one likes, every event wired to a handler that answers."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pytest
from PIL import Image

from densenet import PRESETS, Workload, plan, totals
from explorer.app import create_app, open_address, smallest_size, toggle_pin, update
from explorer.components.formatting import exact
from explorer.page import controls, live
from explorer.page.address import from_query, pinned_from_query
from explorer.page.page_state import PageState, preset_state
from explorer.page.shared import Seen
from explorer.settings import Settings
from explorer.tabs.predict import tab as predict
from explorer.work.queues import KINDS
from tests.explorer.page.test_controls import values_of
from tests.explorer.page.test_headline import expected_values, parts
from tests.support.coroutines import result_of
from tests.support.serving import ROOT
from tests.support.session import Request, Session

SETTINGS = Settings(device="cpu", offline=True)
# They need a photo or a file (see test_api, test_predict_tab, test_feeding, test_trial), are gr.Examples' own, or take minutes.
NOT_AS_THEY_ARE = (
    *("predict", "attribute", "bring_weights", "switch_meaning", "load_example", "measure_comparison", "begin_training", "pause_training"),
    *("feed", "keep_net", "other_photo", "try_on_folder", "open_mistake", "unpack_pictures"),
    *("draw", "bring_data", "try_net", "prepare_training"),
)
CLICKED: dict[str, dict[str, Any]] = {  # what the browser says of an event
    "open_tab": {"index": 3, "value": "Layers"},
    "open_view": {"index": 2, "value": "Trust"},
    "open_structure": {"index": 1, "value": "Diagram"},
    "fold": {"block": 2},
    "keep_step": {"step": 3},
    "judge": {"method": "saliency"},
    "choose_class": {"net": "cifar10", "index": 3},
}


def seen(state: PageState, pinned: PageState | None = None) -> Seen:
    """The page that shows `state`."""
    return Seen(state.preset, state.config, state.workload, pinned, 0.8)


def moved(state: PageState, pinned: PageState | None = None, tab: str = "Architecture") -> list[Any]:
    """What the sliders get for an answer that have come to `state`."""
    return update(Request("a"), SETTINGS, tab, (), *seen(preset_state("tiny"), pinned), *values_of(state))


def test_many_apps_in_one_process() -> None:
    first = create_app()
    before = json.dumps(first.get_config_file(), default=str)
    second = create_app()
    assert json.dumps(first.get_config_file(), default=str) == before, "a second app leaves the first as it was"
    assert [fn.api_name for fn in second.fns.values()] == [fn.api_name for fn in first.fns.values()]


def test_every_event_is_named_and_answers(tmp_path: Path) -> None:
    app = create_app(Settings(device="cpu", offline=True, runs_dir=tmp_path))
    names = [fn.api_name for fn in app.fns.values() if fn.fn is not None]
    assert len(names) == len(set(names)), "two events share a name"
    session = Session(app)
    session.show(preset_state("tiny"), "Architecture")  # it is measured, too
    for fn in app.fns.values():
        if fn.fn is None or fn.api_name in NOT_AS_THEY_ARE:
            continue
        answered = list(session.answers(str(fn.api_name), **CLICKED.get(str(fn.api_name), {})))
        assert answered, fn.api_name
        for values in answered:  # as many as there are outputs, and of a kind that each can show: Gradio itself says so
            if fn.outputs:
                result_of(app.postprocess_data(fn, values, None))
            else:
                assert values is None, fn.api_name


def test_what_follows_sliders_and_answers_is_drawn_only_where_somebody_looks(tmp_path: Path) -> None:
    session = Session(create_app(Settings(device="cpu", offline=True, runs_dir=tmp_path)))
    session.show(preset_state("tiny"), "Architecture")
    session.set(session.event("open_view").outputs[0], "none of them")
    following = [str(fn.api_name) for fn in session.app.fns.values() if fn.fn and "open_title" in inspect.signature(fn.fn).parameters]
    assert set(following) == {
        *("show_measured", "show_compared", "follow_comparison", "follow_layers", "follow_forecast", "look_at_training", "watch_training"),
        *("page_explain", "follow_structure", "follow_film", "follow_trust", "follow_reuse", "follow_inside", "follow_lesion"),
    }
    for name in following:
        assert list(session.answers(name)) == [gr.skip()], name
    session.show(preset_state("tiny"), "Layers")
    assert [len(table["data"]) for table in session.answers("follow_layers")] == [len(plan(PRESETS["tiny"], 32))]


def test_no_event_asks_its_handlers_for_ever() -> None:
    """Gradio's page asks all handlers of an event again when one that was due meanwhile has ended: two such keep each other going."""
    app = create_app(SETTINGS)
    due: Counter[tuple[int, str]] = Counter()
    for fn in app.fns.values():
        if fn.fn is not None and fn.trigger_mode == "always_last":
            due.update((block, event) for block, event in fn.targets if block is not None and not isinstance(app.blocks[block], gr.State))
    assert due, "states and what follows a handler are asked by themselves"
    assert [target for target, handlers in due.items() if handlers > 1] == []


def test_the_first_page_needs_no_torch_and_nobody_else_is_told() -> None:
    code = (
        "import sys, socket\n"
        "seen = []\n"
        "watched = ('socket.getaddrinfo', 'socket.connect')\n"
        "sys.addaudithook(lambda event, args: seen.append((event, args[:2])) if event in watched else None)\n"
        "from explorer.app import create_app\n"
        "app = create_app()\n"
        "heavy = [m for m in ('torch', 'torchvision', 'captum') if m in sys.modules]\n"
        "app.launch(server_name='127.0.0.1', prevent_thread_lock=True, quiet=True); app.close()\n"
        "elsewhere = [s for s in seen if '127.0.0.1' not in str(s) and 'localhost' not in str(s)]\n"
        "print(heavy, elsewhere, len(seen) > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[] [] True"


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_update_answers_every_preset(name: str) -> None:
    state = preset_state(name)
    state = replace(state, workload=replace(state.workload, batch_size=3, optimizer="adam", checkpointing="norm"))
    config, workload, numbers, charts, taken, message = moved(state)
    assert (config, workload, taken, message) == (state.config, state.workload, gr.skip(), "")
    assert parts(numbers["tiles"], "tile-value") == expected_values(state)
    assert (numbers["query"], numbers["tab"]) == (f"preset={name}&batch=3&ckpt=norm&opt=adam", "")
    sums = totals(state.config, state.workload.image_size)
    assert f"<b>{exact(sums.params)}</b> parameters" in json.loads(charts)["note"]
    assert f"<b>{exact(sums.macs)}</b> MACs" in json.loads(charts)["note"]


def test_a_pinned_net_is_what_all_is_set_beside() -> None:
    state = preset_state("densenet121")
    wider = replace(state, config=replace(state.config, growth_rate=48))
    pinned, button, numbers, charts, taken = toggle_pin(SETTINGS, "Memory", (), *seen(wider), *values_of(state))
    assert pinned == state
    assert button["value"] == "Unpin A"
    assert numbers["tiles"].count("as A") == 6
    assert numbers["tab"] == "Memory"
    assert from_query(dict(parse_qsl(numbers["query"])))[0] == pinned_from_query(dict(parse_qsl(numbers["query"])))[0] == state
    names = [[trace.get("name") for trace in figure["data"]] for figure in json.loads(charts)["figures"]]
    assert all("A" in traces for traces in names), "an outline in every chart"
    assert all("A" in [trace.get("name") for trace in figure["data"]] for figure in json.loads(taken)["figures"])
    _, _, answer, drawn, _, _ = moved(wider, pinned)
    assert answer["tiles"].count("vs A") == 5
    assert "dotted: A, DenseNet-121" in json.loads(drawn)["note"]
    outline = next(t for t in json.loads(drawn)["figures"][1]["data"] if t.get("name") == "A")
    assert sum(outline["y"]) == 7_978_856
    assert toggle_pin(SETTINGS, "Architecture", (), *seen(wider, pinned), *values_of(wider))[0] is None


@pytest.mark.parametrize("bad", [{"growth_rate": 9999}, {"image_size": 3}])
def test_what_is_no_net_is_not_pinned(bad: dict[str, int]) -> None:
    """The net that the page shows is, instead."""
    state = preset_state("densenet121")
    values = list(values_of(state))
    for name, value in bad.items():
        values[controls.NAMES.index(name)] = value
    assert toggle_pin(SETTINGS, "Architecture", (), *seen(state), *values)[0] == state


def test_an_address_opens_its_tab_and_its_pinned_net() -> None:
    *_, pinned, button, tabs, active, numbers, charts, step, said = open_address(
        SETTINGS, 0.8, Request("a", {"a": "preset=tiny&k=9999", "tab": "Compare"})
    )
    assert numbers["tab"] == "Compare"
    assert step == gr.skip()
    assert (pinned.preset, pinned.config.growth_rate, button["value"]) == ("tiny", 512, "Unpin A")
    assert (active, tabs.selected) == ("Compare", "Compare")
    assert "Of the pinned net: k=" in said
    traces = [[trace.get("name") for trace in figure["data"]] for figure in json.loads(charts)["figures"]]
    assert all("A" in names for names in traces), "no slider moves that would draw the outline"
    *_, step, _ = open_address(SETTINGS, 0.8, Request("a", {"tab": "Memory"}))
    assert len(json.loads(step)["figures"]) == 4
    *_, pinned, button, tabs, active, _, _, _, said = open_address(SETTINGS, 0.8, Request("a", {"tab": "<b>"}))
    assert (pinned, button["value"], active) == (None, "Pin as A", "Architecture")
    assert "There is no tab called &#x27;&lt;b&gt;&#x27;" in said


def test_too_small_an_input_keeps_the_page_and_offers_the_smallest() -> None:
    values = values_of(replace(preset_state("densenet121"), workload=Workload(image_size=28)))
    *kept, notice = update(Request("a"), SETTINGS, "Architecture", (), *seen(preset_state("tiny")), *values)
    assert all(item == gr.skip() for item in kept)
    assert "28 pixels" in notice
    assert "Use 29 × 29" in notice
    assert smallest_size(*values) == 29


def test_a_bad_number_keeps_the_page_and_says_why() -> None:
    values = values_of(preset_state("densenet121"), num_classes=None)  # an emptied number box
    *kept, notice = update(Request("a"), SETTINGS, "Architecture", (), *seen(preset_state("tiny")), *values)
    assert all(item == gr.skip() for item in kept)
    assert "num_classes must be 1 to 100000, got None" in notice
    assert "<button" not in notice


def test_live_gives_up_what_nobody_waits_for() -> None:
    state = preset_state("tiny")
    steps = live.follow(Settings(device="cpu"), state.config, state.workload, Request("b"))
    assert "building" in next(steps)
    live.want("b", state.config, 64)
    assert next(steps) == gr.skip()
    assert next(steps, "the end") == "the end"
    *_, seen = live.follow(Settings(device="cpu"), state.config, state.workload, Request("b"))
    assert "3,730" in seen
    assert "✓ as planned" in seen
    live.forget(Request("b"))
    assert "b" not in live._wanted


def test_live_refuses_what_is_too_large_with_a_reason() -> None:
    config = replace(PRESETS["densenet121"], growth_rate=512, block_config=(256,) * 5)
    *_, seen = live.follow(Settings(device="cpu"), config, Workload(), Request("c"))
    assert "Not built" in seen
    assert "GiB free" in seen


def test_a_net_that_cannot_be_had_is_a_sentence(tmp_path: Any) -> None:
    photo = Image.new("RGB", (32, 32))
    with pytest.raises(gr.Error, match="embedded net works without a network"):
        predict.predict(Settings(offline=True, weights_dir=tmp_path), photo, ["densenet121"])


# name: what triggers it (a component's event, or the handler that it comes after) | how it waits. `golden/wiring.txt` is read by people,
# too: whoever adds an event adds its line by hand.
GOLDEN = Path(__file__).parent / "golden" / "wiring.txt"


def name_of(block: gr.blocks.Block | None) -> str:
    """What people call it: its place in the style sheets, its label, or what stands on it."""
    if block is None:
        return "the page"
    named = (getattr(block, "elem_id", None), getattr(block, "label", None), getattr(block, "value", None))
    return next((name for name in named if isinstance(name, str) and name), type(block).__name__)


def lines(app: gr.Blocks) -> list[str]:
    """The app's events."""
    names = {fn._id: str(fn.api_name) for fn in app.fns.values()}
    made = []
    for fn in app.fns.values():
        after = "" if fn.trigger_after is None else names[fn.trigger_after] + "."
        triggers = [f"{after if block is None else name_of(app.blocks.get(block)) + '.'}{event}" for block, event in fn.targets]
        queue = "at once" if not fn.queue else str(fn.concurrency_id) if fn.concurrency_id in KINDS else "its own queue"
        script = "" if fn.fn else " (a script)"
        made.append(f"{fn.api_name}{script}: {', '.join(triggers) or 'asked'} | {fn.trigger_mode}, {queue}, {fn.concurrency_limit}")
    return made


def test_every_event_is_asked_by_what_is_written_down(tmp_path: Path) -> None:
    assert lines(create_app(Settings(device="cpu", offline=True, runs_dir=tmp_path))) == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_who_leaves_is_forgotten(tmp_path: Path) -> None:
    left = [line for line in lines(create_app(Settings(device="cpu", offline=True, runs_dir=tmp_path))) if "unload" in line]
    assert [line.partition(":")[0] for line in left] == ["forget", "leave"]
