"""What methods can be told: ranges, defaults that follow the image, and answers to bad values."""

from __future__ import annotations

import pytest
import torch

from densenet import PRESETS
from densenet.attribution import METHODS, attribute, options_of
from densenet.model.net import DenseNet
from tests.support.explained import THREE_BLOCKS, TINY, photo

pytestmark = pytest.mark.filterwarnings("ignore:Setting")


def defaults(method: str, height: int = 32, width: int = 32) -> dict[str, object]:
    return {option.name: option.default for option in options_of(method, TINY, height, width)}


def test_what_each_method_takes() -> None:
    assert {method: [option.name for option in METHODS[method].options] for method in METHODS} == {
        "saliency": [],
        "input_x_gradient": [],
        "integrated_gradients": ["steps", "baseline"],
        "smoothgrad": ["noise", "samples", "seed"],
        "grad_cam": ["block", "interpolation"],
        "guided_grad_cam": ["block", "interpolation"],
        "deep_lift": ["baseline"],
        "occlusion": ["window", "stride", "baseline"],
    }


@pytest.mark.parametrize("method", METHODS)
def test_the_defaults_said_are_the_defaults_used(tiny: DenseNet, method: str) -> None:
    said = defaults(method, 20, 14)
    assert None not in said.values()
    torch.testing.assert_close(attribute(tiny, photo(), 1, method, **said).map, attribute(tiny, photo(), 1, method).map)


@pytest.mark.parametrize("method", METHODS)
def test_both_ends_of_a_range_are_allowed(tiny: DenseNet, method: str) -> None:
    x = photo(height=6, width=4)
    for option in options_of(method, TINY, 6, 4):
        assert option.label
        assert option.kind in ("integer", "number", "choice", "baseline")
        ends: list[object] = [*option.choices] if option.choices else [option.low, option.high]
        for value in ends:
            if value == "black":
                continue  # the tiny net has no record
            extra = {"window": 4} if option.name == "stride" else {}
            assert attribute(tiny, x, 0, method, **{option.name: value}, **extra).map.isfinite().all()
        if option.low is not None:
            for value in (option.low - 1, option.high + 1):
                with pytest.raises(ValueError, match=f"^{option.name} must be "):
                    attribute(tiny, x, 0, method, **{option.name: value})


def test_squares_follow_the_image() -> None:
    assert defaults("occlusion", 32, 32) == {"window": 4, "stride": 2, "baseline": "mean"}
    assert defaults("occlusion", 224, 300) == {"window": 28, "stride": 14, "baseline": "mean"}
    assert defaults("occlusion", 3, 5) == {"window": 1, "stride": 1, "baseline": "mean"}
    window, stride, _ = options_of("occlusion", TINY, 20, 14)
    assert (window.low, window.high, stride.low, stride.high) == (1, 14, 1, 14)


def test_blocks_follow_the_net(make_net: object) -> None:
    [block, _] = options_of("grad_cam", THREE_BLOCKS, 32, 32)
    assert (block.low, block.high, block.default) == (1, 3, 3)


def test_the_stride_follows_the_window(tiny: DenseNet) -> None:
    for window, stride in ((1, 1), (7, 3)):
        expected = attribute(tiny, photo(), 0, "occlusion", window=window, stride=stride).map
        torch.testing.assert_close(attribute(tiny, photo(), 0, "occlusion", window=window).map, expected)


BAD = [
    ("integrated_gradients", {"steps": 0}, "steps must be 1 to 1000, got 0"),
    ("integrated_gradients", {"steps": 1001}, "steps must be 1 to 1000, got 1001"),
    ("integrated_gradients", {"steps": True}, "steps must be 1 to 1000, got True"),
    ("integrated_gradients", {"steps": 5.0}, "steps must be 1 to 1000, got 5.0"),
    ("integrated_gradients", {"steps": "5"}, "steps must be 1 to 1000, got '5'"),
    ("integrated_gradients", {"steps": None}, "steps must be 1 to 1000, got None"),
    ("integrated_gradients", {"windows": 3}, "options of integrated_gradients: there is no windows, there is steps, baseline"),
    ("saliency", {"steps": 3}, "options of saliency: there is no steps, there is none"),
    ("smoothgrad", {"noise": -0.1}, "noise must be 0 to 1, got -0.1"),
    ("smoothgrad", {"noise": float("nan")}, "noise must be 0 to 1, got nan"),
    ("smoothgrad", {"noise": "0.1"}, "noise must be 0 to 1, got '0.1'"),
    ("smoothgrad", {"noise": True}, "noise must be 0 to 1, got True"),
    ("smoothgrad", {"samples": 0}, "samples must be 1 to 1000, got 0"),
    ("smoothgrad", {"seed": -1}, "seed must be 0 to 4294967295, got -1"),
    ("grad_cam", {"block": 0}, "block must be 1 to 2, got 0"),
    ("grad_cam", {"block": 3}, "block must be 1 to 2, got 3"),
    ("guided_grad_cam", {"interpolation": "area"}, "interpolation must be one of nearest, bilinear, bicubic, got 'area'"),
    ("occlusion", {"window": 15}, "window must be 1 to 14, got 15"),
    ("occlusion", {"window": 4, "stride": 5}, "stride must be 1 to 4, the window, so that every pixel is covered, got 5"),
    ("occlusion", {"stride": 0}, "stride must be 1 to 14, got 0"),
]


@pytest.mark.parametrize(("method", "options", "sentence"), BAD, ids=str)
def test_a_bad_option_is_refused(tiny: DenseNet, method: str, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        attribute(tiny, photo(), 0, method, **options)


def test_the_presets_have_sensible_squares() -> None:
    for preset in ("densenet121", "densenet_bc_100_12"):
        window, stride, _ = options_of("occlusion", PRESETS[preset], 224, 224)
        assert (window.default, stride.default) == (28, 14)
