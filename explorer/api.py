"""The HTTP API: the page's numbers as JSON, over the same plain functions.

Every endpoint takes a config's and a workload's fields by name, with their defaults, and answers a bad value with the sentence that the
library gives.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_type_hints

import gradio as gr
from PIL import Image

from densenet import DenseNetConfig, Workload, estimate_memory, totals
from densenet.arithmetic.costs import steps
from densenet.arithmetic.plan import plan
from densenet.checks import checked_flag
from densenet.config import MODES
from densenet.presets import preset_of
from densenet.published import PUBLISHED
from densenet.weights.known import DEFAULT
from explorer.components.messages import explained
from explorer.components.overlays import data_uri, overlay
from explorer.components.photo_input import PhotoInput
from explorer.settings import Settings
from explorer.work import background
from explorer.work.handlers import bound
from explorer.work.nets import loaded
from explorer.work.queues import EXPLAINING, LIVE, MEASURING, PREDICTING
from explorer.work.subject import check_affordable, pixels_of, subject_of_net

if TYPE_CHECKING:
    from densenet.attribution import Attribution

MOST_PROBABLE = -1  # as a target
NO_OTHER = -1  # as the class to set it against
_JSON_TYPES = {"tuple[int, ...]": list[int]}  # what JSON has for a field's type


def architecture(config: DenseNetConfig, workload: Workload) -> dict[str, Any]:
    """Totals, and channels, parameters and multiply-accumulates of each step, for one image."""
    name = preset_of(config)
    return {
        "config": dataclasses.asdict(config),
        "preset": name,
        "published": dataclasses.asdict(PUBLISHED[name]) if name in PUBLISHED else None,
        "totals": totals(config, workload.image_size)._asdict(),
        "steps": [{key: value for key, value in step._asdict().items() if key != "rows"} for step in steps(config, workload.image_size)],
    }


def layers(config: DenseNetConfig, workload: Workload) -> dict[str, Any]:
    """A row per operation, concatenations included."""
    rows = [row._asdict() for row in plan(config, workload.image_size)]
    return {"layers": [{"layer": row.pop("path"), **row} for row in rows]}  # Gradio's clients take a "path" for a file to fetch


def memory(config: DenseNetConfig, workload: Workload) -> dict[str, Any]:
    """The peak of one step in bytes, its parts, and the operation at which it is reached."""
    estimate = estimate_memory(config, workload)
    parts = {key: value for key, value in estimate._asdict().items() if key not in ("timeline", "peak_index")}
    return {**parts, "where": {"operation": estimate.where.path, "phase": estimate.where.phase}}


def compare(config: DenseNetConfig, workload: Workload) -> dict[str, Any]:
    """The net beside its variants (plain, B, C, BC) and its peers (ResNets, itself without concatenation); published accuracies."""
    from densenet.compare.peers import PEERS, peer_counts
    from densenet.compare.variants import ablation, variant_of
    from densenet.published import RESNETS

    variants = {}
    for name, variant in ablation(config).items():
        peaks = {mode: estimate_memory(variant, dataclasses.replace(workload, mode=mode)).peak for mode in MODES}
        variants[name] = {"totals": totals(variant, workload.image_size)._asdict(), "peak_bytes": peaks}
    peers = {name: background.run(peer_counts, name, config, workload.image_size)._asdict() for name in PEERS}
    published = {name: dataclasses.asdict(figures) for name, figures in {**PUBLISHED, **RESNETS}.items()}
    return {"variant": variant_of(config), "variants": variants, "peers": peers, "published": published}


def _instantiate(settings: Settings) -> Callable[[DenseNetConfig, Workload], dict[str, Any]]:
    def instantiate(config: DenseNetConfig, workload: Workload) -> dict[str, Any]:
        """Build the net on the server's device, run it at batch 1, and say what was seen."""
        background.import_libraries()
        from densenet.measure.instantiate import instantiate as build

        return background.run(build, config, workload.image_size, settings.device)._asdict()

    return instantiate


def _measure(settings: Settings) -> Callable[[DenseNetConfig, Workload], dict[str, Any]]:
    def measure(config: DenseNetConfig, workload: Workload) -> dict[str, Any]:
        """Take one step for real on the server's device: peak in bytes, median time, images per second."""
        background.import_libraries()
        from densenet.measure.measurement import measure as run

        return background.run(run, config, workload, settings.device)._asdict()

    return measure


def _flat(handler: Callable[[DenseNetConfig, Workload], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Give `handler` the fields of a config and a workload as parameters of its own, as Gradio reads them from a signature."""
    owners = {field.name: owner for owner in (DenseNetConfig, Workload) for field in dataclasses.fields(owner)}

    @explained
    def endpoint(*values: Any) -> dict[str, Any]:
        given = dict(zip(owners, values, strict=True))
        config, workload = ({name: given[name] for name, own in owners.items() if own is owner} for owner in (DenseNetConfig, Workload))
        return handler(DenseNetConfig(**config), Workload(**workload))

    parameters, hints = [], {}
    for owner in (DenseNetConfig, Workload):
        for field in dataclasses.fields(owner):
            hints[field.name] = _JSON_TYPES.get(str(field.type)) or get_type_hints(owner)[field.name]
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            parameters.append(
                inspect.Parameter(field.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hints[field.name])
            )
    named: Any = endpoint
    named.__name__, named.__doc__ = handler.__name__, handler.__doc__
    named.__signature__ = inspect.Signature(parameters, return_annotation=dict)
    named.__annotations__ = {**hints, "return": dict}
    del named.__wrapped__
    return endpoint


def _given_photo(photo: Image.Image | None) -> Image.Image:
    if photo is None:
        raise ValueError("photo must be an image file, got none")
    return photo


@explained
def predict(settings: Settings, photo: Image.Image | None, net: str, k: int, temperature: float) -> dict[str, Any]:
    """The `k` most probable classes of a photo, by one of the nets; above 1, `novelty` says that the photo is foreign to it."""
    background.import_libraries()
    from densenet.predict import best_of

    subject = subject_of_net(settings, _given_photo(photo), net)
    best = best_of(subject.model, subject.logits, k, temperature)
    return {"net": net, "predictions": [dataclasses.asdict(prediction) for prediction in best], "novelty": subject.novelty}


@explained
def attribute(
    settings: Settings,
    photo: Image.Image | None,
    net: str,
    target: int,
    method: str,
    against: int,
    options: dict[str, Any] | None,
) -> dict[str, Any]:
    """The attribution map of one class, H x W, over the channels; a target of -1 is the most probable class, against -1 is no other."""
    background.import_libraries()
    from densenet.attribution import attribute as run
    from densenet.attribution.catalogue import check_option_names
    from densenet.model.inputs import check_class

    picture = _given_photo(photo)
    if options is not None and not isinstance(options, dict):
        raise ValueError(f"options must be an object such as {{'steps': 20}}, got {options!r}")
    given: dict[str, Any] = options or {}
    check_option_names(method, given)  # or they could reach what else `attribute` can be told
    subject = subject_of_net(settings, picture, net)
    index = int(subject.logits.argmax()) if target == MOST_PROBABLE else target
    check_class(subject.model, index)
    other = None if against == NO_OTHER else against

    def work() -> Attribution:
        check_affordable(subject, method, given)
        return run(subject.model, subject.x, index, method, against=other, **given)

    result = background.run(work)
    values = pixels_of(method, result.map)
    return {
        "net": net,
        "method": method,
        "target": index,
        "against": other,
        "label": subject.labels[index],
        "map": values.tolist(),
        "delta": result.delta,
        "picture": data_uri(overlay(subject.view, values)),
    }


@explained
def reuse(settings: Settings, net: str, weighted: bool) -> dict[str, Any]:
    """Mean absolute weights by source, for each dense block of one of the nets: figure 5 of the paper; `weighted` by the norms' |gamma|."""
    background.import_libraries()
    from densenet.features.reuse import reuse as run

    checked_flag("weighted", weighted)
    return {"net": net, "blocks": [block.as_dict() for block in background.run(run, loaded(settings, net), weighted)]}


def build(settings: Settings) -> None:
    """Register the endpoints; nothing of them is seen on the page."""
    quick: dict[str, Any] = {"queue": False}
    gr.api(_flat(architecture), api_name="architecture", **quick)
    gr.api(_flat(layers), api_name="layers", **quick)
    gr.api(_flat(memory), api_name="memory", **quick)
    gr.api(_flat(compare), api_name="compare", concurrency_limit=1, concurrency_id=MEASURING)
    gr.api(_flat(_instantiate(settings)), api_name="instantiate", concurrency_limit=1, concurrency_id=LIVE)
    gr.api(_flat(_measure(settings)), api_name="measure", concurrency_limit=1, concurrency_id=MEASURING)
    with gr.Row(visible=False):
        photo, net = PhotoInput(label="photo"), gr.Textbox(DEFAULT, label="net")
        k, target = gr.Number(5, precision=0, label="k"), gr.Number(MOST_PROBABLE, precision=0, label="target")
        temperature, against = gr.Number(1.0, label="temperature"), gr.Number(NO_OTHER, precision=0, label="against")
        method, options = gr.Textbox("grad_cam", label="method"), gr.JSON({}, label="options")
        weighted, out, go = gr.Checkbox(False, label="weighted"), gr.JSON(), gr.Button()
    model_work: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": PREDICTING}
    explaining: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": EXPLAINING}
    go.click(bound(predict, settings), [photo, net, k, temperature], out, api_name="predict", **model_work)
    go.click(bound(attribute, settings), [photo, net, target, method, against, options], out, api_name="attribute", **explaining)
    go.click(bound(reuse, settings), [net, weighted], out, api_name="reuse", **model_work)
