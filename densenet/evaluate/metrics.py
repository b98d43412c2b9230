"""What all answers together say of a net: scikit-learn's metrics, with intervals, and how far its probabilities can be believed.

Intervals are of 95 %: Wilson's for shares (scipy), Hanley and McNeil's for areas under the curve (Radiology 143, 1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, roc_auc_score, top_k_accuracy_score

from densenet.evaluate.asking import Answers
from densenet.evaluate.truth import Truth
from densenet.model.calibration import LEAST_TO_FIT, UNKNOWN, Calibration, calibration_at, fitted_temperature
from densenet.model.net import DenseNet
from densenet.model.outputs import activation_of, check_has_probabilities, shares_of

MOST_MISTAKES = 24
_DECIDES = 0.5
_TOP = 5
_Z = 1.959964


class Share(NamedTuple):
    """A number from 0 to 1 and its interval of 95 %; None where there is nothing to take it of."""

    value: float | None
    low: float | None = None
    high: float | None = None


class ClassReport(NamedTuple):
    """One class: precision of what was taken for it, recall of what it is, the area under its curve; `pictures` that show it."""

    label: str
    pictures: int
    precision: Share
    recall: Share
    auc: Share


class Mistake(NamedTuple):
    """A picture of another class than the net says, by its place among the truth's files, and how sure the net was."""

    place: int
    label: int
    predicted: int
    probability: float


@dataclass(frozen=True)
class Report:
    """All that is said of a net on a set of pictures. Of labels that do not exclude each other there is no top-5 and no confusion."""

    pictures: int
    accuracy: Share  # of pictures; of independent labels, of all that is known of them
    top5: Share
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]  # of `shown` classes: rows are what is right
    shown: tuple[int, ...]
    before: Calibration
    after: Calibration | None  # at `temperature`; either is of the half that it was not fitted on
    temperature: float | None
    mistakes: tuple[Mistake, ...]


def share_of(right: int, count: int) -> Share:
    """Return `right` of `count` with Wilson's interval."""
    if not count:
        return Share(None)
    interval = binomtest(right, count).proportion_ci(method="wilson")
    return Share(right / count, float(interval.low), float(interval.high))


def auc_of(truth: NDArray[np.bool_], said: NDArray[np.float64]) -> Share:
    """Return the area under the ROC curve with Hanley and McNeil's interval; nothing where one side is empty."""
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return Share(None)
    area = float(roc_auc_score(truth, said))
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    variance = (area * (1 - area) + (positive - 1) * (q1 - area * area) + (negative - 1) * (q2 - area * area)) / (positive * negative)
    reach = _Z * math.sqrt(max(0.0, variance))
    return Share(area, max(0.0, area - reach), min(1.0, area + reach))


def _calibrations(
    logits: NDArray[np.float32], known: NDArray[np.int8], exclusive: bool
) -> tuple[Calibration, Calibration | None, float | None]:
    """Return calibration before and after a temperature that is fitted on every other picture; both are of those between."""
    if len(logits) < LEAST_TO_FIT or (known == UNKNOWN).all():
        return calibration_at(logits, known, exclusive), None, None
    temperature = fitted_temperature(logits[::2], known[::2], exclusive)
    other = logits[1::2], known[1::2], exclusive
    return calibration_at(*other), calibration_at(*other, temperature), temperature


def _class_reports(
    labels: Sequence[str], known: NDArray[np.int8], said: NDArray[np.float64], taken: NDArray[np.bool_]
) -> tuple[ClassReport, ...]:
    reports = []
    for i, label in enumerate(labels):
        mask = known[:, i] != UNKNOWN
        truth, chosen = known[mask, i] == 1, taken[mask, i]
        if not truth.any() and not chosen.any():
            continue
        (_, false), (missed, right) = confusion_matrix(truth, chosen, labels=[False, True]).tolist()
        precision, recall = share_of(right, right + false), share_of(right, right + missed)
        reports.append(ClassReport(label, int(truth.sum()), precision, recall, auc_of(truth, said[mask, i])))
    return tuple(reports)


def report_of(model: DenseNet, truth: Truth, answers: Answers) -> Report:
    """Return what `answers` of `model` to the pictures of `truth` say of it; ValueError for a net of numbers, or for none."""
    check_has_probabilities(model)
    assert model.weights is not None
    if not len(answers.read):
        raise ValueError("none of the pictures could be read")
    logits, known = answers.logits, truth.values[answers.read]
    exclusive = truth.exclusive and activation_of(model) == "softmax"
    said = shares_of(model, torch.from_numpy(logits)).double().numpy()
    best = said.argmax(1)
    if exclusive:
        taken = np.zeros_like(known, dtype=bool)
        taken[np.arange(len(best)), best] = True
        right = known[np.arange(len(best)), best] == 1
        accuracy = share_of(int(right.sum()), len(right))
    else:
        taken = said >= _DECIDES
        mask = known != UNKNOWN
        accuracy = share_of(int((taken[mask] == (known[mask] == 1)).sum()), int(mask.sum()))
    shown = np.flatnonzero((known == 1).any(0) | taken.any(0)) if exclusive else np.array([], dtype=int)
    label = known.argmax(1)
    top5 = Share(None)
    if exclusive and known.shape[1] > _TOP:
        count = int(top_k_accuracy_score(label, said, k=_TOP, labels=np.arange(known.shape[1]), normalize=False))
        top5 = share_of(count, len(label))
    confusion = confusion_matrix(label, best, labels=shown) if exclusive else np.zeros((0, 0), dtype=int)
    wrong = np.flatnonzero(known[np.arange(len(best)), best] == 0)
    wrong = wrong[np.argsort(-said[wrong, best[wrong]], kind="stable")][:MOST_MISTAKES]
    before, after, temperature = _calibrations(logits, known, exclusive)
    return Report(
        pictures=len(logits),
        accuracy=accuracy,
        top5=top5,
        classes=_class_reports(model.weights.labels(), known, said, taken),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        shown=tuple(int(i) for i in shown),
        before=before,
        after=after,
        temperature=temperature,
        mistakes=tuple(Mistake(int(answers.read[i]), int(label[i]), int(best[i]), float(said[i, best[i]])) for i in wrong),
    )
