"""What on the page asks whom: one line an event. In a browser its loss is seen late, or by nobody."""

from __future__ import annotations

import re
from pathlib import Path

import gradio as gr

from explorer.app import create_app
from explorer.settings import Settings
from explorer.work.queues import KINDS

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
    left = [line for line in lines(create_app(Settings(device="cpu", offline=True, runs_dir=tmp_path))) if re.search(r"unload", line)]
    assert len(left) == 2
