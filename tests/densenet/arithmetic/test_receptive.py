"""Receptive fields beside the gradient of the real net: the pixels on which an output's pixel depends."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from densenet import PRESETS, DenseNetConfig
from densenet.arithmetic.plan import plan
from densenet.arithmetic.receptive import ReceptiveField, receptive_fields
from densenet.config import STEMS
from densenet.model import DenseNet


def seen_by_gradient(model: nn.Module, path: str, row: int, column: int, image_size: int, channels: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels that have a gradient; a maximum passes it to one pixel only, so it is asked at many images."""
    found: list[torch.Tensor] = []
    module = model.get_submodule(path)
    handle = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    reached = torch.zeros(image_size, image_size, dtype=torch.bool)
    for _ in range(40):
        found.clear()
        x = torch.rand(1, channels, image_size, image_size, dtype=torch.float64, requires_grad=True)
        model(x)
        (gradient,) = torch.autograd.grad(found[0][0, :, row, column].sum(), x)
        reached |= gradient[0].abs().sum(0) > 0
    handle.remove()
    rows, columns = (reached.any(dim).nonzero().flatten() for dim in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def open_net(config: DenseNetConfig) -> DenseNet:
    """A net through which every pixel's influence comes: weights above 0, so that no ReLU is closed and nothing cancels."""
    model = DenseNet(config).double().eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = torch.rand_like(module.weight) / module.weight[0].numel() + 1e-3
    return model


@settings(max_examples=12, deadline=None)
@given(
    stem=st.sampled_from(STEMS),
    blocks=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    bn_size=st.sampled_from([0, 2]),
    more=st.integers(0, 9),
    at=st.data(),
)
def test_the_gradient_reaches_what_the_arithmetic_says(stem: str, blocks: list[int], bn_size: int, more: int, at: st.DataObject) -> None:
    torch.manual_seed(0)
    config = DenseNetConfig(
        growth_rate=2, block_config=blocks, num_init_features=3, bn_size=bn_size, num_classes=2, in_channels=1, stem=stem
    )
    size = config.smallest_image_size + 8 + more
    fields, model = receptive_fields(config, size), open_net(config)
    rows = [row for row in plan(config, size) if row.op in ("conv", "pool")]
    row = at.draw(st.sampled_from(rows))
    i, j = at.draw(st.integers(0, row.out_size - 1)), at.draw(st.integers(0, row.out_size - 1))
    assert seen_by_gradient(model, row.path, i, j, size, 1) == fields[row.path].square(i, j, size)


def test_every_row_of_the_plan_has_one() -> None:
    for config in PRESETS.values():
        size = max(32, config.smallest_image_size)
        assert list(receptive_fields(config, size)) == [row.path for row in plan(config, size)]


def test_the_first_layers_of_densenet121_by_hand() -> None:
    fields = receptive_fields(PRESETS["densenet121"])
    assert fields["features.conv0"] == ReceptiveField(7, 2, -3)
    assert fields["features.pool0"] == ReceptiveField(11, 4, -5)
    assert fields["features.denseblock1.denselayer1.conv1"] == ReceptiveField(11, 4, -5)
    assert fields["features.denseblock1.denselayer1.cat"] == ReceptiveField(19, 4, -9)
    assert fields["features.denseblock1.denselayer2.conv2"].size == 27
    assert fields["features.transition1.pool"].size == 11 + 6 * 8 + 4


def test_a_square_is_cut_at_the_edge_of_the_image() -> None:
    field = ReceptiveField(7, 2, -3)
    assert field.square(0, 0, 20) == (0, 0, 4, 4)
    assert field.square(3, 9, 20) == (15, 3, 20, 10)


def test_an_image_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="image_size must be 29 to 4096"):
        receptive_fields(PRESETS["densenet121"], 28)
