"""Insertion and deletion (Petsiuk et al., "RISE", arXiv 1806.07421): does the class come and go with the pixels that a map points at?

Pixels are ranked by the map, summed over the channels, sign kept, largest first. *Insertion* puts them, in that order, into the blurred
photo; *deletion* replaces them by 0 in normalised space, the grey that the net's training images had on average. The probability of the
class is read after equal steps: a good map lets it rise early and fall early, so the area under the first curve is large and
under the second small. Both areas depend on net and photo, and mean something only beside those of random maps.

- The blur is Gaussian, with a standard deviation of a tenth of the shorter side: wider than RISE's, which was made for 224 pixels, since
  it has to take the class away on 32 pixels too.
- Pixels of equal value come in an order drawn by the seed, not from top left to bottom right: a map that is 0 everywhere is a random map.
- Random maps of single pixels (`control="pixels"`) are RISE's comparison. Scattered grey dots upset a net more than one grey patch of the
  same size, so that every coarse map, Grad-CAM's above all, does badly in deletion beside them. `control="shifted"` compares with the map
  itself, moved by a random offset and wrapped around: as coarse, only elsewhere.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from densenet.attribution.baseline import blur
from densenet.checks import checked_choice, checked_integer
from densenet.model.inputs import check_class, check_input
from densenet.model.net import DenseNet
from densenet.model.outputs import check_has_probabilities, shares, shares_of
from densenet.running.batching import bounded_batch
from densenet.stopping import Progress, Stop, go_on, tell_nobody

STEPS_RANGE = (2, 200)
RANDOM_MAPS_RANGE = (2, 20)
SEED_RANGE = (0, 2**31 - 1)
CONTROLS = ("pixels", "shifted")
_BLUR_SIGMA = 0.1  # of the shorter side: wider than a baseline's, since the class has to be gone


@dataclass(frozen=True)
class Curve:
    """Probability of the class, 0 to 1, over the share of pixels that were inserted or deleted, 0 to 1."""

    shares: tuple[float, ...]
    probabilities: tuple[float, ...]

    @property
    def area(self) -> float:
        """Area under the curve by the trapezoidal rule, 0 to 1."""
        return torch.trapezoid(torch.tensor(self.probabilities, dtype=torch.float64), torch.tensor(self.shares, dtype=torch.float64)).item()


@dataclass(frozen=True)
class Curves:
    """Insertion and deletion by a map, and by the maps that it is compared with."""

    insertion: Curve
    deletion: Curve
    random_insertions: tuple[Curve, ...]
    random_deletions: tuple[Curve, ...]
    control: str
    constant: bool  # the map ranks nothing: all its pixels are equal

    @property
    def random_insertion_area(self) -> tuple[float, float]:
        """Mean and standard deviation of the areas of the random maps' insertions."""
        return _mean_and_spread(self.random_insertions)

    @property
    def random_deletion_area(self) -> tuple[float, float]:
        """Mean and standard deviation of the areas of the random maps' deletions."""
        return _mean_and_spread(self.random_deletions)

    @property
    def insertion_flagged(self) -> bool:
        """Whether insertion is not better than random: its area is not above the random maps' mean."""
        return self.constant or self.insertion.area <= self.random_insertion_area[0]

    @property
    def deletion_flagged(self) -> bool:
        """Whether deletion is not better than random: its area is not below the random maps' mean."""
        return self.constant or self.deletion.area >= self.random_deletion_area[0]

    @property
    def flagged(self) -> bool:
        """Whether either is."""
        return self.insertion_flagged or self.deletion_flagged


@dataclass(frozen=True)
class RandomControls:
    """Logits on the way of single-pixel random maps: for one net and photo the same whatever the map, method and class."""

    steps: int
    logits: Tensor  # maps x 2 (insertion, deletion) x (steps + 1) x classes, on the CPU


def _mean_and_spread(curves: Sequence[Curve]) -> tuple[float, float]:
    areas = [curve.area for curve in curves]
    return statistics.mean(areas), statistics.stdev(areas)


def pixel_values(values: Tensor, x: Tensor) -> Tensor:
    """Return the map `values`, 1 x C' x H x W, as one value a pixel of `x`, H x W, on the CPU in float64: its sum over the channels."""
    if values.ndim != 4 or values.shape[0] != 1 or values.shape[2:] != x.shape[2:]:
        raise ValueError(f"map must be of shape 1 x C x {x.shape[2]} x {x.shape[3]}, got {tuple(values.shape)}")
    pixels = values.detach().cpu().double().sum(1)[0]
    if not pixels.isfinite().all():
        raise ValueError("map must be finite, got values that are not")
    return pixels


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _ranks(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return each pixel's place, H x W, 0 for the largest; equal ones in an order drawn from `generator`."""
    shuffled = torch.randperm(pixels.numel(), generator=generator)
    order = shuffled[pixels.flatten()[shuffled].sort(descending=True, stable=True).indices]
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks.view(pixels.shape)


def _random_ranks(x: Tensor, maps: int, seed: int) -> list[Tensor]:
    generator = _generator(seed + 1)
    return [_ranks(torch.zeros(x.shape[2:]), generator) for _ in range(maps)]


def _shifted_ranks(pixels: Tensor, maps: int, seed: int) -> list[Tensor]:
    generator = _generator(seed + 1)
    offsets = [[int(torch.randint(side, (), generator=generator)) for side in pixels.shape] for _ in range(maps)]
    return [_ranks(pixels.roll(offset, (0, 1)), generator) for offset in offsets]


def _counts(pixels: int, steps: int) -> list[int]:
    return [round(step * pixels / steps) for step in range(steps + 1)]


def _logits_on_the_way(model: DenseNet, x: Tensor, ranks: Sequence[Tensor], steps: int, stop: Stop, progress: Progress) -> Tensor:
    """Return the logits after each step, maps x 2 (insertion, deletion) x (steps + 1) x classes, on the CPU.

    The ends are the same for all maps: the blurred photo, the photo, the grey one.
    """
    ways = ((blur(x, _BLUR_SIGMA), x), (x, torch.zeros_like(x)))
    counts = _counts(x.shape[2] * x.shape[3], steps)
    inner = [(i, way, step) for i in range(len(ranks)) for way in range(2) for step in range(1, steps)]
    size, total = bounded_batch(model.config, x.shape[2], x.shape[3], x.device), len(inner) + 3
    logits = torch.empty(len(ranks), 2, steps + 1, model.config.num_classes, dtype=x.dtype)
    ends: list[Tensor] = []
    for done, end in enumerate((*ways[0], ways[1][1])):
        stop()
        progress(done, total)
        ends.append(model(end)[0].cpu())
    logits[:, 0, 0], logits[:, 0, steps], logits[:, 1, 0], logits[:, 1, steps] = ends[0], ends[1], ends[1], ends[2]
    for start in range(0, len(inner), size):
        stop()
        batch = inner[start : start + size]
        images = [torch.where((ranks[i] < counts[step]).to(x.device), ways[way][1], ways[way][0]) for i, way, step in batch]
        for (i, way, step), row in zip(batch, model(torch.cat(images)).cpu(), strict=True):
            logits[i, way, step] = row
        progress(start + len(batch) + 3, total)
    return logits


def _curves(model: DenseNet, logits: Tensor, x: Tensor, target: int, against: int | None) -> tuple[tuple[Curve, ...], tuple[Curve, ...]]:
    """Turn logits, maps x 2 x (steps + 1) x classes, into insertions and deletions."""
    if against is None:
        probabilities = shares_of(model, logits.double())[..., target]
    else:
        probabilities = shares(logits.double()[..., [target, against]], "softmax")[..., 0]
    pixels = x.shape[2] * x.shape[3]
    done = tuple(count / pixels for count in _counts(pixels, logits.shape[2] - 1))
    insertions, deletions = (tuple(Curve(done, tuple(row)) for row in probabilities[:, way].tolist()) for way in range(2))
    return insertions, deletions


@torch.no_grad()
def random_controls(
    model: DenseNet,
    x: Tensor,
    *,
    steps: int = 20,
    maps: int = 3,
    seed: int = 0,
    stop: Stop = go_on,
    progress: Progress = tell_nobody,
) -> RandomControls:
    """Run `maps` (2 to 20) random maps of single pixels, to be compared with any map of the photo `x`: `curves` takes the result."""
    check_input(model, x)
    steps, maps = checked_integer("steps", steps, STEPS_RANGE), checked_integer("maps", maps, RANDOM_MAPS_RANGE)
    ranks = _random_ranks(x, maps, checked_integer("seed", seed, SEED_RANGE))
    return RandomControls(steps, _logits_on_the_way(model, x, ranks, steps, stop, progress))


@torch.no_grad()
def curves(
    model: DenseNet,
    x: Tensor,
    target: int,
    values: Tensor,
    *,
    against: int | None = None,
    steps: int = 20,
    maps: int = 3,
    control: str = "pixels",
    controls: RandomControls | None = None,
    seed: int = 0,
    stop: Stop = go_on,
    progress: Progress = tell_nobody,
) -> Curves:
    """Insert and delete the pixels of the photo `x`, normalised, 1 x C x H x W, by the map `values`, 1 x C' x H x W, and by random maps.

    `steps` is 2 to 200, `maps` (random ones) 2 to 20, `control` "pixels" or "shifted"; `controls`, from `random_controls` for this net and
    photo, saves running the former again. With `against` the probability is that of `target` in a choice between these two classes.
    `stop`, which may raise, is called before each batch, which takes less than half a second on everyday devices; `progress` is told the
    images that were run and their number. The model, in eval mode, is only read. ValueError names a value out of range.
    """
    check_input(model, x)
    check_class(model, target)
    check_has_probabilities(model)
    if against is not None:
        check_class(model, against, "against")
    steps, maps = checked_integer("steps", steps, STEPS_RANGE), checked_integer("maps", maps, RANDOM_MAPS_RANGE)
    seed = checked_integer("seed", seed, SEED_RANGE)
    checked_choice("control", control, CONTROLS)
    if controls is not None and (control != "pixels" or controls.steps != steps):
        raise ValueError(f"controls must be of control 'pixels' and {steps} steps, got {controls.steps} steps for control {control!r}")
    pixels = pixel_values(values, x)
    ranks = [_ranks(pixels, _generator(seed))]
    if controls is None:
        ranks += _random_ranks(x, maps, seed) if control == "pixels" else _shifted_ranks(pixels, maps, seed)
    logits = _logits_on_the_way(model, x, ranks, steps, stop, progress)
    if controls is not None:
        logits = torch.cat([logits, controls.logits])
    insertions, deletions = _curves(model, logits, x, target, against)
    return Curves(insertions[0], deletions[0], insertions[1:], deletions[1:], control, bool(pixels.min() == pixels.max()))
