"""One step without concatenations, moment by moment, of a net so small that each is counted by hand; `test_peers.py` measures others."""

from __future__ import annotations

from dataclasses import replace

from densenet import PRESETS, DenseNetConfig
from densenet.arithmetic.chain import chain_moments
from densenet.arithmetic.plan import chain_plan

# 3 channels after the stem, two layers 2 wide, 4 x 4 pixels: a channel of one image has 64 bytes in float32
SMALL = DenseNetConfig(growth_rate=2, block_config=(2,), num_init_features=3, bn_size=0, num_classes=5, in_channels=1, stem="cifar")
CHANNEL = 64


def test_inference_by_hand() -> None:
    """A block holds its input, a layer its own; the last norm's output dies with the ReLU, for nobody holds it."""
    first, second = "features.denseblock1.denselayer1", "features.denseblock1.denselayer2"
    by_hand = [
        ("features.conv0", 3 * CHANNEL),
        (f"{first}.norm1", 6 * CHANNEL),
        (f"{first}.relu1", 9 * CHANNEL),
        (f"{first}.conv1", 8 * CHANNEL),  # the block's input, what the ReLU has made, 2 features
        (f"{second}.norm1", 7 * CHANNEL),  # the block's input, the first layer's features, and their norm
        (f"{second}.relu1", 9 * CHANNEL),
        (f"{second}.conv1", 9 * CHANNEL),
        ("features.norm5", 4 * CHANNEL),
        ("relu5", 4 * CHANNEL),
        ("pool5", 2 * CHANNEL + 8),
        ("classifier", 8 + 20),
    ]
    assert [(path, image) for path, _, _, image, _ in chain_moments(SMALL, 4, "infer", "sgd", "float32")] == by_hand


def test_training_keeps_what_each_norm_and_convolution_has_read() -> None:
    moments = chain_moments(SMALL, 4, "train", "sgd", "float32")
    at = {(path, phase): image for path, phase, _, image, _ in moments}
    saved = (3 + 3 + 2 + 2 + 2 + 2) * CHANNEL  # stem and its ReLU, the first layer's features and theirs, the second's and theirs
    assert at["loss", "forward"] == saved + 8 + 20 + 20, "pooled features, logits, and their softmax"
    forward = [path for path, phase, *_ in moments if phase == "forward"]
    back = [path for path, phase, *_ in moments if phase == "backward"]
    rows = [row.path for row in chain_plan(SMALL, 4) if row.op != "flatten"]
    assert forward == [*rows, "loss"]
    assert list(dict.fromkeys(back)) == ["loss", *reversed(rows)]


def test_every_parameter_has_its_gradient_at_the_end() -> None:
    for config, size in ((SMALL, 4), (replace(PRESETS["tiny"], stem="imagenet"), 32), (PRESETS["classroom"], 32)):
        for optimizer in ("sgd", "adam"):
            *_, (_, phase, _, image, gradients) = chain_moments(config, size, "train", optimizer, "float32")
            assert gradients == 4 * sum(row.params for row in chain_plan(config, size)), "float32, each once"
            assert (phase, image) == ("optimizer", 0), "nothing of the images is left"
