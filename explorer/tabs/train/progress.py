"""What the Train tab shows of a training: its line, curves, end and buttons, and of these what a page does not show already."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from explorer.components.chart_panel import drawn
from explorer.components.confusion import confusion_figure
from explorer.components.formatting import exact
from explorer.settings import Settings
from explorer.tabs.train.charts import training_figures
from explorer.work import background, runs

if TYPE_CHECKING:
    from densenet.train.run import Run

NOTHING = '<div class="hint large">No training yet: press Start, and a small net learns handwritten digits in a minute.</div>'
_MOST_MISTAKES = 12  # as many as stand beside the confusion matrix
_STATES = {"running": "busy", "paused": "", "stopped": "", "finished": "built", "failed": "refused"}
_WORDS = {
    "running": "learning",
    "paused": "paused",
    "stopped": "stopped",
    "finished": "finished",
    "failed": "ended early",
}


def span(seconds: float) -> str:
    """Return a time for people."""
    if seconds < 90:
        return f"{seconds:.0f}\u00a0s"
    return f"{seconds / 60:.0f}\u00a0min" if seconds < 5400 else f"{seconds / 3600:.1f}\u00a0h"


def _state_line(seen: runs.Status) -> str:
    last, parts = seen.last, []
    if last is not None:
        parts.append(f"step {exact(last.step)} of {exact(last.steps)}, epoch {last.epoch}, {span(last.seconds)}")
        if last.images_per_second:
            parts.append(f"{last.images_per_second:.0f} images/s")
    best = [event.valid_accuracy for event in seen.events if event.valid_accuracy is not None]
    if best:
        parts.append(f"held out: <b>{100 * best[-1]:.1f} %</b>, best {100 * max(best):.1f} %")
    if seen.state == "running" and last is None:
        parts.append("reading the pictures …")
    if seen.message:
        parts.append(escape(seen.message))
    words = f"<b>{escape(seen.run.name)}</b> {_WORDS[seen.state]}"
    return f'<div class="live {_STATES[seen.state]}" role="status"><span class="dot"></span>{" · ".join([words, *parts])}</div>'


def _mistakes(result: Any) -> str:
    classes = result["classes"]
    shown = "".join(
        f'<figure class="mistake"><img src="{escape(one["picture"])}" alt=""><figcaption>{escape(classes[one["label"]])}, taken for '
        f"<b>{escape(classes[one['predicted']])}</b> ({100 * one['probability']:.0f} %)</figcaption></figure>"
        for one in result["mistakes"][:_MOST_MISTAKES]
        if one.get("picture")
    )
    return f'<div class="hint">The surest mistakes</div><div class="mistakes">{shown}</div>' if shown else ""


@dataclass(frozen=True)
class Shown:
    """What a page already shows of the training: whatever is the same is not drawn, read or sent again."""

    line: str = ""
    state: str = ""
    curves: Hashable = None  # of which run, up to which event
    end: Hashable = None  # of which run, once it has finished


def look(settings: Settings, shown: Shown | None = None) -> list[Any]:
    """Return state, curves, confusion, mistakes, the buttons as they can be pressed now, the net's file, and what is then shown.

    What `shown` says that the page has is left as it is.
    """
    seen = background.run(runs.status, settings)
    if seen is None:
        off = gr.update(interactive=False)
        return [NOTHING, drawn([]), drawn([]), "", off, off, gr.update(visible=False), Shown()]
    finished = seen.state == "finished"
    now = Shown(
        line=_state_line(seen),
        state=seen.state,
        curves=(seen.run, len(seen.events), seen.events[-1] if seen.events else None),
        end=(seen.run, finished),
    )
    answer: list[Any] = [gr.skip()] * 7
    if shown is None or now.line != shown.line:
        answer[0] = now.line
    if shown is None or now.curves != shown.curves:
        answer[1] = drawn(training_figures(seen.events))
    if shown is None or now.end != shown.end:
        answer[2:4], answer[6] = _end(seen.run) if finished else [drawn([]), ""], gr.update(visible=False)
        if finished:
            answer[6] = gr.update(value=str(seen.run.net), visible=True)
    if shown is None or now.state != shown.state:
        answer[4:6] = _buttons(seen.state)
    return [*answer, now]


def _end(run: Run) -> list[str]:
    """Return confusion and mistakes of a finished training."""
    result: Any = runs.result_of(run)
    if result is None:
        return [drawn([]), ""]
    title = f"Confusion on the {str(result['on']).replace('_', '-')} pictures: {100 * result['accuracy']:.1f} % right"
    return [drawn([confusion_figure(result["classes"], result["confusion"], title)]), _mistakes(result)]


def _buttons(state: str) -> list[Any]:
    """Return Stop and Pause as they can be pressed."""
    working, going_on = state == "running", state in ("paused", "stopped", "failed")
    return [gr.update(interactive=working), gr.update(interactive=working or going_on, value="Go on" if going_on else "Pause")]
