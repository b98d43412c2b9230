"""Train tab: the net of the sliders learns, in a process of its own, while everybody watches."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from densenet import DenseNetConfig
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.formatting import exact, memory
from explorer.components.messages import explained
from explorer.settings import Settings
from explorer.tabs.train.charts import confusion_figure, training_figures
from explorer.work import background, runs
from explorer.work.queues import TRAINING, at_once, latest, one_at_a_time

if TYPE_CHECKING:
    from densenet.train import Recipe

TITLE = "Train"
_SECONDS_BETWEEN_LOOKS = 2.0
_NOTHING = '<div class="hint large">No training yet: choose pictures and a recipe, and press Start.</div>'
_DATA = [*((label, name) for name, (label, *_) in runs.DATASETS.items()), ("a folder of classes", runs.FOLDER)]
_VIEWS = [("shifts", "shift"), ("crops, zooms", "resized")]
_BY_DEVICE = "auto"
_PRECISIONS = [("by device", _BY_DEVICE), ("float32", "float32"), ("bfloat16", "bfloat16")]
_MOST_MISTAKES = 12  # as many as stand beside the confusion matrix
_STATES = {"running": "busy", "paused": "", "stopped": "", "finished": "built", "failed": "refused"}
_WORDS = {
    "running": "learning",
    "paused": "paused",
    "stopped": "stopped",
    "finished": "finished",
    "failed": "ended early",
}


def recipe_of(
    device: str,
    epochs: float,
    minutes: float | None,
    precision: str,
    batch: float,
    optimizer: str,
    rate: float,
    crop: str,
    smoothing: float,
    ema: bool,
) -> Recipe:
    """Return the recipe that the tab shows, its precision by the `device` where it says so; ValueError names field, value and range."""
    from densenet.running.device import choose_device, native_bfloat16
    from densenet.train import Recipe

    whole: Any = int(epochs) if isinstance(epochs, float) and epochs.is_integer() else epochs
    images: Any = int(batch) if isinstance(batch, float) and batch.is_integer() else batch
    return Recipe(
        epochs=whole,
        minutes=minutes or None,
        batch_size=images,
        optimizer=optimizer,
        lr=rate,
        crop=crop,
        label_smoothing=smoothing,
        ema_decay=0.999 if ema else 0.0,
        precision=precision if precision != _BY_DEVICE else "bfloat16" if native_bfloat16(choose_device(device)) else "float32",
    )


def _order(settings: Settings, config: DenseNetConfig, data: str, folder: str, size: float, *recipe: Any) -> runs.Order:
    return runs.Order(data, folder.strip(), int(size), config, recipe_of(settings.device, *recipe))


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f}\u00a0s"
    return f"{seconds / 60:.0f}\u00a0min" if seconds < 5400 else f"{seconds / 3600:.1f}\u00a0h"


def forecast(settings: Settings, config: DenseNetConfig, *values: Any) -> str:
    """Return what the training would take, or why it cannot be, as HTML."""
    try:
        order = background.run(_order, settings, config, *values)
        seen = background.run(runs.expected, settings, order)
    except (ValueError, TypeError) as error:
        return f'<div class="notice" role="alert">{escape(str(error))}</div>'
    from densenet import totals

    whole = seen.epoch_seconds * order.recipe.epochs
    budget = f"{order.recipe.epochs} epochs {_span(whole)}"
    if order.recipe.minutes is not None and order.recipe.minutes * 60 < whole:
        budget = f"{order.recipe.minutes:g} min, about {order.recipe.minutes * 60 / seen.epoch_seconds:.1f} epochs"
    return (
        f'<div class="published"><b>{exact(totals(seen.config, order.size).params)}</b> parameters, {exact(seen.images)} pictures · '
        f"an epoch about <b>{_span(seen.epoch_seconds)}</b>, {budget} · "
        f"{memory(seen.peak_bytes)} a step ({order.recipe.precision}), {memory(seen.data_bytes)} of pictures</div>"
    )


def forecast_if_open(active: str, *values: Any) -> Any:
    """Forecast again only while somebody looks."""
    return forecast(*values) if active == TITLE else gr.skip()


def _state_line(seen: runs.Status) -> str:
    last, parts = seen.last, []
    if last is not None:
        parts.append(f"step {exact(last.step)} of {exact(last.steps)}, epoch {last.epoch}, {_span(last.seconds)}")
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


def look(settings: Settings) -> tuple[str, str, str, str, Any, Any, Any]:
    """Return state, curves, confusion, mistakes, the buttons as they can be pressed now, and the net's file."""
    seen = background.run(runs.status, settings)
    if seen is None:
        return _NOTHING, "", "", "", gr.update(interactive=False), gr.update(interactive=False), gr.update(visible=False)
    result = runs.result_of(seen.run)
    confusion, mistakes, file = "", "", gr.update(visible=False)
    if seen.state == "finished" and result is not None:
        confusion, mistakes = drawn([confusion_figure(result)]), _mistakes(result)
        file = gr.update(value=str(seen.run / "net.pth"), visible=True)
    working = seen.state == "running"
    going_on = seen.state in ("paused", "stopped", "failed")
    return (
        _state_line(seen),
        drawn(training_figures(seen.events)),
        confusion,
        mistakes,
        gr.update(interactive=working),
        gr.update(interactive=working or going_on, value="Go on" if going_on else "Pause"),
        file,
    )


def look_if_open(active: str, settings: Settings) -> Any:
    """Look again only while somebody watches."""
    return look(settings) if active == TITLE else [gr.skip()] * 7


@explained
def begin(settings: Settings, config: DenseNetConfig, *values: Any) -> None:
    """Start the training of the net of the sliders."""
    order = background.run(_order, settings, config, *values)
    background.run(runs.start, settings, order)


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


def build(moment: Any, config: gr.State, settings: gr.State, active: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab and wire it; `moment` is the event after which the sliders' net is another."""
    with gr.Row(elem_classes="train-tools"):
        data = gr.Dropdown(_DATA, value="fashion_mnist", label="Pictures", filterable=False, min_width=170)
        folder = gr.Textbox("", label="Folder on this machine, if not Debian's", scale=2, min_width=220)
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
        start = gr.Button("Start", size="sm", variant="primary", min_width=70)
        pause = gr.Button("Pause", size="sm", min_width=70, interactive=False)
        end = gr.Button("Stop", size="sm", min_width=70, interactive=False)
    said = gr.HTML("", elem_id="forecast")
    state = gr.HTML(_NOTHING, elem_id="training")
    charts = {
        "loss-chart": "Loss of the training",
        "accuracy-chart": "Accuracy of the training",
        "rate-chart": "Learning rate of the training",
    }
    curves = chart_panel("", charts=charts, elem_id="curves-of-training")
    with gr.Row():
        with gr.Column(scale=1, min_width=420):
            confusion = chart_panel("", charts={"confusion-chart": "Confusion matrix"}, elem_id="confusion-of-training")
        with gr.Column(scale=1, min_width=420):
            net = gr.File(label="The trained net", visible=False, elem_id="trained-net")
            mistakes = gr.HTML("", elem_id="mistakes")
    recipe = [epochs, minutes, precision, batch, optimizer, rate, crop, smoothing, ema]
    values = [settings, config, data, folder, size, *recipe]
    shown = [state, curves, confusion, mistakes, end, pause, net]
    queued = one_at_a_time(TRAINING)
    changed = [getattr(component, "change") for component in (data, folder, size, *recipe)]  # noqa: B009
    gr.on([*changed, tab.select], forecast, values, said, api_name="forecast", **latest(TRAINING))
    moment(forecast_if_open, [active, *values], said, api_name="follow_forecast", **latest(TRAINING))
    tab.select(look, settings, shown, api_name="show_training", **at_once())
    start.click(begin, values, None, api_name="begin_training", **queued).success(look, settings, shown, api_name="begun", **at_once())
    pause.click(pause_or_go_on, settings, None, api_name="pause_training", **queued).success(
        look, settings, shown, api_name="paused", **at_once()
    )
    end.click(stop, settings, None, api_name="stop_training", **queued).success(look, settings, shown, api_name="stopped", **at_once())
    gr.Timer(_SECONDS_BETWEEN_LOOKS).tick(look_if_open, [active, settings], shown, api_name="look_at_training", **at_once())
