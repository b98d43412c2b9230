"""A ResNet's blocks in one step, by hand; `test_peers.py` pins the plan to torchvision's modules and measures the memory."""

from __future__ import annotations

import pytest

from densenet import PRESETS
from densenet.arithmetic.residual import resnet_moments, resnet_plan
from densenet.config import MODES
from densenet.published import RESNETS

NAMES = ("resnet18", "resnet34", "resnet50")
TINY = PRESETS["tiny"]
MAP = 4 * 64 * 8 * 8  # bytes of 64 channels of 8 x 8 pixels, which is what layer1 works on at 32 x 32


@pytest.mark.parametrize("name", NAMES)
def test_depth_and_published_counts(name: str) -> None:
    """The number in a ResNet's name counts convolutions and the classifier, without those on shortcuts."""
    rows = resnet_plan(name, PRESETS["densenet121"], 224)
    weighted = [row for row in rows if row.op in ("conv", "linear") and ".downsample." not in row.path]
    assert len(weighted) == int(name.removeprefix("resnet"))
    assert sum(row.params for row in rows) == RESNETS[name].params
    assert RESNETS[name].agrees_on_macs(sum(row.macs for row in rows))


def test_inference_of_the_first_blocks_by_hand() -> None:
    """In place: a ReLU and an addition make nothing. What a layer reads is held until it returns, what a block reads until that does."""
    of_layer1 = [(path, image // MAP) for path, _, _, image, _ in resnet_moments("resnet18", TINY, 32, "infer", "sgd", "float32")]
    by_hand = {
        "layer1.0.conv1": 2,
        "layer1.0.bn1": 3,
        "layer1.0.relu": 2,
        "layer1.0.conv2": 3,
        "layer1.0.bn2": 3,
        "layer1.0.add": 2,
        "layer1.1.conv1": 3,  # the layer's input, the block's, and the convolution's
        "layer1.1.bn1": 4,
        "layer1.1.add": 3,
    }
    assert {path: image for path, image in reversed(of_layer1) if path in by_hand} == by_hand


def test_a_shortcut_with_a_convolution_goes_back_before_the_branch() -> None:
    """As autograd does it: of what is ready, what ran last in the forward pass."""
    moments = resnet_moments("resnet50", TINY, 32, "train", "sgd", "float32")
    back = [path for path, phase, *_ in moments if phase == "backward" and path.startswith("layer2.0.")]
    order = ["relu", "add", "downsample.1", "downsample.0", "bn3", "conv3", "relu", "bn2", "conv2", "relu", "bn1", "conv1"]
    assert back == [f"layer2.0.{name}" for name in order]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_images_is_left_at_the_end(name: str) -> None:
    for mode in MODES:
        for precision in ("float32", "bfloat16"):
            *_, (_, _, fixed, image, gradients) = resnet_moments(name, TINY, 45, mode, "sgd", precision)
            params = sum(row.params for row in resnet_plan(name, TINY, 45))
            if mode == "train":
                assert (image, gradients) == (0, 4 * params)
                assert fixed == gradients
            else:
                assert image == (2 if precision == "bfloat16" else 4) * (TINY.num_classes + resnet_plan(name, TINY, 45)[-1].in_channels)
