"""Distances from training pictures are Mahalanobis' by numpy and scikit-learn, they tell foreign features, and fit on a card."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from densenet import DenseNetConfig
from densenet.model.familiarity import (
    LEAST_HELD_OUT,
    answers_and_features,
    check_statistics,
    distances,
    features_of,
    novelty_of,
    statistics_of,
    strangeness,
)
from densenet.model.net import DenseNet
from densenet.record import FeatureStatistics
from densenet.weights.loading import load
from tests.conftest import randomised

CHANNELS, CLASSES = 12, 4


def clouds(count: int, seed: int, *, classes: tuple[int, ...] = tuple(range(CLASSES))) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of classes that lie around means of their own, and are spread more along some directions."""
    means = np.random.default_rng(99).normal(0, 3, (CLASSES + 2, CHANNELS))
    rng = np.random.default_rng(seed)
    y = rng.choice(classes, count)
    spread = np.linspace(0.2, 1.5, CHANNELS)
    return torch.from_numpy(means[y] + rng.normal(0, spread, (count, CHANNELS))).float(), torch.from_numpy(y)


def answers(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that say nothing but how far from the middle the features are, with those features."""
    return -features.abs().mean(1, keepdim=True).expand(-1, CLASSES), features


def fitted() -> FeatureStatistics:
    found = statistics_of(*clouds(2000, 0), answers(clouds(1000, 1)[0]))
    assert found is not None
    return found


def test_the_distance_is_mahalanobis_with_a_ridge_where_all_directions_are_kept() -> None:
    features, y = clouds(2000, 0)
    z = features.double().numpy()
    means = np.stack([z[y.numpy() == k].mean(0) for k in range(CLASSES)])
    within = z - means[y.numpy()]
    covariance = within.T @ within / len(z)
    inverse = np.linalg.inv(covariance + 3 * np.trace(covariance) / CHANNELS * np.eye(CHANNELS))
    others = clouds(300, 5, classes=tuple(range(CLASSES + 2)))[0]
    looked = others.double().numpy()[:, None] - means
    expected = np.sqrt(np.einsum("nkc,cd,nkd->nk", looked, inverse, looked).min(1))
    np.testing.assert_allclose(distances(fitted(), others).numpy(), expected, rtol=0.02, atol=0.1)  # axes are bytes on the card


def test_held_out_pictures_lie_within_the_quantiles() -> None:
    found = fitted()
    fresh = strangeness(found, *answers(clouds(4000, 7)[0])).numpy()
    for percent, distance in zip(found.PERCENTS, found.quantiles, strict=True):
        assert 100 * (fresh <= distance).mean() == pytest.approx(percent, abs=2)
    assert found.limit == found.quantiles[2]
    assert list(found.quantiles) == sorted(found.quantiles)


def test_what_belongs_to_no_class_is_far() -> None:
    found = fitted()
    near, far = (
        strangeness(found, *answers(clouds(500, 8, classes=which)[0])) for which in (tuple(range(CLASSES)), (CLASSES, CLASSES + 1))
    )
    assert roc_auc_score([0] * 500 + [1] * 500, torch.cat([near, far])) > 0.99
    assert (far > found.limit).double().mean() > 0.95


def test_classes_without_pictures_and_few_of_each_are_taken() -> None:
    features, y = clouds(12, 0)
    found = statistics_of(features, y * 5, answers(clouds(LEAST_HELD_OUT, 1)[0]))
    assert found is not None
    assert bool(distances(found, features).isfinite().all())


def test_nothing_is_said_where_too_little_is_known() -> None:
    features, y = clouds(200, 0)
    assert statistics_of(features, y, answers(clouds(LEAST_HELD_OUT - 1, 1)[0])) is None
    assert statistics_of(features, torch.zeros_like(y), answers(clouds(100, 1)[0])) is None, "one class"
    assert statistics_of(torch.ones_like(features), y, answers(clouds(100, 1)[0])) is None, "features without a difference"


def test_features_are_moments_of_the_last_block_and_the_answer_is_the_nets() -> None:
    model = randomised(DenseNet(DenseNetConfig(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=5))).eval()
    x = torch.randn(3, 3, 40, 40)
    read: list[torch.Tensor] = []
    handle = model.features.norm5.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    logits = model(x)
    handle.remove()
    said, features = answers_and_features(model, x)
    assert torch.equal(said, logits)
    assert features.shape == (3, features_of(model))
    positions = read[0].detach().double().numpy().reshape(3, model.classifier.in_features, -1)
    for half, moment in zip(features.chunk(2, dim=1), (positions.mean(2), positions.std(2)), strict=True):
        expected = moment / np.linalg.norm(moment, axis=1, keepdims=True)
        np.testing.assert_allclose(half.detach().numpy(), expected, rtol=1e-4, atol=1e-6)


def test_a_map_of_one_position_has_no_deviation() -> None:
    model = randomised(DenseNet(DenseNetConfig(growth_rate=4, block_config=(2,), num_init_features=8, num_classes=5))).eval()
    mean, deviation = answers_and_features(model, torch.randn(2, 3, 4, 4))[1].chunk(2, dim=1)
    assert bool(mean.any())
    assert not deviation.any()


def test_a_net_without_statistics_says_nothing() -> None:
    model = DenseNet(DenseNetConfig(growth_rate=4, block_config=(2,), num_init_features=8))
    assert novelty_of(model, torch.ones(1, 4), torch.ones(1, 32)) is None


def test_novelty_is_a_multiple_of_the_limit() -> None:
    model = DenseNet(DenseNetConfig(growth_rate=2, block_config=(2,), num_init_features=8, num_classes=4))
    found = fitted()
    model.weights = replace(load("cifar10").weights, familiar=found)  # type: ignore[type-var]
    logits, features = answers(clouds(1, 4)[0])
    assert novelty_of(model, logits, features) == pytest.approx(float(strangeness(found, logits, features)[0]) / found.limit)


def test_strangeness_is_the_distance_times_a_power_of_the_energy() -> None:
    found = fitted()
    logits, features = answers(clouds(50, 2)[0])
    expected = distances(found, features) * (-found.energy_slope * logits.double().logsumexp(1)).exp()
    torch.testing.assert_close(strangeness(found, logits, features), expected)
    held_out = answers(clouds(1000, 1)[0])
    logarithms = distances(found, held_out[1]).log()
    assert found.energy_slope * float(held_out[0].double().logsumexp(1).std()) == pytest.approx(float(logarithms.std()) / 4, rel=1e-3)
    assert bool(strangeness(found, torch.full_like(logits, float("inf")), features).isfinite().all())


def test_a_strangers_statistics_must_be_of_the_nets_features_and_finite() -> None:
    model = DenseNet(DenseNetConfig(growth_rate=2, block_config=(2,), num_init_features=2))
    assert features_of(model) == CHANNELS
    found = fitted()
    check_statistics(found, model)
    for wrong in (replace(found, axes=bytes(len(found.axes))), replace(found, centre=b"\xff" * len(found.centre))):
        with pytest.raises(ValueError, match="must be finite numbers, of axes that are not 0"):
            check_statistics(wrong, model)
    with pytest.raises(ValueError, match="must be of the net's 2048 features, got 12"):
        check_statistics(found, DenseNet(DenseNetConfig()))
