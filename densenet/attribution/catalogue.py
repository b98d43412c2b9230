"""Which pixels made the net say so: attribution maps, through Captum.

Maps are signed and on their own scale. The model given is read-only and may be shared between threads: methods that hook modules work on a
private copy that shares its tensors. `densenet.attribution.methods` holds the methods, `densenet.attribution.options` what they are told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from densenet.attribution import methods
from densenet.attribution.methods import Attribution, Progress, Way
from densenet.attribution.options import (
    BASELINE,
    BLOCK,
    INTERPOLATION,
    INTERPOLATIONS,
    NOISE,
    SAMPLES,
    SEED,
    STEPS,
    STRIDE,
    WINDOW,
    Option,
    concrete,
    settle,
)
from densenet.attribution.score import Score, private_copy
from densenet.checks import checked_choice, checked_integer
from densenet.config import DenseNetConfig
from densenet.model.inputs import check_class, check_input
from densenet.model.net import DenseNet
from densenet.running.batching import seconds_per_image
from densenet.running.hooks import stop_inside
from densenet.stopping import Stop

__all__ = ["METHODS", "Attribution", "Method", "Option", "attribute", "expected_seconds", "film_strip", "options_of"]

_IMAGES_RANGE = (1, 1000)


@dataclass(frozen=True)
class Method:
    """An attribution method: its name for people, what its map shows in one sentence, and what to keep in mind about it."""

    label: str
    says: str
    known_wrong: str  # one sentence: what it is known to get wrong
    source: str
    run: Callable[..., Attribution]
    passes: int  # rough cost at the defaults, in forward passes of one image; a backward pass takes two
    options: tuple[Option, ...] = ()
    has_delta: bool = False  # whether it comes with a completeness error
    hooks: bool = False  # whether it hooks modules, and so needs a private copy of them
    slow: bool = False  # whether it tells its progress


METHODS: dict[str, Method] = {
    "saliency": Method(
        label="Saliency",
        says="the slope of the score by each pixel",
        known_wrong="Gradients of deep nets change from pixel to pixel almost like noise, and a feature that is already saturated has no "
        "slope, however much it matters.",
        source="Simonyan et al. 2013, arXiv 1312.6034; noise: Balduzzi et al. 2017, arXiv 1702.08591",
        run=methods.saliency,
        passes=3,
    ),
    "input_x_gradient": Method(
        label="Input × gradient",
        says="the slope of the score by each pixel, times the pixel's value",
        known_wrong="It shows the image's own edges and bright places, and a pixel of the mean colour, zero after normalisation, gets "
        "nothing even if it decides.",
        source="Shrikumar et al. 2016, arXiv 1605.01713; edges: Adebayo et al. 2018, arXiv 1810.03292",
        run=methods.input_x_gradient,
        passes=3,
    ),
    "integrated_gradients": Method(
        label="Integrated gradients",
        says="what each pixel adds to the score",
        known_wrong="It depends on the baseline: pixels that look like it get nothing, and the images along the path are like none that "
        "the net has seen.",
        source="Sundararajan et al. 2017, arXiv 1703.01365; baselines: Sturmfels et al. 2020, doi 10.23915/distill.00022",
        run=methods.integrated_gradients,
        passes=150,
        options=(STEPS, BASELINE),
        has_delta=True,
        slow=True,
    ),
    "smoothgrad": Method(
        label="SmoothGrad",
        says="the slope of the score by each pixel, averaged over noisy copies of the image",
        known_wrong="It answers for noisy images, not for this one, and what it shows depends on how much noise, and how many copies.",
        source="Smilkov et al. 2017, arXiv 1706.03825",
        run=methods.smoothgrad,
        passes=150,
        options=(NOISE, SAMPLES, SEED),
        slow=True,
    ),
    "grad_cam": Method(
        label="Grad-CAM",
        says="where the last features raise the score",
        known_wrong="It is as coarse as the feature maps, 7 x 7 after the last block of an ImageNet net at 224 pixels, and before the last "
        "block one weight for a whole map no longer says what the map does to the score.",
        source="Selvaraju et al. 2016, arXiv 1610.02391",
        run=methods.grad_cam,
        passes=2,
        options=(BLOCK, INTERPOLATION),
        hooks=True,
    ),
    "guided_grad_cam": Method(
        label="Guided Grad-CAM",
        says="sharp edges, where Grad-CAM says that the features raise the score",
        known_wrong="The guided part hardly changes when the net's weights are replaced by random ones (it fails the randomisation checks "
        "of arXiv 1810.03292): it draws the image's edges more than the net's reasons.",
        source="Selvaraju et al. 2016, arXiv 1610.02391; guided backpropagation: Springenberg et al. 2014, arXiv 1412.6806",
        run=methods.guided_grad_cam,
        passes=5,
        options=(BLOCK, INTERPOLATION),
        hooks=True,
    ),
    "deep_lift": Method(
        label="DeepLIFT",
        says="what each pixel's difference from the baseline adds to the score, handed back layer by layer",
        known_wrong="It depends on the baseline, and after a ReLU followed by max pooling, the stem of the ImageNet nets, its parts do not "
        "sum to the difference of the scores: the error stands beside the map.",
        source="Shrikumar et al. 2017, arXiv 1704.02685 (rescale rule)",
        run=methods.deep_lift,
        passes=8,
        options=(BASELINE,),
        has_delta=True,
        hooks=True,
    ),
    "occlusion": Method(
        label="Occlusion",
        says="how much the score falls when a square is covered",
        known_wrong="A covered square is itself something that the net has never seen, and what is much smaller or larger than the "
        "square, or stands in the image twice, is missed.",
        source="Zeiler and Fergus 2013, arXiv 1311.2901",
        run=methods.occlusion,
        passes=226,
        options=(WINDOW, STRIDE, BASELINE),
        slow=True,
    ),
}


def options_of(method: str, config: DenseNetConfig, height: int, width: int) -> tuple[Option, ...]:
    """Return the options of `method` with their ranges and defaults for a net of `config` and an image of `height` x `width` pixels."""
    return tuple(concrete(option, config, height, width) for option in METHODS[checked_choice("method", method, tuple(METHODS))].options)


def _check(model: DenseNet, x: Tensor, target: int, against: int | None) -> None:
    """Raise ValueError for what no method can explain."""
    check_input(model, x)
    check_class(model, target)
    if against is not None:
        check_class(model, against, "against")
    if against == target:
        raise ValueError(f"against must be another class than the target, got {against} for both")


def attribute(
    model: DenseNet,
    x: Tensor,
    target: int,
    method: str,
    *,
    against: int | None = None,
    internal_batch_size: int | None = None,
    progress: Progress = lambda share, so_far: None,
    stop: Stop | None = None,
    **options: object,
) -> Attribution:
    """Attribute the logit of class `target` to the input `x`, normalised, 1 x C x H x W, by one of `METHODS`.

    With `against`, another class, the map explains the difference of the two logits: why this class and not that one. `options` are those
    of the method's record; `options_of` gives their ranges and defaults. `internal_batch_size` is the number of images that slow methods
    run at once, by default as many as take less than a second; it does not change the map.

    Slow methods call `progress` after each batch with the share that is done, 0 to 1, and the map so far, of the map's shape. `stop` is
    called before the start and at each convolution, forward and backward. ValueError names what is wrong; the model's parameters, buffers
    and hooks are left as they are, and so is torch's random state.
    """
    checked_choice("method", method, tuple(METHODS))
    _check(model, x, target, against)
    if internal_batch_size is not None:
        checked_integer("internal_batch_size", internal_batch_size, _IMAGES_RANGE)
    chosen = METHODS[method]
    settled = settle(method, chosen.options, options, model, x)
    explained = private_copy(model) if chosen.hooks or stop is not None else model
    if stop is not None:
        stop()
        stop_inside(explained, stop)
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        result = chosen.run(Score(explained, target, against), leaf, Way(internal_batch_size, progress), **settled)
    return Attribution(result.map.detach(), result.delta)


def expected_seconds(model: DenseNet, x: Tensor, method: str, **options: object) -> float:
    """Estimate the time of `attribute` with these arguments, cautiously: from its forward passes, a backward pass taking two."""
    chosen = METHODS[checked_choice("method", method, tuple(METHODS))]
    settled = settle(method, chosen.options, options, model, x)
    passes = float(chosen.passes)
    height, width = x.shape[-2:]
    for name in ("steps", "samples"):
        if isinstance(number := settled.get(name), int):
            passes = 3.0 * number
    if isinstance(window := settled.get("window"), int) and isinstance(stride := settled.get("stride"), int):
        passes = float(math.prod(math.ceil(max(0, side - window) / stride) + 1 for side in (height, width)))
    return passes * seconds_per_image(model.config, height, width, x.device)


def film_strip(
    model: DenseNet, x: Tensor, target: int, against: int | None = None, *, interpolation: str = "bilinear"
) -> tuple[Attribution, ...]:
    """Return Grad-CAM after each dense block in turn, from one forward and one backward pass; the arguments are those of `attribute`."""
    _check(model, x, target, against)
    checked_choice("interpolation", interpolation, INTERPOLATIONS)
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        return methods.film_strip(Score(private_copy(model), target, against), leaf, interpolation)
