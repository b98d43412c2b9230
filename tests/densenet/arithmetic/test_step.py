"""One step, moment by moment, of a net so small that each of them is counted by hand."""

from __future__ import annotations

import pytest

from densenet import PRESETS, DenseNetConfig
from densenet.arithmetic.plan import plan
from densenet.arithmetic.step import step_moments

# 2 channels after the stem, one layer of 2 more, 4 x 4 pixels: a channel of one image has 64 bytes in float32
SMALL = DenseNetConfig(growth_rate=2, block_config=(1,), num_init_features=2, bn_size=0, num_classes=3, in_channels=1, stem="cifar")
CHANNEL = 64


def test_inference_by_hand() -> None:
    """Bytes of one image at each operation: what is read, what is made, and what is still needed."""
    by_hand = [
        ("features.conv0", 2 * CHANNEL),  # the stem's output; the input is counted apart
        ("features.denseblock1.denselayer1.norm1", 4 * CHANNEL),  # beside the stem's, which the concatenation reads too
        ("features.denseblock1.denselayer1.relu1", 6 * CHANNEL),
        ("features.denseblock1.denselayer1.conv1", 6 * CHANNEL),
        ("features.denseblock1.denselayer1.cat", 8 * CHANNEL),  # two and two features, and both again as four
        ("features.norm5", 8 * CHANNEL),
        ("relu5", 8 * CHANNEL),
        ("pool5", 8 * CHANNEL + 16),
        ("classifier", 4 * CHANNEL + 16 + 12),  # three logits; the last norm's output is held by the head
    ]
    moments = step_moments(SMALL, 4, "infer")
    assert [(path, image) for path, _, _, image, _ in moments] == by_hand
    assert {phase for _, phase, _, _, _ in moments} == {"forward"}
    assert all((fixed, gradients) == (0, 0) for _, _, fixed, _, gradients in moments)


def test_training_goes_forward_and_back_through_the_same_operations() -> None:
    moments = step_moments(SMALL, 4, "train", "none", "sgd", "float32")
    forward = [path for path, phase, *_ in moments if phase == "forward"]
    back = [path for path, phase, *_ in moments if phase == "backward"]
    rows = [row.path for row in plan(SMALL, 4) if row.op != "flatten"]
    assert forward == [*rows, "loss"]
    assert back[0] == "loss"
    assert back[1:3] == ["classifier", "pool5"]
    assert back[-1] == "features.conv0"
    assert [phase for _, phase, *_ in moments][-1] == "optimizer"


def test_the_loss_and_the_classifier_by_hand() -> None:
    """Forward saves, per image: the stem's output and its ReLU, the block's output and its ReLU, and 4 features pooled."""
    moments = step_moments(SMALL, 4, "train", "none", "sgd", "float32")
    at = {(path, phase): image for path, phase, _, image, _ in moments}
    saved = (2 + 2 + 4 + 4) * CHANNEL  # stem, relu1, concatenation, relu5; the new features and the last norm's output have died
    assert at["loss", "forward"] == saved + 16 + 12 + 12, "pooled features, logits, and their softmax"


def test_every_parameter_has_its_gradient_at_the_end() -> None:
    for name, size in (("tiny", 8), ("classroom", 32)):
        config = PRESETS[name]
        for checkpointing in ("none", "norm", "layer"):
            last = step_moments(config, size, "train", checkpointing, "sgd", "float32")[-1]
            assert last[-1] == 4 * sum(row.params for row in plan(config, size)), "float32, each once"


def test_only_checkpointing_runs_anything_again() -> None:
    for checkpointing, again in (("none", False), ("norm", True), ("layer", True)):
        phases = {phase for _, phase, *_ in step_moments(PRESETS["tiny"], 8, "train", checkpointing, "sgd", "float32")}
        assert ("recompute" in phases) == again


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_adam_alone_needs_room_of_its_own(optimizer: str) -> None:
    """Two temporaries of a parameter, the largest being a convolution's: 16 x 8 of the first transition, or a larger one."""

    def most(name: str) -> int:
        moments = step_moments(PRESETS["tiny"], 8, "train", "none", name, "float32")
        return max(fixed for _, phase, fixed, _, _ in moments if phase == "optimizer")

    largest = max(row.params for row in plan(PRESETS["tiny"], 8) if row.op == "conv")
    assert most("adam") - most(optimizer) >= 8 * largest
