"""The plan against the model: the same leaves in the same order with the same shapes, counts and multiply-adds.

Models and inputs are on the meta device: shapes are real, nothing is computed.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from densenet import PRESETS, DenseNetConfig, Layer, totals
from densenet.arithmetic.plan import conv_macs, conv_params, parts, plan, pooled_size
from densenet.config import STEMS
from densenet.model.net import DenseNet
from densenet.presets import PRESET_IMAGE_SIZE

OPS = {
    nn.Conv2d: "conv",
    nn.BatchNorm2d: "norm",
    nn.ReLU: "relu",
    nn.MaxPool2d: "pool",
    nn.AvgPool2d: "pool",
    nn.AdaptiveAvgPool2d: "pool",
    nn.Dropout: "dropout",
    nn.Flatten: "flatten",
    nn.Linear: "linear",
}
Seen = tuple[str, str, int, int, int, int, int]  # path, op, channels in and out, sizes in and out, params


def side(shape: torch.Size) -> int:
    """The side of a square map; 1 once flattened."""
    assert len(shape) == 2 or shape[2] == shape[3]
    return shape[2] if len(shape) == 4 else 1


def leaves_in_order(model: DenseNet, image_size: int) -> list[Seen]:
    """Run `model` once and return what each leaf module was given and gave back, in order of execution."""
    seen: list[Seen] = []
    names = {module: name for name, module in model.named_modules() if not list(module.children())}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        before, after = inputs[0].shape, output.shape
        params = sum(p.numel() for p in module.parameters())
        seen.append((names[module], OPS[type(module)], before[1], after[1], side(before), side(after), params))

    for module in names:
        module.register_forward_hook(note)
    model(torch.empty(1, model.config.in_channels, image_size, image_size, device="meta"))
    assert len(seen) == len(names), "every leaf runs, once"
    return seen


def on_meta(config: DenseNetConfig) -> DenseNet:
    with torch.device("meta"):
        return DenseNet(config).eval()


def rows_but_cat(config: DenseNetConfig, image_size: int) -> list[Layer]:
    return [row for row in plan(config, image_size) if row.op != "cat"]


def check_rows_are_the_models(config: DenseNetConfig, image_size: int) -> None:
    model = on_meta(config)
    rows = rows_but_cat(config, image_size)
    assert [(r.path, r.op, r.in_channels, r.out_channels, r.in_size, r.out_size, r.params) for r in rows] == leaves_in_order(
        model, image_size
    )
    modules = dict(model.named_modules())
    for row in rows:
        module = modules[row.path]
        assert row.buffer_bytes == sum(b.numel() * b.element_size() for b in module.buffers()), row.path
        if isinstance(module, nn.Conv2d):
            assert (row.kernel, row.stride) == (module.kernel_size[0], module.stride[0]), row.path
        if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            assert (row.kernel, row.stride) == (module.kernel_size, module.stride), row.path


@pytest.mark.parametrize("name", PRESETS)
def test_rows_equal_the_model_leaf_by_leaf(name: str) -> None:
    check_rows_are_the_models(PRESETS[name], PRESET_IMAGE_SIZE[name])


@pytest.mark.parametrize("image_size", [29, 33, 97, 223, 256])
def test_rows_equal_the_model_at_odd_sizes(image_size: int) -> None:
    check_rows_are_the_models(replace(PRESETS["densenet121"], block_config=(1, 1, 1, 1), drop_rate=0.2), image_size)


@pytest.mark.parametrize("name", PRESETS)
def test_concatenations(name: str) -> None:
    config = PRESETS[name]
    rows = plan(config, PRESET_IMAGE_SIZE[name])
    cats = [row for row in rows if row.op == "cat"]
    assert [row.path for row in cats] == [
        f"features.denseblock{block}.denselayer{layer}.cat"
        for block, layers in enumerate(config.block_config, start=1)
        for layer in range(1, layers + 1)
    ]
    for row in cats:
        assert row.out_channels == row.in_channels + config.growth_rate
        assert (row.params, row.macs, row.buffer_bytes) == (0, 0, 0)
        assert row.in_size == row.out_size
    for row, following in itertools.pairwise(rows):
        if row.op == "cat":
            assert following.in_channels == row.out_channels, f"{following.path} reads {row.path}"
            assert following.in_size == row.out_size


@pytest.mark.parametrize("name", PRESETS)
def test_blocks_of_rows(name: str) -> None:
    config = PRESETS[name]
    for row in plan(config, PRESET_IMAGE_SIZE[name]):
        if "denseblock" in row.path or "transition" in row.path:
            assert row.path.startswith((f"features.denseblock{row.block}.", f"features.transition{row.block}."))
        else:
            assert row.block == (0 if row.path.endswith("0") else len(config.block_config) + 1), row.path


def test_timms_deep_stem_has_its_published_counts() -> None:
    """The model card of timm/densenetblur121d.ra_in1k: 8.0 M parameters and 3.1 GMACs at 224 (its blurs have no parameters)."""
    sums = totals(replace(PRESETS["densenet121"], stem="deep"))
    assert round(sums.params / 1e6, 1) == 8.0
    assert round(sums.macs / 1e9, 1) == 3.1
    assert sums.depth == 123


def hypothesis_configs() -> st.SearchStrategy[DenseNetConfig]:
    """Configs over the whole range of every field; blocks are mostly shallow, for speed."""
    shallow = st.lists(st.integers(1, 3), min_size=1, max_size=8)
    deep = st.lists(st.integers(1, 64), min_size=1, max_size=2)
    return st.builds(
        DenseNetConfig,
        growth_rate=st.integers(1, 512),
        block_config=st.sampled_from([shallow] * 19 + [deep]).flatmap(lambda blocks: blocks),
        num_init_features=st.integers(1, 1024),
        bn_size=st.integers(0, 64),
        compression=st.floats(0, 1, exclude_min=True),
        drop_rate=st.floats(0, 1, exclude_max=True),
        num_classes=st.integers(1, 100_000),
        in_channels=st.integers(1, 64),
        stem=st.sampled_from(STEMS),
    )


LARGEST = DenseNetConfig(
    growth_rate=512,
    block_config=(2,) * 8,
    num_init_features=1024,
    bn_size=64,
    compression=1.0,
    drop_rate=0.999,
    num_classes=100_000,
    in_channels=64,
)
SMALLEST = DenseNetConfig(
    growth_rate=1, block_config=(1,), num_init_features=1, bn_size=0, compression=5e-324, num_classes=1, in_channels=1, stem="cifar"
)


@settings(max_examples=25)
@given(config=hypothesis_configs(), size=st.integers(1, 4096))
@example(config=LARGEST, size=4096)
@example(config=replace(LARGEST, stem="cifar"), size=128)
@example(config=replace(LARGEST, compression=5e-324), size=509)
@example(config=SMALLEST, size=1)
@example(config=replace(SMALLEST, block_config=(1,) * 8), size=128)
@example(config=replace(SMALLEST, block_config=(80,)), size=3)
@example(config=DenseNetConfig(growth_rate=3, compression=0.1, block_config=(1, 2, 3), num_init_features=7), size=57)
def test_sums_equal_the_models_for_any_config(config: DenseNetConfig, size: int) -> None:
    size = max(size, config.smallest_image_size)
    sums = totals(config, size)
    model = on_meta(config)
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, config.in_channels, size, size, device="meta"))
    assert 2 * sums.macs == counter.get_total_flops()
    assert sums.params == sum(p.numel() for p in model.parameters())
    assert sums.buffer_bytes == sum(b.numel() * b.element_size() for b in model.buffers())
    assert sums.features_out == model.classifier.in_features
    assert sums.final_size == model.features(torch.empty(1, config.in_channels, size, size, device="meta")).shape[-1]
    assert sums.depth == sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules())


@settings(max_examples=10)
@given(config=hypothesis_configs().filter(lambda c: sum(c.block_config) < 20), size=st.integers(1, 600))
def test_rows_equal_the_model_for_any_config(config: DenseNetConfig, size: int) -> None:
    check_rows_are_the_models(config, max(size, config.smallest_image_size))


@pytest.mark.parametrize("name", ["densenet121", "classroom", "densenet_40_12"])
def test_an_image_too_small_is_refused_with_the_smallest_that_works(name: str) -> None:
    config = PRESETS[name]
    smallest = config.smallest_image_size
    assert plan(config, smallest)[-1].out_channels == config.num_classes
    for function in (plan, totals):
        with pytest.raises(ValueError, match=rf"^image_size must be {smallest} to 4096 .*, got {smallest - 1}$"):
            function(config, smallest - 1)


@pytest.mark.parametrize("bad", [True, 224.0, "224", None, 0, -1, 4097, float("nan")], ids=repr)
def test_bad_sizes_are_refused_although_results_are_kept(bad: object) -> None:
    config = replace(PRESETS["tiny"], block_config=(2,))
    plan(config, 1), plan(config, 224)  # 1 == True and 224 == 224.0: a kept result would answer them
    for function in (plan, totals):
        with pytest.raises(ValueError, match=r"^image_size must be 1 to 4096, got"):
            function(config, bad)  # type: ignore[arg-type]


def test_equal_calls_give_equal_rows_that_cannot_be_changed() -> None:
    rows = plan(PRESETS["tiny"], 32)
    assert plan(PRESETS["tiny"], 32) == rows
    assert isinstance(rows, tuple)
    with pytest.raises(AttributeError):
        rows[0].params = 1  # type: ignore[misc]


def test_the_tiny_plan_by_hand() -> None:
    """Stem 8 channels; k 4, bottleneck 16; two layers at 32, transition 16 -> 8, two layers at 16, ten classes."""
    rows = {row.path: row for row in plan(PRESETS["tiny"], 32)}
    assert rows["features.conv0"].params == 3 * 8 * 9
    assert rows["features.denseblock1.denselayer2.conv1"].params == (8 + 4) * 16
    assert rows["features.denseblock1.denselayer2.conv2"].macs == 16 * 4 * 9 * 32 * 32
    assert rows["features.transition1.conv"].params == 16 * 8
    assert rows["features.transition1.conv"].macs == 16 * 8 * 32 * 32
    assert rows["features.transition1.pool"].out_size == 16
    assert rows["features.norm5"].params == 2 * 16
    assert rows["features.norm5"].buffer_bytes == 2 * 16 * 4 + 8
    assert rows["classifier"].params == 16 * 10 + 10
    assert rows["classifier"].macs == 16 * 10


def test_formulas() -> None:
    assert conv_params(3, 64, 7) == 9408
    assert conv_macs(3, 64, 7, 112) == 118_013_952
    assert [pooled_size(size, 7, 2, 3) for size in (1, 2, 3, 224, 225)] == [1, 1, 2, 112, 113]


@pytest.mark.parametrize("name", [*PRESETS])
def test_each_row_knows_its_place_as_the_models_names_say_it(name: str) -> None:
    """Block and position by the names of the model's own modules, which the plan itself does not read."""
    config, size = PRESETS[name], PRESET_IMAGE_SIZE[name]
    places: dict[str, tuple[int, int]] = {}
    for module_name, module in on_meta(config).named_modules():
        place = (len(config.block_config) + 1, 0) if "5" in module_name or "." not in module_name else (0, 0)
        for number, block in enumerate(config.block_config, start=1):
            if module_name.startswith(f"features.transition{number}."):
                place = (number, 0)
            for layer in range(1, block + 1):
                if module_name.startswith(f"features.denseblock{number}.denselayer{layer}."):
                    place = (number, layer)
        if not list(module.children()):
            places[module_name] = place
    assert {row.path: (row.block, row.position) for row in rows_but_cat(config, size)} == places


def test_parts_are_the_plan_cut_where_the_net_is() -> None:
    config = replace(PRESETS["tiny"], drop_rate=0.1)
    found = parts(config, 32)
    assert list(found) == [(0, 0), (1, 1), (1, 2), (1, 0), (2, 1), (2, 2), (3, 0)]
    assert tuple(itertools.chain(*found.values())) == plan(config, 32)
    assert [row.op for row in found[1, 2]] == ["norm", "relu", "conv", "norm", "relu", "conv", "dropout", "cat"]
    assert [row.op for row in found[1, 0]] == ["norm", "relu", "conv", "pool"]
    assert [row.op for row in found[3, 0]] == ["norm", "relu", "pool", "flatten", "linear"]
    with pytest.raises(ValueError, match="image_size must be 29 to 4096"):
        parts(PRESETS["densenet121"], 28)
