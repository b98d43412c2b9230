"""How far a picture lies from those that a net learnt from: a net may be sure of what it has never seen.

The distance is Mahalanobis' (Lee et al., arXiv 1807.03888) to the nearest class mean, with one covariance for all classes. Its features
are the mean and the deviation over positions of each channel of the last dense block (moments of second order tell foreign photos better
than means alone: Sastry and Oore, arXiv 1912.12510), each half brought to length 1 (Mueller and Hein, arXiv 2505.18032). The covariance
of all of them would be too much for a card; here it is kept along the directions in which class means differ and those in which pictures
of a class differ most, and taken as equal along the rest (a probabilistic PCA: Tipping and Bishop 1999), with a ridge.

What is compared is the distance times a power of the answer's energy, -log sum exp(logits) (Liu et al., arXiv 2010.03759), as both know
something of their own (Wang et al., arXiv 2203.10807, join a distance and the energy too).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from densenet.model.net import DenseNet
from densenet.record import FeatureStatistics

_MOST_BETWEEN: Final = 64  # axes along which class means differ
_WITHIN: Final = 24  # axes along which pictures of a class differ most
_RIDGE: Final = 3.0  # added to each variance, in units of their mean: features outnumber what is known of them
_ENERGY: Final = 0.25  # weight of the energy beside the distance's logarithm, both in units of their deviation on held-out pictures
_MOST_EXPONENT: Final = 100.0  # whatever a stranger's logits are
_LEAST_VARIANCE: Final = 1e-12  # below it nothing but rounding differs
LEAST_HELD_OUT: Final = 40  # pictures, below which the 95th percentile would be chance
_HALF, _BYTE = np.dtype("<f2"), np.dtype("i1")


def answers_and_features(model: DenseNet, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits, N x K, of `x`, N x in_channels x H x W, and the features of the same pass by which distances are taken, N x 2 C.

    C: the channels of the last block, whose means over positions come first, then their deviations, each half of length 1.
    """
    grown = model.features[:-1](x)
    logits = model.head(model.features[-1](grown))
    std, mean = torch.std_mean(grown.float(), dim=(2, 3), correction=0)
    return logits, torch.cat([torch.nn.functional.normalize(half, dim=1) for half in (mean, std)], dim=1)


def features_of(model: DenseNet) -> int:
    """Return how many features distances are taken by."""
    return 2 * model.classifier.in_features


def _numbers(features: Tensor) -> NDArray[np.float64]:
    return features.detach().double().cpu().numpy()


def _orthonormal(directions: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return at most `most` orthonormal rows that span `directions` (rows), the largest first; fewer where those span less."""
    _, sizes, rows = np.linalg.svd(directions, full_matrices=False)
    return rows[: min(most, int((sizes > 1e-6 * max(float(sizes.max(initial=0.0)), 1e-12)).sum()))]


def statistics_of(features: Tensor, labels: Tensor, held_out: tuple[Tensor, Tensor]) -> FeatureStatistics | None:
    """Return what `features`, N x F, of training pictures with `labels`, N, say, and how strange pictures that were `held_out` are to them.

    `held_out`: their logits, M x K, and features, M x F.

    None where that is too little to be said: fewer than 40 held out, fewer than two classes, or features without any difference.
    """
    z, y = _numbers(features), labels.numpy()
    present = np.unique(y)
    if len(held_out[0]) < LEAST_HELD_OUT or len(present) < 2:
        return None
    centre = z.mean(0).astype(_HALF)
    means = np.stack([z[y == k].mean(0) for k in present])
    within = z - means[np.searchsorted(present, y)]
    between = _orthonormal(means - centre, _MOST_BETWEEN)
    inside = within - (within @ between.T) @ between
    basis = np.vstack([between, _orthonormal(inside, _WITHIN)])
    ridge = _RIDGE * float((within**2).sum(1).mean()) / z.shape[1]
    if not len(basis) or ridge < _LEAST_VARIANCE:
        return None
    spread = within @ basis.T
    _, turned = np.linalg.eigh(spread.T @ spread)  # along these axes what varies within classes is not correlated
    axes = turned.T @ basis
    packed = np.rint(axes / np.abs(axes).max(1, keepdims=True) * 127).astype(_BYTE)
    axes = _directions(packed)
    rest = ((within**2).sum(1) - ((within @ axes.T) ** 2).sum(1)).clip(0).mean() / max(1, z.shape[1] - len(axes))
    found = FeatureStatistics(
        features=z.shape[1],
        centre=centre.tobytes(),
        axes=packed.tobytes(),
        deviations=tuple(round(float(value), 8) for value in np.sqrt(((within @ axes.T) ** 2).mean(0) + ridge)),
        means=((means - centre) @ axes.T).astype(_HALF).tobytes(),
        rest=round(float(np.sqrt(rest + ridge)), 8),
        energy_slope=0.0,
        quantiles=(0.0,) * len(FeatureStatistics.PERCENTS),
    )
    far, energy = distances(found, held_out[1]).log(), _energy(held_out[0])
    slope = _ENERGY * float(far.std() / energy.std().clamp_min(1e-6))
    found = replace(found, energy_slope=round(slope, 8) if np.isfinite(slope) else 0.0)
    seen = np.percentile(strangeness(found, *held_out).numpy(), FeatureStatistics.PERCENTS)
    return replace(found, quantiles=tuple(float(f"{value:.6g}") for value in seen))


def _energy(logits: Tensor) -> Tensor:
    return -logits.detach().double().cpu().logsumexp(1)


def strangeness(statistics: FeatureStatistics, logits: Tensor, features: Tensor) -> Tensor:
    """Return the `distances` of N x F `features` times exp(energy_slope x energy) of the N x K `logits` beside them, N, in float64."""
    exponent = (statistics.energy_slope * _energy(logits)).nan_to_num().clamp(-_MOST_EXPONENT, _MOST_EXPONENT)
    return distances(statistics, features) * exponent.exp()


def _directions(packed: NDArray[np.int8]) -> NDArray[np.float64]:
    axes = packed.astype(np.float64)
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def distances(statistics: FeatureStatistics, features: Tensor) -> Tensor:
    """Return the distance of each of N x F `features` to the nearest class mean, N, in float64 on the CPU.

    Squared, it is the sum of (coordinate - mean's coordinate)^2 / deviation^2 over the axes, and of what lies along no axis / `rest`^2.
    """
    shape = (len(statistics.deviations), statistics.features)
    axes = _directions(np.frombuffer(statistics.axes, _BYTE).reshape(shape))
    means = np.frombuffer(statistics.means, _HALF).astype(np.float64).reshape(-1, shape[0])
    z = _numbers(features) - np.frombuffer(statistics.centre, _HALF).astype(np.float64)
    along = z @ axes.T
    beside = ((z**2).sum(1) - (along**2).sum(1)).clip(0) / statistics.rest**2
    each = (((along[:, None] - means[None]) / np.array(statistics.deviations)) ** 2).sum(2)
    return torch.from_numpy(np.sqrt(each.min(1) + beside))


def check_statistics(statistics: FeatureStatistics, model: DenseNet) -> None:
    """Raise ValueError where a stranger's statistics are not of as many features as `model` has, or no distance comes of them."""
    count = features_of(model)
    if statistics.features != count:
        raise ValueError(f"its card's training_features must be of the net's {count} features, got {statistics.features}")
    with np.errstate(all="ignore"):
        if not bool(distances(statistics, torch.ones(1, count)).isfinite().all()):
            raise ValueError("its card's training_features must be finite numbers, of axes that are not 0")


def novelty_of(model: DenseNet, logits: Tensor, features: Tensor) -> float | None:
    """Return how strange one picture is, by its `logits`, 1 x K, and `features`, 1 x F; above 1 is stranger than 95 % of held-out pictures.

    It is a multiple of that limit. None for a net of which nobody knows what its training pictures looked like to it.
    """
    known = model.weights.familiar if model.weights is not None else None
    return None if known is None else float(strangeness(known, logits, features)[0]) / known.limit
