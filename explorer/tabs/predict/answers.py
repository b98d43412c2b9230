"""What one net or several say of a photo, side by side: bars that can be clicked, at a temperature that is turned on the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from PIL import Image

from explorer.components.formatting import duration, exact, share
from explorer.components.overlays import data_uri, enlarged
from explorer.components.scripts import script_of
from explorer.work.nets import is_brought

if TYPE_CHECKING:
    from torch import Tensor

    from densenet.model.net import DenseNet

EMPTY = "Drop a photo on the left, or click a sample: the five best guesses appear here."
_MEANING = {"softmax": "classes exclude each other", "sigmoid": "labels are independent", "none": "numbers, not probabilities"}
_OTHER = {"softmax": "no, they are independent", "sigmoid": "no, they exclude each other"}  # what a visitor can say of a net of his own
_ON_LOAD = script_of(Path(__file__).with_suffix(".js"))
_TEMPLATE = f"""<div class="temperature" hidden><label>Temperature <input type="range" min="-1" max="1" step="0.01" value="0"
 aria-label="Temperature"></label> <output>1.00</output></div>
<div class="hint large answers-empty">{EMPTY}</div><div class="answers" role="group" aria-label="Most probable classes"></div>"""


def answers(elem_id: str) -> gr.HTML:
    """Return the component; a click on a class chooses it (event data: `net`, `index`), one on what outputs mean switches it (`net`)."""
    return gr.HTML("", html_template=_TEMPLATE, js_on_load=_ON_LOAD, elem_id=elem_id)


def _foreign(novelty: float | None, classes: int) -> str:
    """Return the word about a photo that is unlike those that a net learnt from, if there is one to be said."""
    if novelty is None or novelty <= 1:
        return ""
    return (
        f"Foreign: stranger to this net than 95 % of pictures like those that it learnt from ({novelty:.2f} times that limit). "
        f"The photo may show nothing that its {exact(classes)} classes name, however sure the net is."
    )


def answer_of(
    key: str, model: DenseNet, view: Image.Image, logits: Tensor, seconds: float, novelty: float | None = None
) -> dict[str, object]:
    """Return one net's column for `answers_value`; `key` is the name that the app loads it by, `novelty` is `densenet.predict.Seen`'s."""
    from densenet.predict import confidence

    record = model.weights
    assert record is not None
    sure = confidence(logits, record.activation, record.operating_points)
    claim = [record.licence, *record.assumptions]
    if record.top1_accuracy is not None:
        claim.insert(0, f"{record.top1_accuracy:.1f} % right on {record.accuracy_on}.")
    calibrated = record.calibrated
    if calibrated is not None:
        claim.insert(
            min(1, len(claim)),
            f"Its probabilities are off by {share(calibrated.error_before)} on the mean, by {share(calibrated.error)} at temperature "
            f"{calibrated.temperature:.2f}.",
        )
    unsure = ""
    if sure is not None and sure.unsure:
        unsure = (
            f"Unsure: {share(sure.top1)} at best, entropy {share(sure.entropy)} of the most possible. "
            f"The photo may show nothing that its {exact(len(logits))} classes name."
            if sure.exclusive
            else f"Unsure: the mean entropy of a label is {share(sure.entropy)} of the most possible."
        )
    return {
        "key": key,
        "label": record.label,
        "line": f"{exact(record.params)} parameters · {duration(seconds)}"
        + (f" · {record.top1_accuracy:.1f} % top-1" if record.top1_accuracy is not None else ""),
        "claim": " ".join(claim),
        "view": data_uri(enlarged(view)),
        "seen": f"{view.width} × {view.height} px",
        "logits": [round(value, 5) for value in logits.tolist()],
        "labels": list(record.labels()),
        "activation": record.activation,
        "points": list(record.operating_points),
        "meaning": "yes or no" if (record.activation, len(logits)) == ("sigmoid", 1) else _MEANING[record.activation],
        "other": _OTHER.get(record.activation, "") if is_brought(key) and len(logits) > 1 else "",
        "unsure": _foreign(novelty, len(logits)) or unsure,
        "foreign": novelty is not None and novelty > 1,
        "temperature": None if calibrated is None else round(calibrated.temperature, 2),
    }


def answers_value(columns: Sequence[dict[str, object]], net: str, index: int) -> str:
    """Return the component's value, a text (see `chart_panel.drawn`): the columns, with class `index` of `net` chosen."""
    return json.dumps({"nets": list(columns), "chosen": {"net": net, "index": index}}, allow_nan=False)
