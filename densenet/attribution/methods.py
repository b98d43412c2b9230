"""The attribution methods themselves, each through Captum, in the order of their catalogue `densenet.attribution.METHODS`.

Each takes the score to explain, the image `x`, 1 x C x H x W, as a leaf that requires its gradient, its pace, and its options, checked.
Methods that hook modules are given a score of a private copy.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from densenet.attribution.catalogue import Attribution
from densenet.attribution.score import Score, activation_after
from densenet.running.batching import stoppable_batch
from densenet.stopping import Progress, tell_nobody

SoFar = Callable[[Tensor], object]  # given the map of what is done, of the map's shape

_NOISE_IMAGES = 32  # drawn at once; see `smoothgrad`

# Captum says that it sets hooks; it sets them on a private copy. Once and here: `warnings.catch_warnings` is not for threads.
warnings.filterwarnings("ignore", r"Setting (forward, )?backward hooks")


class Pace(NamedTuple):
    """How many images a slow method runs at once, and whom it tells."""

    images: int | None = None  # in a batch; None: as many as take less than a second
    progress: Progress = tell_nobody
    so_far: SoFar | None = None

    def images_at_once(self, score: Score, x: Tensor, *, gradients: bool) -> int:
        """Return the number of images in a batch for this net and image, with or without a backward pass."""
        return self.images or stoppable_batch(score.model.config, x.shape[-2], x.shape[-1], x.device, gradients=gradients)

    def tell(self, done: int, total: int, values: Tensor) -> None:
        """Hand on the map so far, `values`, then how many of the images are done."""
        if self.so_far is not None:
            self.so_far(values)
        self.progress(done, total)


def saliency(score: Score, x: Tensor, _: Pace) -> Attribution:
    """Gradient of the score by each input value, sign kept."""
    from captum.attr import Saliency

    return Attribution(Saliency(score).attribute(x, target=0, abs=False), None)


def input_x_gradient(score: Score, x: Tensor, _: Pace) -> Attribution:
    """Gradient of the score by each input value, times the value."""
    from captum.attr import InputXGradient

    return Attribution(InputXGradient(score).attribute(x, target=0), None)


def integrated_gradients(score: Score, x: Tensor, pace: Pace, *, steps: int, baseline: Tensor) -> Attribution:
    """Mean gradient along the straight path from `baseline` to `x` by Gauss-Legendre quadrature, times their difference.

    `delta` is the sum of the map less the difference of the two scores. Memory depends on the images in a batch, not on `steps`. The map
    so far is the path's part that is done.
    """
    from captum.attr import IntegratedGradients
    from numpy.polynomial.legendre import leggauss

    x = x.detach()
    weights = torch.from_numpy(leggauss(steps)[1] / 2).to(x.device, torch.float32)
    total = torch.zeros(x.shape, device=x.device)
    done = 0
    method = IntegratedGradients(score)
    gradients_of = method.gradient_func

    def watched(*args: object, **named: object) -> tuple[Tensor, ...]:
        nonlocal total, done
        gradients: tuple[Tensor, ...] = gradients_of(*args, **named)
        count = len(gradients[0])
        total = total + torch.tensordot(weights[done : done + count], gradients[0].float(), dims=1)
        done += count
        pace.tell(done, steps, (total * (x - baseline)).to(x.dtype))
        return gradients

    method.gradient_func = watched  # where Captum itself puts other gradients in; the sum here is beside Captum's own
    images = min(steps, pace.images_at_once(score, x, gradients=True))
    result, delta = method.attribute(
        x, baselines=baseline, target=0, n_steps=steps, internal_batch_size=images, return_convergence_delta=True
    )
    return Attribution(result.to(x.dtype), float(delta))


def smoothgrad(score: Score, x: Tensor, pace: Pace, *, noise: float, samples: int, seed: int) -> Attribution:
    """Mean gradient over `samples` copies of `x` with Gaussian noise.

    Its deviation is `noise` times the range of `x`, its largest value less its smallest. The noise is that of Captum's NoiseTunnel over all
    samples at once after `torch.manual_seed(seed)` on a CPU, whatever the batch and the device, and no global generator is asked. The map
    so far is the mean of the samples that are done.
    """
    from captum.attr import Saliency

    x = x.detach()
    deviation = noise * float(x.max() - x.min())
    generator = torch.Generator().manual_seed(seed)
    images = pace.images_at_once(score, x, gradients=True)
    method = Saliency(score)
    total = torch.zeros(x.shape, device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))
    done = 0
    # torch fills normal values in blocks of 16, so parts of a multiple of 16 images hold the values that all in one would hold.
    for first in range(0, samples, _NOISE_IMAGES):
        drawn = torch.randn(min(_NOISE_IMAGES, samples - first), *x.shape[1:], generator=generator, dtype=torch.float32)
        for part in (deviation * drawn).split(images):
            noisy = (x + part.to(x.device)).requires_grad_()
            total = total + method.attribute(noisy, target=0, abs=False).sum(0, keepdim=True)
            done += len(part)
            pace.tell(done, samples, (total / done).to(x.dtype))
    return Attribution((total / samples).to(x.dtype), None)


def grad_cam(score: Score, x: Tensor, _: Pace, *, block: int, interpolation: str) -> Attribution:
    """Feature maps after `block`, after their ReLU, weighted by the mean gradient of the score by each.

    Enlarged to the input; the sum is signed, before the paper's final ReLU.
    """
    from captum.attr import LayerAttribution, LayerGradCam

    coarse = LayerGradCam(score, activation_after(score.model, block)).attribute(x, target=0)
    return Attribution(LayerAttribution.interpolate(coarse, tuple(x.shape[-2:]), interpolate_mode=interpolation), None)


def film_strip(score: Score, x: Tensor, interpolation: str) -> tuple[Attribution, ...]:
    """Grad-CAM after every dense block from one forward and one backward pass; the score's model, a private copy, is left with hooks."""
    from captum.attr import LayerAttribution

    blocks = range(1, len(score.model.config.block_config) + 1)
    activations: list[Tensor] = []
    for block in blocks:
        activation_after(score.model, block).register_forward_hook(lambda _module, _args, out: activations.append(out))
    gradients = torch.autograd.grad(score(x), activations)
    strip = []
    for activation, gradient in zip(activations, gradients, strict=True):
        coarse = (gradient.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True).detach()
        strip.append(Attribution(LayerAttribution.interpolate(coarse, tuple(x.shape[-2:]), interpolate_mode=interpolation), None))
    return tuple(strip)


def guided_grad_cam(score: Score, x: Tensor, _: Pace, *, block: int, interpolation: str) -> Attribution:
    """Grad-CAM after `block`, negative values at zero, times guided backpropagation (which passes positive gradients only at each ReLU)."""
    from captum.attr import GuidedGradCam

    method = GuidedGradCam(score, activation_after(score.model, block))
    return Attribution(method.attribute(x, target=0, interpolate_mode=interpolation), None)


def deep_lift(score: Score, x: Tensor, _: Pace, *, baseline: Tensor) -> Attribution:
    """Differences of activations between `x` and `baseline`, handed back by the rescale rule.

    `delta` is the sum of the map less the difference of the two scores.
    """
    from captum.attr import DeepLift

    result, delta = DeepLift(score).attribute(x, baselines=baseline, target=0, return_convergence_delta=True)
    return Attribution(result, float(delta))


def occlusion(score: Score, x: Tensor, pace: Pace, *, window: int, stride: int, baseline: Tensor) -> Attribution:
    """How much the score falls when a square is replaced by `baseline`: each pixel's mean over the squares that cover it.

    Every channel carries the whole fall. Squares at the lower and right edge are cut where the image ends. The map so far is zero where no
    square has been.
    """
    from captum.attr import Occlusion

    x = x.detach()
    height, width = x.shape[-2:]
    rows, columns = (math.ceil((side - window) / stride) + 1 for side in (height, width))
    total, covering = torch.zeros(height, width), torch.zeros(height, width)
    unoccluded: float | None = None
    done = 0

    def watched(images: Tensor) -> Tensor:
        nonlocal unoccluded, done
        answer = score(images)
        values = answer[:, 0].tolist()
        if unoccluded is None:  # Captum asks for the whole image first
            unoccluded = values[0]
            return answer
        for value in values:  # then square by square, down the first column, down the next
            top, left = done % rows * stride, done // rows * stride
            square = (slice(top, top + window), slice(left, left + window))
            total[square] += unoccluded - value
            covering[square] += 1
            done += 1
        pace.tell(done, rows * columns, (total / covering.clamp(min=1)).expand(x.shape).to(x))
        return answer

    channels = x.shape[1]
    result = Occlusion(watched).attribute(
        x,
        sliding_window_shapes=(channels, window, window),
        strides=(channels, stride, stride),
        baselines=baseline,
        target=0,
        perturbations_per_eval=pace.images_at_once(score, x, gradients=False),
    )
    return Attribution(result.to(x.dtype), None)


RUN: dict[str, Callable[..., Attribution]] = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "integrated_gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
    "grad_cam": grad_cam,
    "guided_grad_cam": guided_grad_cam,
    "deep_lift": deep_lift,
    "occlusion": occlusion,
}
