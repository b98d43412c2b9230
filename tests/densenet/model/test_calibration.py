"""A calibration error is what it is by hand, and the temperature is the one at which scikit-learn's loss is least."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from densenet.model.calibration import LEAST_TO_FIT, UNKNOWN, calibrated, calibration_at, calibration_of, fitted_temperature


def drawn(count: int, sure: float, seed: int = 0, classes: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes drawn by probabilities of which the logits are the logarithms, times `sure`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, classes))
    probabilities = torch.from_numpy(logits).softmax(1).numpy()
    labels = [rng.choice(classes, p=row / row.sum()) for row in probabilities]
    return torch.from_numpy(sure * logits).float(), torch.tensor(labels)


def test_calibration_error_by_hand() -> None:
    said = np.array([0.05, 0.05, 0.95, 0.95, 0.95, 1.0])
    right = np.array([False, True, True, True, False, True])
    found = calibration_of(said, right)
    assert found.counts == (2, 4)
    assert found.said == pytest.approx((0.05, (3 * 0.95 + 1) / 4))
    assert found.right == pytest.approx((0.5, 0.75))
    assert found.error == pytest.approx((2 * 0.45 + 4 * abs((3 * 0.95 + 1) / 4 - 0.75)) / 6)


@pytest.mark.parametrize("sure", [0.4, 2.5])
def test_the_temperature_of_classes_is_the_one_of_least_loss(sure: float) -> None:
    logits, labels = drawn(500, sure)
    known = np.eye(6, dtype=np.int8)[labels.numpy()]
    found = fitted_temperature(logits.numpy(), known, exclusive=True)
    losses = {t: log_loss(labels, (logits.double() / t).softmax(1), labels=range(6)) for t in (found / 1.05, found, found * 1.05)}
    assert min(losses, key=losses.__getitem__) == found


def test_the_temperature_of_labels_is_the_one_of_least_loss_of_what_is_known() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (400, 4)).astype(np.float32)
    known = (rng.random((400, 4)) < 1 / (1 + np.exp(-logits / 2))).astype(np.int8)
    known[rng.random(known.shape) < 0.3] = UNKNOWN
    found = fitted_temperature(logits, known, exclusive=False)
    mask = known != UNKNOWN
    losses = {t: log_loss(known[mask], 1 / (1 + np.exp(-logits[mask] / t))) for t in (found / 1.05, found, found * 1.05)}
    assert min(losses, key=losses.__getitem__) == found
    assert found == pytest.approx(2, rel=0.2)


def test_errors_are_of_the_pictures_that_nothing_was_fitted_on() -> None:
    fit, other = drawn(3000, 3.0, seed=1), drawn(3000, 3.0, seed=2)
    found = calibrated(*fit, *other)
    assert found is not None
    assert found.temperature == pytest.approx(3, rel=0.07)
    known = np.eye(6, dtype=np.int8)[other[1].numpy()]
    assert found.error == calibration_at(other[0].numpy(), known, True, found.temperature).error < 0.03
    assert found.error_before == calibration_at(other[0].numpy(), known, True).error > 0.1


def test_too_few_pictures_or_one_class_give_no_temperature() -> None:
    enough, few = drawn(LEAST_TO_FIT, 1.0), drawn(LEAST_TO_FIT - 1, 1.0)
    assert calibrated(*enough, *enough) is not None
    assert calibrated(*few, *enough) is None
    assert calibrated(*enough, *few) is None
    one = torch.zeros(30, 1), torch.zeros(30, dtype=torch.int64)
    assert calibrated(*one, *one) is None
