"""The report is scikit-learn's on the same answers; intervals hold what they should, and a temperature mends what it can."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import metrics

from densenet.evaluate.asking import Answers
from densenet.evaluate.metrics import auc_of, report_of, share_of
from densenet.evaluate.truth import UNKNOWN, Truth
from densenet.model.calibration import fitted_temperature
from densenet.model.net import DenseNet
from densenet.weights.loading import load

CLASSES = 10


def truth_and_answers(count: int = 400, seed: int = 0, sure: float = 1.0) -> tuple[Truth, Answers, NDArray[np.int64]]:
    """Classes drawn by probabilities of which the logits are the logarithms, times `sure`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, CLASSES)).astype(np.float32)
    probabilities = torch.from_numpy(logits).softmax(1).numpy()
    label = np.array([rng.choice(CLASSES, p=row / row.sum()) for row in probabilities])
    values = np.zeros((count, CLASSES), dtype=np.int8)
    values[np.arange(count), label] = 1
    files = tuple(Path(f"{i}.png") for i in range(count))
    return Truth(files, values, exclusive=True), Answers(sure * logits, np.arange(count), ()), label


def test_exclusive_classes_are_counted_as_scikit_learn_counts_them() -> None:
    truth, answers, label = truth_and_answers()
    report = report_of(load("cifar10"), truth, answers)
    said = torch.from_numpy(answers.logits).double().softmax(1).numpy()
    best = said.argmax(1)
    assert report.pictures == len(label)
    assert report.accuracy.value == pytest.approx(metrics.accuracy_score(label, best))
    assert report.top5.value == pytest.approx(metrics.top_k_accuracy_score(label, said, k=5))
    assert report.confusion == tuple(map(tuple, metrics.confusion_matrix(label, best).tolist()))
    precision, recall, _, support = metrics.precision_recall_fscore_support(label, best)
    for i, one in enumerate(report.classes):
        assert (one.precision.value, one.recall.value) == pytest.approx((precision[i], recall[i]))
        assert one.pictures == support[i]
        assert one.auc.value == pytest.approx(metrics.roc_auc_score(label == i, said[:, i]))
        for share in (one.precision, one.recall, one.auc):
            assert 0 <= share.low <= share.value <= share.high <= 1
    wrong = best != label
    assert [m.place for m in report.mistakes] == [int(i) for i in np.argsort(-np.where(wrong, said.max(1), -1), kind="stable")[:24]]
    assert all(m.predicted == best[m.place] and m.label == label[m.place] for m in report.mistakes)


def test_pictures_that_could_not_be_read_do_not_count() -> None:
    truth, answers, label = truth_and_answers(60)
    read = np.array([i for i in range(60) if i % 3])
    report = report_of(load("cifar10"), truth, Answers(answers.logits[read], read, ("one",)))
    assert report.accuracy.value == pytest.approx((answers.logits[read].argmax(1) == label[read]).mean())
    assert {m.place for m in report.mistakes} <= set(read.tolist())
    with pytest.raises(ValueError, match="none of the pictures could be read"):
        report_of(load("cifar10"), truth, Answers(answers.logits[:0], read[:0], ()))


def labelled(net: DenseNet, activation: str) -> DenseNet:
    import copy

    other = copy.copy(net)
    assert other.weights is not None
    other.weights = replace(other.weights, activation=activation)
    return other


def test_labels_that_nobody_knows_do_not_count() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (300, CLASSES)).astype(np.float32)
    values = (rng.random((300, CLASSES)) < torch.from_numpy(logits).sigmoid().numpy()).astype(np.int8)
    values[rng.random(values.shape) < 0.3] = UNKNOWN
    values[:, 7] = UNKNOWN
    truth = Truth(tuple(Path(f"{i}") for i in range(300)), values, exclusive=False)
    report = report_of(labelled(load("cifar10"), "sigmoid"), truth, Answers(logits, np.arange(300), ()))
    mask = values != UNKNOWN
    assert report.accuracy.value == pytest.approx(((logits > 0)[mask] == (values == 1)[mask]).mean())
    assert (report.confusion, report.top5.value) == ((), None)
    assert len(report.classes) == CLASSES - 1
    for i, one in zip([i for i in range(CLASSES) if i != 7], report.classes, strict=True):
        known = mask[:, i]
        assert one.auc.value == pytest.approx(metrics.roc_auc_score(values[known, i], logits[known, i]))
        assert one.recall.value == pytest.approx(metrics.recall_score(values[known, i], logits[known, i] > 0))
    assert report.temperature == pytest.approx(1, abs=0.2)


def test_a_net_of_numbers_has_no_report() -> None:
    truth, answers, _ = truth_and_answers(10)
    with pytest.raises(ValueError, match="answers with numbers"):
        report_of(labelled(load("cifar10"), "none"), truth, answers)


def test_wilsons_interval() -> None:
    """Of the textbook: 8 of 10 are 0.49 to 0.94."""
    assert share_of(8, 10) == pytest.approx((0.8, 0.4901625, 0.9433178), abs=1e-6)
    assert share_of(0, 0).value is None


@pytest.mark.parametrize("shift", [0.0, 2.5])
def test_intervals_of_areas_hold_the_true_one_in_95_of_100(shift: float) -> None:
    from scipy.stats import norm

    rng, true = np.random.default_rng(3), norm.cdf(shift / np.sqrt(2))
    truth = np.arange(160) < 60
    seen = [auc_of(truth, rng.normal(shift * truth, 1)) for _ in range(300)]
    held = np.mean([one.low <= true <= one.high for one in seen])
    assert 0.90 <= held <= 0.99
    assert auc_of(truth[:60], rng.normal(size=60)).value is None


@pytest.mark.parametrize("sure", [0.5, 1.0, 3.0])
def test_a_temperature_mends_what_is_too_sure(sure: float) -> None:
    truth, answers, _ = truth_and_answers(3000, sure=sure)
    assert fitted_temperature(answers.logits, truth.values, exclusive=True) == pytest.approx(sure, rel=0.06)
    report = report_of(load("cifar10"), truth, answers)
    assert report.after is not None
    assert report.temperature == pytest.approx(sure, rel=0.1)
    assert report.after.error < 0.03
    if sure != 1:
        assert report.before.error > 3 * report.after.error
    few, said, _ = truth_and_answers(19)
    assert report_of(load("cifar10"), few, said).after is None, "a temperature of nineteen pictures is chance"
