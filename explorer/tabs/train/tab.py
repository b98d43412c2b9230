"""Train tab: the net of the sliders learns, in a process of its own, while everybody watches."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from densenet import DenseNetConfig
from explorer.components.chart_panel import chart_panel
from explorer.components.formatting import exact, memory
from explorer.components.messages import explained
from explorer.page.shared import Shared
from explorer.settings import Settings
from explorer.tabs.train import learning
from explorer.tabs.train.progress import NOTHING, look, span
from explorer.work import background, jobs, nets, runs
from explorer.work.handlers import bound, while_open
from explorer.work.queues import TRAINING, at_once, each_time, latest, one_at_a_time

if TYPE_CHECKING:
    from densenet.train import Recipe
    from densenet.train.job import Job

TITLE = "Train"
_SECONDS_BETWEEN_LOOKS = 2.0
_DATA = [*((label, name) for name, (label, *_) in jobs.DATASETS.items()), ("a folder of classes", jobs.FOLDER)]
_VIEWS = [("shifts", "shift"), ("crops, zooms", "resized")]
_BY_DEVICE = "auto"
_PRECISIONS = [("by device", _BY_DEVICE), ("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")]
_RANDOM = "random weights, the sliders' net"
_FROZEN = [
    ("nothing", "none"),
    *((f"blocks 1 to {n}" if n > 1 else "block 1", f"blocks:1-{n}") for n in (1, 2, 3)),
    ("all but the head", "features"),
]


def _whole(number: float | None) -> Any:
    """Return a number field's whole number as one; of anything else the recipe says what is wrong with it."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def recipe_of(
    device: str,
    epochs: float | None,
    minutes: float | None,
    precision: str,
    batch: float | None,
    optimizer: str,
    rate: Any,
    crop: str,
    smoothing: Any,
    ema: bool,
    head_rate: Any = 0,
) -> Recipe:
    """Return the recipe that the tab shows, its precision by the `device` where it says so; ValueError names field, value and range."""
    from densenet.running.device import choose_device, native_bfloat16
    from densenet.train import Recipe

    return Recipe(
        epochs=_whole(epochs),
        minutes=minutes or None,  # the page shows an empty number as 0: no limit
        batch_size=_whole(batch),
        optimizer=optimizer,
        lr=rate,
        head_lr=head_rate or None,  # an empty number is shown as 0
        crop=crop,
        label_smoothing=smoothing,
        ema_decay=0.999 if ema else 0.0,
        precision=precision if precision != _BY_DEVICE else "bfloat16" if native_bfloat16(choose_device(device)) else "float32",
    )


def _job(
    settings: Settings, config: DenseNetConfig, data: str, folder: str | None, size: float | None, start: str, frozen: str, *recipe: Any
) -> Job:
    from densenet.checks import checked_integer
    from densenet.config import IMAGE_SIZE_RANGE

    side = checked_integer("size", _whole(size), IMAGE_SIZE_RANGE)  # a job could leave it open, the page must not
    if _is_random(start):
        if frozen != "none":
            raise ValueError("Random weights are not worth keeping as they are: choose a net to start from, or freeze nothing.")
        return jobs.job_of(settings, data, (folder or "").strip(), side, config, recipe_of(settings.device, *recipe))
    theirs = nets.record_to_start_from(settings, start).config
    theirs.last_frozen(frozen)  # names the blocks that it has not
    return jobs.job_of(settings, data, (folder or "").strip(), side, theirs, recipe_of(settings.device, *recipe), start, frozen)


def _is_random(start: object) -> bool:
    return start in (None, "", _RANDOM)


def starts(settings: Settings, known: list[tuple[str, str]]) -> Any:
    """Return the choices of nets to start from, with those that the visitor brought, and that were trained meanwhile."""
    return gr.update(choices=[_RANDOM, *known, *nets.choices(settings)])


def started_size(settings: Settings, start: str) -> Any:
    """Return the side of pictures that a net to start from was fed."""
    try:
        return gr.skip() if _is_random(start) else background.run(nets.record_to_start_from, settings, start).preprocessing.crop_px
    except (ValueError, ConnectionError):  # the forecast says it
        return gr.skip()


def forecast(settings: Settings, config: DenseNetConfig, *values: Any) -> str:
    """Return what the training would take, or why it cannot be, as HTML."""
    try:
        job = background.run(_job, settings, config, *values)
        seen = background.run(jobs.expected, settings, job)
        other = background.run(nets.record_to_start_from, settings, job.start_from).label if job.start_from else ""
    except (ValueError, ConnectionError) as error:
        return f'<div class="notice" role="alert">{escape(str(error))}</div>'
    recipe = job.recipe
    whole = seen.epoch_seconds * recipe.epochs
    budget = f"{recipe.epochs} epochs {span(whole)}"
    if recipe.minutes is not None and recipe.minutes * 60 < whole:
        budget = f"{recipe.minutes:g} min, about {recipe.minutes * 60 / seen.epoch_seconds:.1f} epochs"
    whose = f" of <b>{escape(other)}</b>, not of the sliders' net" if other else ""
    return (
        f'<div class="published"><b>{exact(seen.parameters)}</b> parameters{whose}, {exact(seen.images)} pictures · '
        f"an epoch about <b>{span(seen.epoch_seconds)}</b>, {budget} · "
        f"{memory(seen.peak_bytes)} a step ({recipe.precision}), {memory(seen.data_bytes)} of pictures</div>"
    )


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
    """Start the training of the net of the sliders."""
    job = background.run(_job, settings, config, *values)
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


def build(page: Shared, tab: gr.Tab, known: gr.State) -> None:
    """Lay out the tab and wire it; `known` are the nets that the visitor has brought, by label and name."""
    with gr.Row(elem_classes="train-tools"):
        data = gr.Dropdown(_DATA, value="fashion_mnist", label="Pictures", filterable=False, min_width=170)
        folder = gr.Textbox("", label="Folder, if not Debian's", scale=2, min_width=220)
        zipped = gr.UploadButton("… or a zip", file_types=[".zip"], file_count="multiple", size="sm", min_width=80, elem_id="train-zip")
        size = gr.Number(32, label="Size, px", precision=0, minimum=1, maximum=4096, min_width=80)
        epochs = gr.Number(10, label="Epochs", precision=0, minimum=1, min_width=80)
        minutes = gr.Number(None, label="at most, min", minimum=0, min_width=90)
        precision = gr.Dropdown(_PRECISIONS, value=_BY_DEVICE, label="Precision", filterable=False, min_width=120)
    with gr.Row(elem_classes="train-tools"):
        batch = gr.Number(64, label="Batch", precision=0, minimum=1, min_width=70)
        optimizer = gr.Dropdown(["sgd", "adam"], value="sgd", label="Optimizer", filterable=False, min_width=90)
        rate = gr.Number(0.1, label="Highest rate", minimum=0, min_width=90)
        crop = gr.Dropdown(_VIEWS, value="shift", label="Views", filterable=False, min_width=120)
        smoothing = gr.Number(0.1, label="Label smoothing", minimum=0, maximum=0.9, step=0.05, min_width=110)
        ema = gr.Checkbox(True, label="Average of the weights", min_width=150)
    with gr.Row(elem_classes="train-tools"):
        origin = gr.Dropdown(
            [_RANDOM, *nets.choices(page.settings)],
            value=_RANDOM,
            label="Start from (a file's path may be typed)",
            allow_custom_value=True,
            scale=2,
            min_width=220,
        )
        frozen = gr.Dropdown(_FROZEN, value="none", label="Frozen", filterable=False, min_width=120)
        head_rate = gr.Number(None, label="Rate of the head", minimum=0, min_width=90)
        start = gr.Button("Start", size="sm", variant="primary", min_width=70)
        pause = gr.Button("Pause", size="sm", min_width=70, interactive=False)
        end = gr.Button("Stop", size="sm", min_width=70, interactive=False)
    said = gr.HTML("", elem_id="forecast")
    state = gr.HTML(NOTHING, elem_id="training")
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
            net = gr.File(label="The trained net", visible=False, elem_id="trained-net")
            mistakes = gr.HTML("", elem_id="mistakes")
    recipe = [epochs, minutes, precision, batch, optimizer, rate, crop, smoothing, ema, head_rate]
    values = [page.config, data, folder, size, origin, frozen, *recipe]
    has = gr.State(None)
    shown = [state, curves, confusion, mistakes, end, pause, net, has]
    queued = one_at_a_time(TRAINING)
    rested = [folder.submit, folder.blur]  # not at each key: what is named is counted
    changed = [getattr(component, "change") for component in (data, size, origin, frozen, *recipe)]  # noqa: B009
    expected, looked = bound(forecast, page.settings), bound(look, page.settings)
    gr.on([*changed, *rested, tab.select], expected, values, said, api_name="forecast", **latest(TRAINING))
    page.rest(while_open(expected, TITLE), [page.active, *values], said, api_name="follow_forecast", **latest(TRAINING))
    tab.select(looked, None, shown, api_name="show_training", **at_once())
    tab.select(bound(starts, page.settings), known, origin, api_name="show_starts", **at_once())
    origin.change(bound(started_size, page.settings), origin, size, api_name="show_start_size", **each_time())
    zipped.upload(
        bound(unpack, page.settings),
        zipped,
        [data, folder],
        api_name="unpack_pictures",
        show_progress_on=said,
        **queued | {"show_progress": "minimal"},
    ).success(expected, values, said, api_name="forecast_unpacked", **latest(TRAINING))
    begun = start.click(bound(begin, page.settings), values, None, api_name="begin_training", **queued)
    begun.success(looked, None, shown, api_name="begun", **at_once())
    paused = pause.click(bound(pause_or_go_on, page.settings), None, None, api_name="pause_training", **queued)
    paused.success(looked, None, shown, api_name="paused", **at_once())
    stopped = end.click(bound(stop, page.settings), None, None, api_name="stop_training", **queued)
    stopped.success(looked, None, shown, api_name="stopped", **at_once())
    gr.Timer(_SECONDS_BETWEEN_LOOKS).tick(while_open(looked, TITLE), [page.active, has], shown, api_name="look_at_training", **at_once())
