"""Which pixels made the net say so: attribution maps, through Captum. torch is imported when a map is made.

Maps are signed and on their own scale. The model given is read-only and may be shared between threads: methods that hook modules work on a
private copy that shares its tensors. `densenet.attribution.catalogue` says what each method is, `densenet.attribution.methods` holds what
it computes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from densenet.attribution.catalogue import Attribution, method_of
from densenet.attribution.options import INTERPOLATIONS, option_values
from densenet.checks import checked_choice, checked_integer
from densenet.stopping import Progress, Stop, tell_nobody

if TYPE_CHECKING:
    from torch import Tensor

    from densenet.attribution.methods import SoFar
    from densenet.model.net import DenseNet

_IMAGES_RANGE = (1, 1000)


def _check(model: DenseNet, x: Tensor, target: int, against: int | None) -> None:
    """Raise ValueError for what no method can explain."""
    from densenet.model.inputs import check_class, check_input

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
    progress: Progress = tell_nobody,
    so_far: SoFar | None = None,
    stop: Stop | None = None,
    **options: object,
) -> Attribution:
    """Attribute the logit of class `target` to the input `x`, normalised, 1 x C x H x W, by one of `densenet.attribution.METHODS`.

    With `against`, another class, the map explains the difference of the two logits: why this class and not that one. `options` are those
    of the method's record; `options_of` gives their ranges and defaults. `internal_batch_size` is the number of images that slow methods
    run at once, by default as many as take less than a second; it does not change the map.

    After each batch slow methods give the map of what is done to `so_far` and then tell `progress` the images done and their number. `stop`
    is called before the start and at each convolution, forward and backward. ValueError names what is wrong; the model's parameters,
    buffers and hooks are left as they are, and so is torch's random state.
    """
    import torch

    from densenet.attribution.baseline import baseline_tensor
    from densenet.attribution.methods import RUN, Pace
    from densenet.attribution.score import Score, private_copy
    from densenet.running.hooks import stop_inside

    facts = method_of(method)
    _check(model, x, target, against)
    if internal_batch_size is not None:
        checked_integer("internal_batch_size", internal_batch_size, _IMAGES_RANGE)
    values = option_values(method, facts.options, options, model.config, x.shape[-2], x.shape[-1])
    if "baseline" in values:
        values["baseline"] = baseline_tensor(values["baseline"], model, x)
    explained = private_copy(model) if facts.hooks or stop is not None else model
    if stop is not None:
        stop()
        stop_inside(explained, stop)
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        result = RUN[method](Score(explained, target, against), leaf, Pace(internal_batch_size, progress, so_far), **values)
    return Attribution(result.map.detach(), result.delta)


def expected_seconds(model: DenseNet, x: Tensor, method: str, **options: object) -> float:
    """Estimate the time of `attribute` with these arguments, cautiously: from its forward passes, a backward pass taking two."""
    from densenet.running.batching import seconds_per_image

    facts = method_of(method)
    height, width = x.shape[-2:]
    values = option_values(method, facts.options, options, model.config, height, width)
    passes = float(facts.passes)
    for name in ("steps", "samples"):
        if isinstance(number := values.get(name), int):
            passes = 3.0 * number
    if isinstance(window := values.get("window"), int) and isinstance(stride := values.get("stride"), int):
        passes = float(math.prod(math.ceil(max(0, side - window) / stride) + 1 for side in (height, width)))
    return passes * seconds_per_image(model.config, height, width, x.device)


def film_strip(
    model: DenseNet, x: Tensor, target: int, against: int | None = None, *, interpolation: str = "bilinear"
) -> tuple[Attribution, ...]:
    """Return Grad-CAM after each dense block in turn, from one forward and one backward pass; the arguments are those of `attribute`."""
    import torch

    from densenet.attribution import methods
    from densenet.attribution.score import Score, private_copy

    _check(model, x, target, against)
    checked_choice("interpolation", interpolation, INTERPOLATIONS)
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        return methods.film_strip(Score(private_copy(model), target, against), leaf, interpolation)


def pixel_map(method: str, values: Tensor) -> Tensor:
    """Return a map of `method`, 1 x C x H x W, as one value a pixel, H x W: the channels' sum, or what each of them says already."""
    return (values.mean(1) if method_of(method).channels_alike else values.sum(1))[0]
