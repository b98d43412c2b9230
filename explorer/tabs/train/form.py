"""What the train tab asks a visitor for: few fields first, the others under "More", and the recipe and the job that they make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from densenet import DenseNetConfig
from explorer.settings import Settings
from explorer.work import jobs, nets

if TYPE_CHECKING:
    from densenet.train import Recipe
    from densenet.train.job import Job

FITS, SLIDERS = "a net that fits these pictures", "the sliders' net"
DATA = [*((label, name) for name, (label, _) in jobs.DATASETS.items()), ("a folder of classes", jobs.FOLDER)]
_VIEWS = [("shifts", "shift"), ("crops, zooms", "resized"), ("as they are", "none")]
_BY_DEVICE = "auto"
_PRECISIONS = [("by device", _BY_DEVICE), ("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")]
_FROZEN = [
    ("nothing", "none"),
    *((f"blocks 1 to {n}" if n > 1 else "block 1", f"blocks:1-{n}") for n in (1, 2, 3)),
    ("all but the head", "features"),
]
_FOLDER_SIZE_PX = 32
_EPOCHS, _MINUTES = 20, 10
_DIGITS = (
    8,
    20,
    1,
    "resized",
    False,
    0.0,
)  # size, epochs, minutes, views, mirrored, smoothing: as `densenet.train.digits.DIGITS_RECIPE` has them


class Form(NamedTuple):
    """The components, in the order of the page."""

    data: gr.Dropdown
    folder: gr.Textbox
    zipped: gr.UploadButton
    net: gr.Dropdown
    minutes: gr.Number
    epochs: gr.Number
    start: gr.Button
    pause: gr.Button
    end: gr.Button
    size: gr.Number
    batch: gr.Number
    optimizer: gr.Dropdown
    rate: gr.Number
    crop: gr.Dropdown
    mirrored: gr.Checkbox
    smoothing: gr.Number
    ema: gr.Checkbox
    precision: gr.Dropdown
    frozen: gr.Dropdown
    head_rate: gr.Number
    to_sliders: gr.Button

    @property
    def recipe(self) -> list[gr.components.Component]:
        """What `recipe_of` reads."""
        return [
            *(self.epochs, self.minutes, self.precision, self.batch, self.optimizer, self.rate, self.crop),
            *(self.smoothing, self.ema, self.head_rate, self.mirrored),
        ]

    @property
    def job(self) -> list[gr.components.Component]:
        """What `job_of` reads behind the sliders' net."""
        return [self.data, self.folder, self.size, self.net, self.frozen, *self.recipe]

    @property
    def of_data(self) -> list[gr.components.Component]:
        """What `for_data` fills."""
        return [self.folder, self.zipped, self.size, self.epochs, self.minutes, self.crop, self.mirrored, self.smoothing]


def _whole(number: float | None) -> Any:
    """Return a number field's whole number as one; of anything else the recipe says what is wrong with it."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def recipe_of(
    device: str,
    data: str,
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
    mirrored: bool = True,
) -> Recipe:
    """Return the recipe that the tab shows, its precision by the `device` where it says so; ValueError names field, value and range."""
    from densenet.running.device import choose_device, native_bfloat16
    from densenet.train import Recipe
    from densenet.train.digits import DIGITS_RECIPE

    base = DIGITS_RECIPE if data == jobs.DIGITS else Recipe(ema_decay=0.999)
    by_device = "bfloat16" if data != jobs.DIGITS and native_bfloat16(choose_device(device)) else "float32"
    return replace(
        base,
        epochs=_whole(epochs),
        minutes=minutes or None,  # the page shows an empty number as 0: no limit
        batch_size=_whole(batch),
        optimizer=optimizer,
        lr=rate,
        head_lr=head_rate or None,  # an empty number is shown as 0
        crop=crop,
        flip=mirrored,
        label_smoothing=smoothing,
        ema_decay=base.ema_decay if ema else 0.0,
        precision=by_device if precision == _BY_DEVICE else precision,
    )


def job_of(
    settings: Settings, config: DenseNetConfig, data: str, folder: str | None, size: float | None, net: str, frozen: str, *recipe: Any
) -> tuple[Job, str]:
    """Return what the tab asks for, and why it has its net where it was left to the page; ValueError for what cannot be."""
    from densenet.checks import checked_integer
    from densenet.config import IMAGE_SIZE_RANGE

    side = checked_integer("size", _whole(size), IMAGE_SIZE_RANGE)  # a job could leave it open, the page must not
    told = settings, data, (folder or "").strip(), side
    if is_trained(net):
        theirs = nets.record_to_start_from(settings, net).config
        theirs.last_frozen(frozen)  # names the blocks that it has not
        return jobs.job_of(*told, theirs, recipe_of(settings.device, data, *recipe), net, frozen), ""
    if frozen != "none":
        raise ValueError("Random weights are not worth keeping as they are: choose a net to start from, or freeze nothing.")
    job = jobs.job_of(*told, config, recipe_of(settings.device, data, *recipe))
    return jobs.fitted(settings, job) if net == FITS else (job, "")


def is_trained(net: object) -> bool:
    """Whether `net` is one to start from, not one of random weights."""
    return net not in (None, "", FITS, SLIDERS)


def net_choices(settings: Settings, known: list[tuple[str, str]]) -> list[Any]:
    """Return the nets that can be trained: a new one, or one of those that have learnt something."""
    return [FITS, SLIDERS, *((f"from {label}", name) for label, name in (*known, *nets.choices(settings)))]


def for_data(data: str) -> list[Any]:
    """Return what the fields of `Form.of_data` hold for a choice of pictures."""
    default = (jobs.DATASETS[data][1] if data in jobs.DATASETS else _FOLDER_SIZE_PX, _EPOCHS, _MINUTES, "shift", True, 0.1)
    label = "Folder" if data == jobs.FOLDER else "Its folder, if not the usual one"
    place = gr.update(value="", visible=data != jobs.DIGITS, label=label)
    return [place, gr.update(visible=data == jobs.FOLDER), *(_DIGITS if data == jobs.DIGITS else default)]


def build(settings: Settings) -> Form:
    """Lay out the fields."""
    size_px, few, most, views, mirrored_too, smoothed = _DIGITS
    parts: dict[str, Any] = {}
    with gr.Row(elem_classes="train-tools"):
        parts["data"] = gr.Dropdown(DATA, value=jobs.DIGITS, label="Pictures", filterable=False, min_width=170)
        parts["folder"] = gr.Textbox("", label="Folder", scale=2, min_width=200, visible=False)
        parts["zipped"] = gr.UploadButton(
            "… or a zip", file_types=[".zip"], file_count="multiple", size="sm", min_width=90, elem_id="train-zip", visible=False
        )
        parts["net"] = gr.Dropdown(
            net_choices(settings, []), value=FITS, label="Net (a file's path may be typed)", allow_custom_value=True, scale=2, min_width=220
        )
        parts["minutes"] = gr.Number(most, label="At most, min", minimum=0, min_width=90)
        parts["start"] = gr.Button("Start", size="sm", variant="primary", min_width=70)
        parts["pause"] = gr.Button("Pause", size="sm", min_width=70, interactive=False)
        parts["end"] = gr.Button("Stop", size="sm", min_width=70, interactive=False)
    with gr.Accordion("More: size, recipe, what is frozen", open=False, elem_id="train-more"):
        with gr.Row(elem_classes="train-tools"):
            parts["size"] = gr.Number(size_px, label="Size, px", precision=0, minimum=1, maximum=4096, min_width=80)
            parts["epochs"] = gr.Number(few, label="Epochs", precision=0, minimum=1, min_width=80)
            parts["batch"] = gr.Number(64, label="Batch", precision=0, minimum=1, min_width=70)
            parts["optimizer"] = gr.Dropdown(["sgd", "adam"], value="sgd", label="Optimizer", filterable=False, min_width=90)
            parts["rate"] = gr.Number(0.1, label="Highest rate", minimum=0, min_width=90)
            parts["smoothing"] = gr.Number(smoothed, label="Label smoothing", minimum=0, maximum=0.9, step=0.05, min_width=110)
            parts["ema"] = gr.Checkbox(True, label="Average of the weights", min_width=150)
        with gr.Row(elem_classes="train-tools"):
            parts["crop"] = gr.Dropdown(_VIEWS, value=views, label="Views", filterable=False, min_width=120)
            parts["mirrored"] = gr.Checkbox(mirrored_too, label="Mirrored too", min_width=120)
            parts["precision"] = gr.Dropdown(_PRECISIONS, value=_BY_DEVICE, label="Precision", filterable=False, min_width=120)
            parts["frozen"] = gr.Dropdown(_FROZEN, value="none", label="Frozen", filterable=False, min_width=120)
            parts["head_rate"] = gr.Number(None, label="Rate of the head", minimum=0, min_width=90)
            parts["to_sliders"] = gr.Button("A net that fits: set the sliders", size="sm", min_width=200, elem_id="fit-net")
    return Form(**parts)
