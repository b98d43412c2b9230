"""The config and the workload: every bad value is refused by name, every good one is a value."""

from __future__ import annotations

import itertools
import math
from dataclasses import FrozenInstanceError, fields, replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from densenet import PRESETS, DenseNetConfig, Workload
from densenet.arithmetic.plan import plan
from densenet.config import STEMS, transition_channels
from densenet.features.wiring import wiring
from densenet.model.net import DenseNet, Transition
from densenet.weights.recognition import compression_of

INTEGERS = {  # field -> (class, lowest, highest)
    "growth_rate": (DenseNetConfig, 1, 512),
    "num_init_features": (DenseNetConfig, 1, 1024),
    "bn_size": (DenseNetConfig, 0, 64),
    "num_classes": (DenseNetConfig, 1, 100_000),
    "in_channels": (DenseNetConfig, 1, 64),
    "image_size": (Workload, 1, 4096),
    "batch_size": (Workload, 1, 65_536),
}
CHOICES = {
    "stem": (DenseNetConfig, ("imagenet", "cifar", "cifar_norm", "cifar_norm_pool", "deep")),
    "mode": (Workload, ("infer", "train")),
    "checkpointing": (Workload, ("none", "norm", "layer")),
    "optimizer": (Workload, ("sgd", "momentum", "adam")),
    "precision": (Workload, ("float32", "bfloat16", "float16")),
}
REALS = {"compression": "above 0 to 1", "drop_rate": "0 to below 1"}
NOT_NUMBERS = ["8", "", None, True, False, [8], 1j, math.nan, math.inf, -math.inf, np.True_, object]


def refusal(kind: type, **values: object) -> str:
    """Return the text of the ValueError that `kind` answers `values` with."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        kind(**values)
    return str(caught.value)


@pytest.mark.parametrize("field", INTEGERS)
@pytest.mark.parametrize("bad", [*NOT_NUMBERS, 8.0, 8.5, np.float64(8.0), Fraction(8)], ids=repr)
def test_a_whole_number_is_asked_for(field: str, bad: object) -> None:
    kind, low, high = INTEGERS[field]
    text = refusal(kind, **{field: bad})
    assert text.startswith(f"{field} must be {low} to {high}, got {bad!r}")


@pytest.mark.parametrize("field", INTEGERS)
@pytest.mark.parametrize("bad", [-1, -(10**30), 10**30, 2**63])
def test_a_number_out_of_range_is_refused(field: str, bad: int) -> None:
    kind, low, high = INTEGERS[field]
    assert refusal(kind, **{field: bad}) == f"{field} must be {low} to {high}, got {bad}"


@pytest.mark.parametrize("field", INTEGERS)
def test_the_range_is_exact(field: str) -> None:
    kind, low, high = INTEGERS[field]
    for good in (low, high, np.int64(high)):
        value = getattr(kind(**{field: good}), field)
        assert value == good
        assert type(value) is int
    for bad in (low - 1, high + 1):
        assert refusal(kind, **{field: bad}) == f"{field} must be {low} to {high}, got {bad}"


def test_a_number_too_long_to_print_is_refused() -> None:
    assert refusal(DenseNetConfig, growth_rate=10**5000).startswith("growth_rate must be 1 to 512, got ")
    assert refusal(DenseNetConfig, compression=10**5000).startswith("compression must be above 0 to 1, got ")
    assert len(refusal(DenseNetConfig, stem="x" * 10**6)) < 150


@pytest.mark.parametrize("field", REALS)
@pytest.mark.parametrize("bad", [*NOT_NUMBERS, -0.1, -1, 1.0001, 10**400, 2], ids=str)
def test_a_fraction_is_asked_for(field: str, bad: object) -> None:
    text = refusal(DenseNetConfig, **{field: bad})
    assert text.startswith(f"{field} must be {REALS[field]}, got ")
    assert repr(bad)[:50] in text


def test_the_ends_of_the_fractions() -> None:
    assert refusal(DenseNetConfig, compression=0) == "compression must be above 0 to 1, got 0"
    assert refusal(DenseNetConfig, drop_rate=1) == "drop_rate must be 0 to below 1, got 1"
    assert DenseNetConfig(compression=1).compression == 1.0
    assert DenseNetConfig(compression=5e-324).compression > 0
    assert DenseNetConfig(drop_rate=0).drop_rate == 0.0
    assert type(DenseNetConfig(compression=1, drop_rate=0).drop_rate) is float


@pytest.mark.parametrize("field", CHOICES)
@pytest.mark.parametrize("bad", ["", "Infer", "none ", None, 0, True, ["cifar"], math.nan, b"cifar"], ids=repr)
def test_a_choice_is_one_of_its_words(field: str, bad: object) -> None:
    kind, choices = CHOICES[field]
    assert refusal(kind, **{field: bad}) == f"{field} must be one of {', '.join(choices)}, got {bad!r}"
    for good in choices:
        assert getattr(kind(**{field: good}), field) == good


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        ((), "0 blocks"),
        ([], "0 blocks"),
        ((2,) * 9, "9 blocks"),
        ("6,12", "'6,12'"),
        (b"\x06", r"b'\x06'"),
        (6, "6"),
        (6.0, "6.0"),
        (None, "None"),
        (True, "True"),
        (math.nan, "nan"),
        ({6, 12}, "{"),
        ({6: 12}, "{6: 12}"),
    ],
    ids=repr,
)
def test_block_config_is_one_to_eight_blocks(bad: object, got: str) -> None:
    assert refusal(DenseNetConfig, block_config=bad).startswith(f"block_config must be 1 to 8 blocks of 1 to 256 layers, got {got}")


def test_blocks_without_end_are_refused() -> None:
    assert refusal(DenseNetConfig, block_config=itertools.repeat(2)).endswith("got more than 8 blocks")


@pytest.mark.parametrize("bad", [0, -1, 257, 10**30, 6.0, math.nan, math.inf, True, "6", None, (6,)], ids=repr)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_bad_block_is_named_by_its_position(bad: object, position: int) -> None:
    blocks: list[object] = [2, 2, 2]
    blocks[position] = bad
    assert refusal(DenseNetConfig, block_config=blocks).startswith(f"block_config[{position}] must be 1 to 256, got {bad!r}")


@pytest.mark.parametrize("good", [[2, 4], (2, 4), iter([2, 4]), np.array([2, 4])], ids=lambda v: type(v).__name__)
def test_any_sequence_of_blocks_becomes_a_tuple_of_ints(good: object) -> None:
    config = DenseNetConfig(block_config=good)  # type: ignore[arg-type]
    assert config.block_config == (2, 4)
    assert type(config.block_config) is tuple
    assert [type(n) for n in config.block_config] == [int, int]


def test_the_limits_of_blocks_are_allowed() -> None:
    assert DenseNetConfig(block_config=(256,) * 8).block_config == (256,) * 8
    assert DenseNetConfig(block_config=(1,)).block_config == (1,)


@pytest.mark.parametrize("kind", [DenseNetConfig, Workload])
def test_configs_are_frozen_keyword_only_values(kind: type) -> None:
    value = kind()
    for field in fields(kind):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, 1)
    assert value == kind()
    assert hash(value) == hash(kind())
    assert len({value, kind(), replace(value)}) == 1
    with pytest.raises(TypeError):
        kind(8)
    with pytest.raises(TypeError):
        kind(no_such_field=8)


def test_equal_configs_hash_equal_however_they_were_spelled() -> None:
    a = DenseNetConfig(growth_rate=np.int32(32), block_config=[6, 12, 24, 16], compression=Fraction(1, 2), drop_rate=0)  # type: ignore[arg-type]
    assert a == DenseNetConfig()
    assert hash(a) == hash(DenseNetConfig())
    assert repr(a) == repr(DenseNetConfig())
    assert replace(a, growth_rate=31) != a
    assert Workload(image_size=np.int64(224)) == Workload()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="growth_rate"):
        replace(a, growth_rate=0)


def test_the_defaults_are_densenet121_and_one_photo() -> None:
    assert DenseNetConfig() == PRESETS["densenet121"]
    expected = ("infer", "none", "sgd", "float32")
    workload = Workload()
    assert (workload.mode, workload.checkpointing, workload.optimizer, workload.precision) == expected
    assert (workload.image_size, workload.batch_size) == (224, 1)


def test_bottleneck_channels() -> None:
    assert DenseNetConfig().bottleneck_channels == 128
    assert DenseNetConfig(bn_size=0).bottleneck_channels == 0


@pytest.mark.parametrize(("name", "size"), [("classroom", 29), ("densenet121", 29), ("tiny", 2), ("densenet_40_12", 4)])
def test_smallest_image_sizes(name: str, size: int) -> None:
    assert PRESETS[name].smallest_image_size == size


@settings(max_examples=16)
@given(stem=st.sampled_from(STEMS), blocks=st.integers(1, 8))
def test_the_smallest_image_runs_and_the_next_smaller_fails(stem: str, blocks: int) -> None:
    config = DenseNetConfig(
        growth_rate=1, block_config=(1,) * blocks, num_init_features=2, bn_size=0, num_classes=3, in_channels=1, stem=stem
    )
    smallest = config.smallest_image_size
    with torch.device("meta"):
        model = DenseNet(config).eval()
        assert model(torch.empty(1, 1, smallest, smallest)).shape == (1, 3)
        if smallest > 1:
            with pytest.raises(RuntimeError, match=r"[Oo]utput size"):
                model(torch.empty(1, 1, smallest - 1, smallest - 1))
    assert config.check_image_size(smallest) == smallest
    with pytest.raises(ValueError, match=f"image_size must be {'1' if smallest == 1 else smallest} to 4096"):
        config.check_image_size(smallest - 1)


@pytest.mark.parametrize("stem", STEMS)
def test_the_smallest_image_gives_finite_logits(stem: str) -> None:
    config = replace(PRESETS["tiny"], block_config=(1, 1, 1), stem=stem)
    model = DenseNet(config).eval()
    assert model(torch.rand(1, 3, config.smallest_image_size, config.smallest_image_size)).isfinite().all()


def test_an_image_too_small_is_answered_with_the_smallest_that_works() -> None:
    with pytest.raises(ValueError, match=r"^image_size must be 29 to 4096 for 4 blocks with the imagenet stem, got 28$"):
        DenseNetConfig().check_image_size(28)
    with pytest.raises(ValueError, match=r"^image_size must be 1 to 4096, got 224.0"):
        DenseNetConfig().check_image_size(224.0)


@pytest.mark.parametrize(
    ("channels", "compression", "kept"), [(256, 0.5, 128), (7, 0.5, 3), (1, 0.5, 1), (3, 0.01, 1), (90, 0.7, 62), (9, 1.0, 9)]
)
def test_a_transition_keeps_the_floor_and_at_least_one(channels: int, compression: float, kept: int) -> None:
    assert transition_channels(channels, compression) == kept


@pytest.mark.parametrize("compression", [0.01, 0.33, 0.5, 0.7, 1.0])
def test_plan_model_wiring_and_recognition_keep_the_same_channels(compression: float) -> None:
    config = replace(PRESETS["tiny"], block_config=(1, 2, 3), growth_rate=7, compression=compression)
    with torch.device("meta"):
        widths = [module.conv.out_channels for module in DenseNet(config).features if isinstance(module, Transition)]
    assert widths == [row.out_channels for row in plan(config, 32) if row.path.endswith(".conv")]
    assert widths == [block.sources[0].stop for block in wiring(config)[1:]]
    pairs = [(row.in_channels, row.out_channels) for row in plan(config, 32) if row.path.endswith(".conv")]
    found = compression_of(pairs)
    assert found is not None
    assert [transition_channels(received, found) for received, _ in pairs] == widths
