"""Baselines, and the blur that two of the checks share."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.functional import gaussian_blur

from densenet.attribution import attribute
from densenet.attribution.baseline import BLUR_SIGMA, baseline_tensor, blur
from densenet.model.net import DenseNet
from densenet.weights.loading import load
from tests.support.explained import TINY, photo

pytestmark = pytest.mark.filterwarnings("ignore:Setting")


@pytest.mark.parametrize(
    "baseline", [float("nan"), float("inf"), 10**400, 1e9, "black", "white", None, True, [0], torch.zeros(1, 3, 8, 8)], ids=repr
)
@pytest.mark.parametrize("method", ["integrated_gradients", "deep_lift", "occlusion"])
def test_a_bad_baseline_is_refused(tiny: DenseNet, method: str, baseline: object) -> None:
    with pytest.raises(ValueError, match=r"^baseline must be "):
        attribute(tiny, photo(), 0, method, baseline=baseline)


def test_black_needs_the_scaling_of_the_net(tiny: DenseNet) -> None:
    with pytest.raises(ValueError, match=r"for a model without a record of its scaling, got 'black'$"):
        baseline_tensor("black", tiny, photo())
    model = load("cifar10")
    assert model.weights is not None
    preprocessing = model.weights.preprocessing
    black = baseline_tensor("black", model, photo(height=32, width=32))
    for channel in range(3):
        pixel = black[0, channel] * preprocessing.std[channel] + preprocessing.mean[channel]
        torch.testing.assert_close(pixel, torch.zeros(32, 32), rtol=0, atol=1e-6)


def test_the_mean_is_zero(tiny: DenseNet) -> None:
    assert not baseline_tensor("mean", tiny, photo()).any()
    assert baseline_tensor(0.25, tiny, photo()).unique().tolist() == [0.25]


@given(height=st.integers(1, 70), width=st.integers(1, 70), value=st.floats(-2, 2))
def test_blurring_keeps_the_mean_colour(height: int, width: int, value: float) -> None:
    model = DenseNet(replace(TINY, block_config=(1,)))
    flat = torch.full((1, 3, height, width), value)
    torch.testing.assert_close(baseline_tensor("blurred", model, flat), flat, rtol=1e-4, atol=1e-5)


def test_blurring_is_a_gaussian(tiny: DenseNet) -> None:
    point = torch.zeros(1, 3, 65, 65)
    point[..., 32, 32] = 1
    sigma = BLUR_SIGMA * 65
    distance = (torch.arange(65) - 32.0) / sigma
    bell = (-(distance**2) / 2).exp()
    expected = torch.outer(bell, bell) / bell.sum() ** 2
    torch.testing.assert_close(baseline_tensor("blurred", tiny, point)[0, 0], expected, rtol=0.02, atol=5e-5)  # cut at three deviations


@pytest.mark.parametrize(("height", "width"), [(40, 40), (64, 40), (17, 90)])
@pytest.mark.parametrize("share", [BLUR_SIGMA, 0.1])
def test_blurring_is_torchvisions(height: int, width: int, share: float) -> None:
    x, sigma = photo(height=height, width=width), share * min(height, width)
    side = 2 * math.ceil(3 * sigma) + 1
    torch.testing.assert_close(blur(x, share), gaussian_blur(x, [side, side], [sigma, sigma]), rtol=1e-4, atol=1e-6)


def test_a_wider_blur_leaves_less() -> None:
    x = photo(height=40, width=50)
    assert blur(x, 0.1).std() < blur(x, BLUR_SIGMA).std() < 0.3 * x.std()
    assert blur(x, 0.1).std() < 0.2 * x.std()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (2, 3), (3, 40)])
def test_narrow_photos_can_be_blurred(height: int, width: int) -> None:
    for share in (BLUR_SIGMA, 0.1):
        assert blur(photo(height=height, width=width), share).isfinite().all()
