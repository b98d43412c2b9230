"""Train tab: a net learns, in a process of its own, while everybody watches; handwritten digits at once, anything else as well."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from densenet import DenseNetConfig, Workload
from explorer.components.chart_panel import chart_panel
from explorer.components.formatting import exact, memory
from explorer.components.messages import explained
from explorer.page import controls
from explorer.page.page_state import PageState
from explorer.page.shared import Shared
from explorer.settings import Settings
from explorer.tabs.train import downloading, form, learning
from explorer.tabs.train.progress import NOTHING, Shown, look, span
from explorer.work import background, jobs, nets, runs, standby
from explorer.work.handlers import bound, while_open
from explorer.work.queues import TRAINING, at_once, each_time, latest, one_at_a_time

TITLE = "Train"
_SECONDS_BETWEEN_LOOKS = 1.0


def starts(settings: Settings, known: list[tuple[str, str]]) -> Any:
    """Return the choices of nets, with those that the visitor brought, and that were trained meanwhile."""
    return gr.update(choices=form.net_choices(settings, known))


def started_size(settings: Settings, net: str) -> Any:
    """Return the side of pictures that a net to start from was fed."""
    try:
        return background.run(nets.record_to_start_from, settings, net).preprocessing.crop_px if form.is_trained(net) else gr.skip()
    except (ValueError, ConnectionError):  # the forecast says it
        return gr.skip()


def forecast(settings: Settings, config: DenseNetConfig, data: str, folder: str | None, *values: Any) -> tuple[str, Any, Any]:
    """Return what the training would take, or why it cannot be, as HTML; Start as it can be pressed, and the download where one helps."""
    no_download = gr.update(visible=False)
    try:
        job, why = background.run(form.job_of, settings, config, data, folder, *values)
        seen = background.run(jobs.expected, settings, job)
        other = background.run(nets.record_to_start_from, settings, job.start_from).label if job.start_from else ""
    except jobs.Missing as error:
        sentence, button = downloading.offered(settings, data, folder, error)
        return _refusal(sentence), gr.update(interactive=False), button
    except (ValueError, ConnectionError) as error:
        return _refusal(str(error)), gr.update(interactive=False), no_download
    recipe = job.recipe
    whole = seen.epoch_seconds * recipe.epochs
    budget = f"{recipe.epochs} epochs {span(whole)}"
    if recipe.minutes is not None and recipe.minutes * 60 < whole:
        budget = f"{recipe.minutes:g} min, about {recipe.minutes * 60 / seen.epoch_seconds:.1f} epochs"
    whose = f" of <b>{escape(other)}</b>, not of the sliders' net" if other else ""
    said = (
        f'<div class="published"><b>{exact(seen.parameters)}</b> parameters{whose}, {exact(seen.images)} pictures · '
        f"an epoch about <b>{span(seen.epoch_seconds)}</b>, {budget} · "
        f"{memory(seen.peak_bytes)} a step ({recipe.precision}), {memory(seen.data_bytes)} of pictures</div>"
    )
    return said + _reason(why), gr.update(interactive=True), no_download


def _refusal(sentence: str) -> str:
    return f'<div class="notice" role="alert">{escape(sentence)}</div>'


def _reason(why: str) -> str:
    return f'<div class="hint">{escape(why)}</div>' if why else ""


@explained
def set_sliders(settings: Settings, preset: str, config: DenseNetConfig, workload: Workload, *values: Any) -> list[Any]:
    """Return the sidebar with a net that fits, the sliders' net as the one to be trained, and why it is this one."""
    data, folder, size, _, _, *recipe = values
    job, why = background.run(form.job_of, settings, config, data, folder, size, form.FITS, "none", *recipe)
    pictures = background.run(jobs.pictures_of, job)
    state = PageState(preset, jobs.net_of(job, pictures), replace(workload, image_size=job.size or workload.image_size))
    return [*controls.shown(state), form.SLIDERS, _reason(f"The sliders show it now. {why}")]


@explained
def unpack(settings: Settings, files: list[str], progress: gr.Progress = gr.Progress()) -> tuple[str, str]:
    """Unpack a zip of class folders, and return the choice of pictures and the folder that they are in."""
    if len(files) != 1:
        raise ValueError(f"Please bring one zip, these were {len(files)} files.")

    def shown(done: int, total: int) -> None:
        progress(done / total if total else None, desc=f"unpacked: {memory(done)} of {memory(total)}")

    return jobs.FOLDER, str(background.run(jobs.pictures_of_zip, settings, Path(files[0]), shown))


@explained
def begin(settings: Settings, config: DenseNetConfig, *values: Any) -> None:
    """Start the training that the form asks for."""
    job, _ = background.run(form.job_of, settings, config, *values)
    if job.start_from:
        job = replace(job, start_from=str(background.run(nets.kept_to_start_from, settings, job.start_from)))
    background.run(runs.start, settings, job)


@explained
def pause_or_go_on(settings: Settings) -> None:
    """Pause the training that is at work, or let the latest go on."""
    seen = background.run(runs.status, settings)
    if seen is not None and seen.state == "running":
        runs.wish(settings, "pause")
    else:
        background.run(runs.resume, settings)


@explained
def stop(settings: Settings) -> None:
    """Have a checkpoint written, and end; Go on resumes from it."""
    runs.wish(settings, "stop")


def to_try(shown: Shown | None) -> Any:
    """Return the button that leads to Predict, where there is a trained net to try."""
    return gr.update(visible=shown is not None and shown.state == "finished")


def tried_net(settings: Settings, known: list[tuple[str, str]]) -> Any:
    """Return Predict's choice of nets with the one that was trained last; ValueError where none has finished."""
    return gr.update(choices=[*nets.choices(settings), *known], value=[nets.last_trained(settings)])


def build(page: Shared, tab: gr.Tab, known: gr.State) -> gr.Button:
    """Lay out the tab and wire it; `known` are the nets that the visitor has brought. Returns the button that leads to Predict."""
    settings = page.settings
    asked = form.build(settings)
    said, fitted = gr.HTML("", elem_id="forecast"), gr.HTML("", elem_id="fitted")
    buttons = downloading.Buttons()
    state = gr.HTML(NOTHING, elem_id="training")
    tried = gr.Button("Try it in Predict", size="sm", variant="primary", visible=False, elem_id="try-net")
    charts = {
        "loss-chart": "Loss of the training",
        "accuracy-chart": "Accuracy of the training",
        "rate-chart": "Learning rate of the training",
    }
    curves = chart_panel("", charts=charts, elem_id="curves-of-training")
    learning.build(page, TITLE, curves)
    with gr.Row():
        with gr.Column(scale=1, min_width=420):
            confusion = chart_panel("", charts={"confusion-chart": "Confusion matrix"}, elem_id="confusion-of-training")
        with gr.Column(scale=1, min_width=420):
            file = gr.File(label="The trained net", visible=False, elem_id="trained-net")
            mistakes = gr.HTML("", elem_id="mistakes")
    has = gr.State(None)
    shown = [state, curves, confusion, mistakes, asked.end, asked.pause, file, has]
    looked = bound(look, settings)
    _wire_forecast(page, tab, asked, said, fitted, buttons)
    tab.select(looked, None, shown, api_name="show_training", **at_once())
    tab.select(standby.prepare, None, None, api_name="prepare_training", **at_once())
    tab.select(bound(starts, settings), known, asked.net, api_name="show_starts", **at_once())
    queued = one_at_a_time(TRAINING)
    begun = asked.start.click(bound(begin, settings), [page.config, *asked.job], None, api_name="begin_training", **queued)
    begun.success(looked, None, shown, api_name="begun", **at_once())
    paused = asked.pause.click(bound(pause_or_go_on, settings), None, None, api_name="pause_training", **queued)
    paused.success(looked, None, shown, api_name="paused", **at_once())
    stopped = asked.end.click(bound(stop, settings), None, None, api_name="stop_training", **queued)
    stopped.success(looked, None, shown, api_name="stopped", **at_once())
    gr.Timer(_SECONDS_BETWEEN_LOOKS).tick(while_open(looked, TITLE), [page.active, has], shown, api_name="look_at_training", **at_once())
    state.change(to_try, has, tried, api_name="offer_trained", **at_once())
    return tried


def _wire_forecast(page: Shared, tab: gr.Tab, asked: form.Form, said: gr.HTML, fitted: gr.HTML, buttons: downloading.Buttons) -> None:
    """Have the form say at every change what it asks for, and bring what is not here."""
    settings, values = page.settings, [page.config, *asked.job]
    expected, outputs = bound(forecast, settings), [said, asked.start, buttons.bring]
    rested = [asked.folder.submit, asked.folder.blur]  # not at each key: what is named is counted
    others = [part for part in asked.job if part is not asked.folder]
    changed = [getattr(part, "change") for part in others]  # noqa: B009
    gr.on([*changed, *rested, tab.select], expected, values, outputs, api_name="forecast", **latest(TRAINING))
    page.rest(while_open(expected, TITLE), [page.active, *values], outputs, api_name="follow_forecast", **latest(TRAINING))
    asked.data.input(form.for_data, asked.data, asked.of_data, api_name="choose_pictures", **each_time())
    asked.net.change(bound(started_size, settings), asked.net, asked.size, api_name="show_start_size", **each_time())
    asked.to_sliders.click(
        bound(set_sliders, settings),
        [page.bar["preset"], page.config, page.workload, *asked.job],
        [*page.bar.outputs, asked.net, fitted],
        api_name="fit_net",
        **one_at_a_time(TRAINING),
    )
    gr.on([asked.data.change, asked.size.change], lambda: "", None, fitted, api_name="forget_fitted", **each_time())
    asked.zipped.upload(
        bound(unpack, settings),
        asked.zipped,
        [asked.data, asked.folder],
        api_name="unpack_pictures",
        show_progress_on=said,
        **one_at_a_time(TRAINING) | {"show_progress": "minimal"},
    ).success(expected, values, outputs, api_name="forecast_unpacked", **latest(TRAINING))
    brought = buttons.wire(settings, asked.data, said)
    brought.success(expected, values, outputs, api_name="forecast_brought", **latest(TRAINING))
