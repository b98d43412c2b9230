"""How far a map can be trusted: three checks, each with a number and a flag.

- *Completeness*: the values of some methods should sum to what the photo changes in the score; how far they miss it, in shares of it.
- *Insertion and deletion* (`densenet.attribution.insertion`): does the class come and go with the pixels that the map points at?
- *Randomised weights* (Adebayo et al., "Sanity Checks for Saliency Maps", arXiv 1810.03292): a map that explains the net has to change when
  all that the net has learnt is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from densenet.attribution.catalogue import Attribution
from densenet.attribution.insertion import SEED_RANGE, Curves, RandomControls, curves, pixel_values
from densenet.checks import checked_integer
from densenet.model.net import DenseNet
from densenet.model.outputs import activation_of
from densenet.stopping import Progress, Stop, go_on, tell_nobody

COMPLETENESS_LIMIT = 0.05
CORRELATION_LIMIT = 0.5
RANDOM_NETS_RANGE = (1, 10)

Explain = Callable[[DenseNet], Attribution]  # the same method, options, photo and class, for any net


@dataclass(frozen=True)
class Completeness:
    """How well a map's values sum to the difference of the scores of photo and baseline."""

    total: float  # sum of the map
    difference: float  # score of the photo less that of the baseline
    error: float | None  # |total - difference| / |difference|; None where the difference is lost in rounding

    @property
    def flagged(self) -> bool | None:
        """Whether the error is above 5 %; None where there is none."""
        return None if self.error is None else self.error > COMPLETENESS_LIMIT


@dataclass(frozen=True)
class RandomisedWeights:
    """Spearman's rank correlations of a map with those of nets of random weights, one for each net, over the pixels as drawn.

    `absolute` compares the sizes, `signed` the values. A correlation with a map that is the same everywhere is not defined: None.
    """

    absolute: tuple[float | None, ...]
    signed: tuple[float | None, ...]

    @property
    def mean_absolute(self) -> float | None:
        """Mean of the defined correlations of sizes, on which the flag goes."""
        return _mean(self.absolute)

    @property
    def mean_signed(self) -> float | None:
        """Mean of the defined correlations of values."""
        return _mean(self.signed)

    @property
    def flagged(self) -> bool | None:
        """Whether the sizes correlate above 0.5: the map would look much the same for a net that has learnt nothing.

        Sizes, because a random net has no reason to keep a class's sign: a map of the photo's edges would escape by its signs alone. None
        where no correlation is defined.
        """
        mean = self.mean_absolute
        return None if mean is None else mean > CORRELATION_LIMIT


def _mean(values: tuple[float | None, ...]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def completeness(attribution: Attribution) -> Completeness | None:
    """Judge `attribution` by its own delta, the sum of its map less the difference of the scores; None where it has no delta."""
    if attribution.delta is None:
        return None
    values = attribution.map.double()
    total = values.sum().item()
    difference = total - attribution.delta
    rounding = torch.finfo(attribution.map.dtype).eps * max(values.abs().sum().item(), abs(attribution.delta))
    return Completeness(total, difference, abs(attribution.delta) / abs(difference) if abs(difference) > rounding else None)


def rank_correlation(first: Tensor, second: Tensor) -> float | None:
    """Return Spearman's rank correlation of two tensors of one shape, -1 to 1; None where one of them is the same everywhere."""
    from scipy.stats import spearmanr

    a, b = (values.detach().double().cpu().flatten() for values in (first, second))
    if bool((a == a[0]).all()) or bool((b == b[0]).all()):  # not defined, and scipy would warn
        return None
    return float(spearmanr(a.numpy(), b.numpy()).statistic)


def draw_untrained(model: DenseNet, seed: int) -> DenseNet:
    """Return a net like `model` before it was trained: every parameter and buffer new, eval, frozen, on the same device and of its dtype.

    Weights are drawn as torchvision draws them, norms have scale 1, shift 0 and the statistics of a net that has seen nothing, mean 0 and
    variance 1. Statistics of the trained net would not fit the new weights and let signals explode or vanish; those of the one photo would
    put it back into the net. With these a norm changes nothing, He's initialisation keeps the size of signals through ReLU and
    convolution, and a dense layer reads a mixture of all before it: densenet264's features keep a standard deviation of 1.3 to 1.7.
    """
    generator = torch.Generator().manual_seed(seed)
    weight = model.classifier.weight
    with torch.device("meta"):
        net = DenseNet(model.config)
    net = net.to(weight.dtype).to_empty(device="cpu")
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                nn.init.zeros_(module.bias)
    net.weights = model.weights  # the photo was scaled by it, and a black baseline is
    return net.to(weight.device).eval().requires_grad_(False)


def randomised_weights(
    model: DenseNet, x: Tensor, values: Tensor, explain: Explain, *, nets: int = 5, seed: int = 0, stop: Stop = go_on
) -> RandomisedWeights:
    """Compare the map `values` of the photo `x`, 1 x C' x H x W, with what `explain` gives for `nets` (1 to 10) untrained nets.

    Maps with a value of their own for each pixel correlate alike with all of them, and one net is enough. Coarse maps need several: two
    smooth blobs correlate by chance (Grad-CAMs of the embedded net with those of single untrained ones: -0.8 to 0.85). `model` is left as
    it is. `stop`, which may raise, is called before each net; a slow `explain` should ask for itself. ValueError names a value out of
    range.
    """
    nets, seed = checked_integer("nets", nets, RANDOM_NETS_RANGE), checked_integer("seed", seed, SEED_RANGE)
    pixels = pixel_values(values, x)
    absolute, signed = [], []
    for number in range(nets):
        stop()
        others = pixel_values(explain(draw_untrained(model, seed + number)).map, x)
        absolute.append(rank_correlation(pixels.abs(), others.abs()))
        signed.append(rank_correlation(pixels, others))
    return RandomisedWeights(tuple(absolute), tuple(signed))


def trust(
    model: DenseNet,
    x: Tensor,
    target: int,
    explain: Explain,
    *,
    attribution: Attribution | None = None,
    against: int | None = None,
    steps: int = 20,
    maps: int = 3,
    control: str = "pixels",
    controls: RandomControls | None = None,
    nets: int = 5,
    seed: int = 0,
    stop: Stop = go_on,
    progress: Progress = tell_nobody,
) -> Iterator[Completeness | Curves | RandomisedWeights]:
    """Yield the checks of one map of the photo `x`, normalised, 1 x C x H x W, each as soon as it is there.

    `explain` makes the map for any net, `lambda net: attribute(net, x, target, "grad_cam")`; `attribution` is what it gave for `model`, if
    that is known. Completeness comes first, where the method has it, then insertion and deletion, where the net answers with probabilities
    (`densenet.attribution.insertion.curves` has the other options), then `nets` untrained nets. `stop`, which may raise, is called before
    each forward batch and before each map; `progress` is told how far insertion and deletion are.
    """
    stop()
    result = explain(model) if attribution is None else attribution
    complete = completeness(result)
    if complete is not None:
        yield complete
    if activation_of(model) != "none":
        yield curves(
            model,
            x,
            target,
            result.map,
            against=against,
            steps=steps,
            maps=maps,
            control=control,
            controls=controls,
            seed=seed,
            stop=stop,
            progress=progress,
        )
    yield randomised_weights(model, x, result.map, explain, nets=nets, seed=seed, stop=stop)
