"""How far a net's probabilities can be believed, and the temperature at which they can be believed most (Guo et al., arXiv 1706.04599)."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch.nn import functional

from densenet.model.outputs import shares
from densenet.record import TEMPERATURE_RANGE, Calibrated

BINS: Final = 15  # of probabilities, as usual for the expected calibration error
UNKNOWN: Final = -1  # of what is known of a label: neither that it is there (1) nor that it is not (0)
LEAST_TO_FIT: Final = 20  # pictures, below which a temperature would be chance


class Calibration(NamedTuple):
    """Bins of probability: the mean of what was said, the share that was right, and how many; `error` is the expected one."""

    said: tuple[float, ...]
    right: tuple[float, ...]
    counts: tuple[int, ...]
    error: float


def calibration_of(said: NDArray[np.float64], right: NDArray[np.bool_]) -> Calibration:
    """Return the bins of probability and the expected calibration error: the mean of |said - right|, weighted by the bins' pictures."""
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    filled = counts > 0
    sums = [np.bincount(place, weights=values, minlength=BINS)[filled] / counts[filled] for values in (said, right.astype(float))]
    error = float((np.abs(sums[0] - sums[1]) * counts[filled]).sum() / max(1, counts.sum()))
    return Calibration(tuple(sums[0]), tuple(sums[1]), tuple(int(n) for n in counts[filled]), error)


def _said(logits: NDArray[np.float32], exclusive: bool, temperature: float) -> NDArray[np.float64]:
    return shares(torch.from_numpy(logits).double(), "softmax" if exclusive else "sigmoid", temperature).numpy()


def calibration_at(logits: NDArray[np.float32], known: NDArray[np.int8], exclusive: bool, temperature: float = 1.0) -> Calibration:
    """Return the calibration of the best class of each picture, or of each label that is known.

    `logits` and `known` (1, 0 or `UNKNOWN`) are pictures x outputs; `exclusive`: of the classes just one is right.
    """
    said = _said(logits, exclusive, temperature)
    if exclusive:
        return calibration_of(said.max(1), known[np.arange(len(known)), said.argmax(1)] == 1)
    mask = known != UNKNOWN
    return calibration_of(said[mask], known[mask] == 1)


def fitted_temperature(logits: NDArray[np.float32], known: NDArray[np.int8], exclusive: bool) -> float:
    """Return the temperature at which the truth is likeliest (scipy's bounded search over its logarithm); arguments as above."""

    z = torch.from_numpy(logits).double()
    truth = torch.from_numpy(known)
    certain = truth == 1 if exclusive else truth != UNKNOWN

    def loss(log_temperature: float) -> float:
        scaled = z / math.exp(log_temperature)
        if exclusive:
            return -float(scaled.log_softmax(1)[certain].mean())
        return float(functional.binary_cross_entropy_with_logits(scaled[certain], truth[certain].double()))

    low, high = (math.log(end) for end in TEMPERATURE_RANGE)
    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x)


def calibrated(fit_logits: torch.Tensor, fit_labels: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> Calibrated | None:
    """Return the temperature fitted on some pictures, and what it does to the error on others: logits N x K, labels N.

    None where there are too few pictures on either side, or not two classes.
    """
    if min(len(fit_labels), len(labels)) < LEAST_TO_FIT or logits.shape[1] < 2:
        return None

    def truth(numbers: torch.Tensor) -> NDArray[np.int8]:
        return torch.nn.functional.one_hot(numbers, logits.shape[1]).numpy().astype(np.int8)

    temperature = fitted_temperature(fit_logits.float().numpy(), truth(fit_labels), exclusive=True)
    on = logits.float().numpy(), truth(labels), True
    return Calibrated(temperature, calibration_at(*on, temperature).error, calibration_at(*on).error)
