"""Configs told from names and shapes: every config comes back with the widths that it had, and what fits no DenseNet is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import models

from densenet import PRESETS, DenseNetConfig
from densenet.config import STEMS
from densenet.model.net import DenseNet
from densenet.weights.recognition import compression_of, config_of, misfits

NET = "features.conv0.weight"


def shapes_of(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def shapes_of_config(config: DenseNetConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return shapes_of(DenseNet(config))


def channels_at_transitions(config: DenseNetConfig) -> list[tuple[int, int]]:
    """The widths before and after each transition, in four lines of the paper's arithmetic."""
    pairs, channels = [], config.num_init_features
    for layers in config.block_config[:-1]:
        channels += layers * config.growth_rate
        pairs.append((channels, max(1, int(channels * config.compression))))
        channels = pairs[-1][1]
    return pairs


CONFIGS = st.builds(
    DenseNetConfig,
    growth_rate=st.integers(1, 48),
    block_config=st.lists(st.integers(1, 5), min_size=1, max_size=5).map(tuple),
    num_init_features=st.integers(1, 100),
    bn_size=st.integers(0, 6),
    compression=st.one_of(st.floats(0.001, 1.0), st.integers(1, 100).map(lambda n: n / 100), st.integers(1, 30).map(lambda n: 1 / n)),
    drop_rate=st.just(0.0),
    num_classes=st.integers(1, 1200),
    in_channels=st.integers(1, 6),
    stem=st.sampled_from(STEMS),
)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_recognised_exactly(name: str) -> None:
    assert config_of(shapes_of_config(PRESETS[name]))[0] == PRESETS[name]


@pytest.mark.parametrize("name", ["densenet121", "densenet161"])
def test_torchvisions_nets_are_recognised(name: str) -> None:
    with torch.device("meta"):
        theirs = shapes_of(models.get_model(name, weights=None))
    config, assumptions = config_of(theirs)
    assert config == PRESETS[name]
    assert misfits(shapes_of_config(config), theirs) == ""
    assert assumptions == ("Dropout is assumed to be 0, as no tensor shows it.",)


@settings(max_examples=60)
@given(config=CONFIGS)
def test_a_drawn_config_comes_back_with_equal_shapes(config: DenseNetConfig) -> None:
    shapes = shapes_of_config(config)
    found, _ = config_of(shapes)
    seen = "cifar_norm_pool" if config.stem == "cifar_norm" else config.stem  # a pooling leaves no tensor
    assert replace(found, compression=config.compression) == replace(config, stem=seen)
    assert shapes_of_config(found) == shapes


@given(
    compression=st.one_of(st.floats(1e-6, 1.0), st.integers(1, 1000).map(lambda n: n / 1000)),
    widths=st.lists(st.integers(1, 2**20), min_size=1, max_size=7),
)
def test_a_compression_is_always_found_for_widths_that_one_made(compression: float, widths: list[int]) -> None:
    pairs = [(width, max(1, int(width * compression))) for width in widths]
    found = compression_of(pairs)
    assert found is not None
    assert 0 < found <= 1
    assert [max(1, int(width * found)) for width in widths] == [kept for _, kept in pairs]


@pytest.mark.parametrize("name", PRESETS)
def test_the_papers_compressions_are_found_as_such(name: str) -> None:
    assert compression_of(channels_at_transitions(PRESETS[name])) == PRESETS[name].compression


@pytest.mark.parametrize(
    ("pairs", "theta"),
    [
        ([(10, 7), (90, 62)], 0.7),  # int(90 * 0.7) is 62: as rationals, 7/10 <= theta < 63/90 is empty
        ([(100, 30)], 0.3),
        ([(100, 31)], 0.31),
        ([(1000, 333)], 0.333),
        ([(3, 1)], 0.5),
        ([(5, 1), (300, 1)], 0.001),
        ([(64, 64)], 1.0),
        ([], 0.5),
    ],
    ids=str,
)
def test_of_many_compressions_the_simplest(pairs: list[tuple[int, int]], theta: float) -> None:
    assert compression_of(pairs) == theta


def test_a_compression_that_is_no_short_decimal_is_found_among_neighbouring_floats() -> None:
    """Between these widths only a few floats fit, and no decimal of 16 digits is one of them."""
    pairs = [(40863, 265), (16191, 104), (11565, 75), (50886, 330), (9252, 59)]
    found = compression_of(pairs)
    assert found is not None
    assert [int(channels * found) for channels, _ in pairs] == [kept for _, kept in pairs]


@pytest.mark.parametrize("pairs", [[(10, 11)], [(100, 50), (100, 52)], [(10, 0)]], ids=str)
def test_no_compression_is_none(pairs: list[tuple[int, int]]) -> None:
    assert compression_of(pairs) is None


def test_one_block_says_what_is_assumed() -> None:
    config, assumptions = config_of(shapes_of_config(DenseNetConfig(block_config=(3,), compression=0.8, drop_rate=0.2)))
    assert (config.compression, config.drop_rate) == (0.5, 0.0)
    assert assumptions == ("Compression is assumed to be 0.5 and dropout 0, as no tensor shows it.",)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({NET: (8, 3, 5, 5)}, f"{NET} is 8 x 3 x 5 x 5, and must be 7 x 7 (ImageNet) or 3 x 3 (CIFAR and timm's deep stem)"),
        ({NET: (8, 3)}, f"{NET} is 8 x 3, and must have 4 dimensions above 0"),
        ({NET: ()}, f"{NET} is a single number, and must have 4 dimensions above 0"),
        ({NET: (0, 3, 3, 3)}, f"{NET} is 0 x 3 x 3 x 3, and must have 4 dimensions above 0"),
        ({NET: (8, 65, 3, 3)}, "in_channels must be 1 to 64, got 65"),
        ({NET: (2000, 3, 3, 3)}, "num_init_features must be 1 to 1024, got 2000"),
        ({"classifier.weight": None}, "classifier.weight is missing"),
        ({"classifier.weight": (10**6, 16)}, "num_classes must be 1 to 100000, got 1000000"),
        ({"features.transition1.conv.weight": None}, "features.transition1.conv.weight is missing"),
        (
            {"features.transition1.conv.weight": (17, 16, 1, 1)},
            "its transitions keep 17 of 16 channels, which no compression does",
        ),
        ({"features.denseblock1.denselayer1.conv2.weight": None}, "features.denseblock1.denselayer1.conv2.weight is missing"),
        (
            {"features.denseblock1.denselayer1.conv1.weight": (17, 8, 1, 1)},
            "features.denseblock1.denselayer1's bottleneck has 17 channels, and must have a multiple of the growth rate 4",
        ),
        ({"features.denseblock1.denselayer1.conv1.weight": (260, 8, 1, 1)}, "bn_size must be 0 to 64, got 65"),
        ({"features.denseblock1.denselayer999999.x": (1,)}, "block_config[0] must be 1 to 256, got 999999"),
        ({"features.denseblock99.denselayer1.x": (1,)}, "features.transition2.conv.weight is missing"),
    ],
    ids=str,
)
def test_shapes_of_no_densenet_are_named(changed: dict[str, tuple[int, ...] | None], sentence: str) -> None:
    shapes = {name: shape for name, shape in {**shapes_of_config(PRESETS["tiny"]), **changed}.items() if shape is not None}
    with pytest.raises(ValueError, match=r"\w") as caught:
        config_of(shapes)
    assert str(caught.value) == sentence


def test_no_blocks_at_all() -> None:
    with pytest.raises(ValueError, match=r"denseblock1\.denselayer1\.conv1\.weight is missing"):
        config_of({NET: (8, 3, 3, 3), "classifier.weight": (10, 8)})


def test_misfits_are_counted_and_named() -> None:
    expected = shapes_of_config(PRESETS["tiny"])
    assert misfits(expected, expected) == ""
    without_counters = {name: shape for name, shape in expected.items() if not name.endswith("num_batches_tracked")}
    assert len(without_counters) < len(expected)
    assert misfits(expected, without_counters) == ""
    given = {**expected, "classifier.bias": (11,), "extra.weight": (1,), "another": ()}
    del given["features.norm5.weight"]
    assert misfits(expected, given) == (
        "1 missing: features.norm5.weight; 2 left over: extra.weight, another; 1 of another shape: classifier.bias (11 where 10 belongs)"
    )
    found = misfits(expected, {})
    assert found.startswith(f"{len(without_counters)} missing: features.conv0.weight, features.denseblock1.denselayer1.norm1.weight, ")
    assert found.endswith(f" and {len(without_counters) - 3} more")


def test_what_no_tensor_shows_of_a_stem_is_said() -> None:
    said = {stem: config_of(shapes_of_config(replace(PRESETS["tiny"], stem=stem)))[1][0] for stem in STEMS}
    assert "pooling after the stem's 3 x 3 convolution is assumed" in said["cifar_norm"]
    assert said["cifar_norm_pool"] == said["cifar_norm"]
    assert "densenetblur121d" in said["deep"]
    assert said["imagenet"] == said["cifar"] == "Dropout is assumed to be 0, as no tensor shows it."
