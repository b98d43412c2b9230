"""On a folder: one photo proves nothing, so the net is asked about all pictures of a folder, and what it holds is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from densenet.checks import checked_integer, checked_names
from densenet.stopping import Cancelled
from explorer.components.bar_table import Cell, Row, bar_table
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.charts import Figure, layout_of
from explorer.components.confusion import confusion_figure
from explorer.components.formatting import exact, share
from explorer.components.messages import explained
from explorer.components.overlays import data_uri
from explorer.components.templates import template_of
from explorer.components.theme import BLOCK_COLOURS, NEUTRAL
from explorer.settings import Settings
from explorer.tabs.predict.stage import Stage
from explorer.work import background, nets, trials
from explorer.work.cancelling import cancel_trying, cancellable
from explorer.work.handlers import bound
from explorer.work.queues import TRYING, at_once, one_at_a_time

if TYPE_CHECKING:
    from densenet.evaluate import ClassReport, Report, Share

TITLE = "On a folder"
_MOST_IN_CONFUSION = 40  # classes, of which one can still read the names
_MOST_ROWS = 60
_HEIGHT_PX = 330
_ON_LOAD = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_PARTS: Any = template_of(Path(__file__).with_suffix(".html")).module
_HINT = (
    '<div class="hint large">A folder of classes, or a zip of one, named as the net names its classes; or pictures with a table (CSV) of '
    "their labels. The first net that is chosen is asked about each of them.</div>"
)


def _with_interval(share_of: Share) -> Cell:
    if share_of.value is None:
        return Cell("–")
    note = "" if share_of.low is None or share_of.high is None else f"{100 * share_of.low:.0f} to {100 * share_of.high:.0f}"
    return Cell(share(share_of.value), share_of.value, note)


def table_of(classes: Sequence[ClassReport]) -> str:
    """Return the classes as a table, those with the lowest recall first."""
    worst = sorted(classes, key=lambda one: (one.recall.value is None, one.recall.value or 0.0))[:_MOST_ROWS]
    rows = [
        Row(one.label, [Cell(exact(one.pictures)), *map(_with_interval, (one.precision, one.recall, one.auc))], title=one.label)
        for one in worst
    ]
    return bar_table(["class", "pictures", "precision", "recall", "area under the curve"], rows)


def summary_of(report: Report) -> str:
    """Return what is found, in one line of HTML."""
    low, high = report.accuracy.low or 0.0, report.accuracy.high or 0.0
    parts = [
        f"<b>{share(report.accuracy.value or 0.0)}</b> right ({100 * low:.1f} to {100 * high:.1f}) of {exact(report.pictures)} pictures"
    ]
    if report.top5.value is not None:
        parts.append(f"{share(report.top5.value)} among the first five")
    if report.after is not None and report.temperature is not None:
        parts.append(
            f"probabilities are off by {share(report.before.error)} on the mean, by {share(report.after.error)} at temperature "
            f"{report.temperature:.2f}"
        )
    else:
        parts.append(f"probabilities are off by {share(report.before.error)} on the mean")
    return f'<div class="published">{" · ".join(parts)}</div>'


def calibration_figure(report: Report) -> Figure:
    """What is said against what is right, in bins of probability; on the diagonal a net can be believed."""
    even: dict[str, Any] = {"type": "scatter", "mode": "lines", "x": [0, 100], "y": [0, 100], "name": "as said", "hoverinfo": "skip"}
    data = [even | {"line": {"color": NEUTRAL, "dash": "dot", "width": 1.5}}]
    for found, name, colour in ((report.before, "before", BLOCK_COLOURS[0]), (report.after, "with temperature", BLOCK_COLOURS[1])):
        if found is not None:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": name,
                    "x": [100 * value for value in found.said],
                    "y": [100 * value for value in found.right],
                    "hovertext": [f"{n} answers" for n in found.counts],
                    "line": {"color": colour, "width": 2.2},
                }
            )
    layout = layout_of(_HEIGHT_PX, len(report.before.counts), "Can its probabilities be believed?", "said, %", "right, %")
    legend = {"showlegend": True, "legend": {"x": 0.02, "y": 0.98, "yanchor": "top"}}
    return {"data": data, "layout": layout | {"hovermode": "closest"} | legend}


def figures_of(report: Report, labels: Sequence[str]) -> list[Figure]:
    """Return calibration, and confusion where there are not too many classes to be read."""
    if not 0 < len(report.shown) <= _MOST_IN_CONFUSION:
        return [calibration_figure(report)]
    names = [labels[i] for i in report.shown]
    return [calibration_figure(report), confusion_figure(names, report.confusion, "Which classes are taken for which")]


@explained
def begin(
    settings: Settings, chosen: list[str], folder: str | None, zipped: list[str] | None, labels: list[str] | None, request: gr.Request
) -> Iterator[tuple[Any, ...]]:
    """Yield how far the trial is; at its end the summary, charts, table, mistakes with their copies, and the file of answers."""
    asked = checked_names("nets", chosen)
    if not asked:
        raise ValueError("Choose a net first.")
    files = {name: Path(one[0]) if one else None for name, one in (("zip", zipped), ("labels", labels))}
    model = nets.loaded(settings, asked[0])

    def work(tell: Callable[[tuple[str, int, int]], None]) -> trials.Trial:
        return trials.run_trial(model, (folder or "").strip(), files["zip"], files["labels"], tell, stop)

    nothing = (gr.skip(),) * 5
    try:
        with cancellable(request, TRYING) as stop:
            running = background.stream(work)
            while True:
                try:
                    what, done, total = next(running)
                except StopIteration as end:
                    found: trials.Trial = end.value
                    break
                part = share(done / total) if what == "unpacked" and total else f"{exact(done)} of {exact(total)}"
                yield f'<div class="hint large">{part} {what} …</div>', *nothing
    except Cancelled:
        yield '<div class="hint large">Stopped.</div>', *nothing
        return
    named = nets.record_of(model).labels()
    shown = [
        {"file": one.file, "right": one.right, "answer": one.answer, "share": share(one.probability), "picture": data_uri(one.picture)}
        for one in found.failures
    ]
    yield (
        summary_of(found.report) + str(_PARTS.said(found.said)),
        drawn(figures_of(found.report, named)),
        table_of(found.report.classes),
        str(_PARTS.mistakes(shown)),
        [str(one.copy) for one in found.failures],
        gr.update(value=str(found.table), visible=True),
    )


@explained
def open_mistake(first: str, copies: list[str], event: gr.EventData) -> tuple[str, Any, str]:
    """Return the photo of a mistake that was clicked, and open the view called `first` of it."""
    index = checked_integer("mistake", event.index, (0, max(0, len(copies) - 1)))
    if not copies or not Path(copies[index]).is_file():
        raise ValueError("This picture is no longer here: run the trial again.")
    return copies[index], gr.update(selected=first), first


def _named(zipped: list[str] | None, labels: list[str] | None) -> str:
    """Return the names of the files that were brought, as HTML."""
    return f'<div class="hint">{escape(", ".join(Path(file).name for file in [*(zipped or []), *(labels or [])]))}</div>'


def build(stage: Stage, chosen: gr.Dropdown, views: gr.Tabs, first: str) -> None:
    """Lay out the view and wire it; `first` is the one of `views` that is opened with a mistake's photo."""
    settings, title = stage.settings, gr.State(first)
    with gr.Row(elem_classes="explain-tools"):
        folder = gr.Textbox("", label="Folder on this machine", scale=3, min_width=180)
        zipped = gr.UploadButton("… or a zip", file_types=[".zip"], file_count="multiple", size="sm", min_width=90, elem_id="trial-zip")
        labels = gr.UploadButton(
            "Labels (CSV)", file_types=[".csv"], file_count="multiple", size="sm", min_width=110, elem_id="trial-labels"
        )
        start = gr.Button("Try it", size="sm", variant="primary", scale=0, min_width=70, elem_id="trial-start")
        stop = gr.Button("Stop", size="sm", scale=0, min_width=64)
    brought = gr.HTML("", elem_id="trial-brought")
    line = gr.HTML(_HINT, elem_id="trial-line")
    panel = chart_panel(
        "",
        charts={"calibration-chart": "What is said against what is right", "trial-confusion": "Confusion matrix"},
        elem_id="trial-charts",
    )
    mistakes = gr.HTML("", js_on_load=_ON_LOAD, elem_id="trial-mistakes")
    table = gr.HTML("", elem_id="trial-table")
    file = gr.File(label="Every answer", visible=False, elem_id="trial-answers")
    copies = gr.State([])
    start.click(
        bound(begin, settings),
        [chosen, folder, zipped, labels],
        [line, panel, table, mistakes, copies, file],
        api_name="try_on_folder",
        show_progress_on=line,
        **one_at_a_time(TRYING),
    )
    stop.click(cancel_trying, None, None, api_name="stop_trial", **at_once())
    gr.on([zipped.upload, labels.upload], _named, [zipped, labels], brought, api_name="name_brought", **at_once())
    mistakes.click(open_mistake, [title, copies], [stage.photo, views, stage.view], api_name="open_mistake", **at_once())
