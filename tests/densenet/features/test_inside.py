"""Feature maps against those that forward hooks see in a copy of the net."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from densenet import PRESETS, DenseNetConfig, plan
from densenet.arithmetic.receptive import receptive_fields
from densenet.features.inside import channel_statistics, feature_maps, inside_layers, layer_names, sees
from densenet.model.net import DenseNet

Make = Callable[..., DenseNet]
TINY = PRESETS["tiny"]
CONFIGS = {
    "tiny": TINY,
    "no bottleneck": replace(TINY, bn_size=0),
    "imagenet stem": replace(TINY, stem="imagenet", block_config=(1, 3, 1)),
    "dropout": replace(TINY, drop_rate=0.5),
    "one block, one channel": replace(TINY, block_config=(2,), in_channels=1),
}


def photo(config: DenseNetConfig = TINY, height: int = 20, width: int = 14) -> Tensor:
    return torch.randn(1, config.in_channels, height, width, generator=torch.Generator().manual_seed(7))


def hooked(model: DenseNet, x: Tensor) -> dict[str, Tensor]:
    """Every module's output, by name, as hooks on a copy see it."""
    seen: dict[str, Tensor] = {}
    private = copy.deepcopy(model)
    for name, module in private.named_modules():
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out.detach().clone()))
    private(x)
    return seen


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layer_is_what_hooks_see(make_net: Make, name: str) -> None:
    model = make_net(CONFIGS[name])
    x = photo(model.config)
    seen = hooked(model, x)
    for layer in layer_names(model):
        maps = feature_maps(model, x, layer)
        assert torch.equal(maps, seen[layer][0]), layer
        assert not maps.requires_grad


@pytest.mark.parametrize("name", CONFIGS)
def test_channels_and_sizes(make_net: Make, name: str) -> None:
    model = make_net(CONFIGS[name])
    x = photo(model.config, 24, 24)
    layers = inside_layers(model.config, 24)
    assert tuple(layer.name for layer in layers) == layer_names(model)
    for layer in layers:
        assert feature_maps(model, x, layer.name).shape == (layer.channels, layer.size, layer.size)
        assert layer.says


def test_the_layers_of_densenet121() -> None:
    layers = {layer.name: (layer.channels, layer.size) for layer in inside_layers(PRESETS["densenet121"])}
    assert list(layers)[:5] == [f"features.{name}" for name in ("conv0", "norm0", "relu0", "pool0", "denseblock1.denselayer1")]
    assert list(layers)[-3:] == ["features.denseblock4", "features.norm5", "relu5"]
    assert len(layers) == 4 + 58 + 4 + 3 + 2
    assert layers["features.conv0"] == (64, 112)
    assert layers["features.denseblock3.denselayer24"] == (32, 14)
    assert layers["features.denseblock3"] == (1024, 14)
    assert layers["features.transition3"] == (512, 7)
    assert layers["relu5"] == (1024, 7)


def test_a_layer_knows_what_it_is_and_where() -> None:
    layers = inside_layers(PRESETS["densenet121"])
    places = [(layer.part, layer.block, layer.position) for layer in layers]
    expected = [("stem", 0, 0)] * 4
    for block, count in enumerate((6, 12, 24, 16), start=1):
        expected += [("layer", block, position) for position in range(1, count + 1)]
        expected += [("block", block, 0), ("transition", block, 0)] if block < 4 else [("block", block, 0), ("end", 5, 0), ("end", 5, 0)]
    assert places == expected
    says = [layer.says for layer in layers[:4]]
    assert says == ["the stem's filters", "the same, normalised", "after the ReLU", "after the max pooling"]


def test_the_order_is_that_of_execution(make_net: Make) -> None:
    model = make_net(CONFIGS["imagenet stem"])
    order = list(hooked(model, photo()))
    names = layer_names(model)
    assert sorted(names, key=order.index) == list(names)


def test_what_follows_is_not_run(make_net: Make) -> None:
    model = make_net(TINY)

    class Untouchable(nn.Module):
        def forward(self, _x: Tensor) -> Tensor:
            raise AssertionError("it was run")

    expected = feature_maps(model, photo(), "features.denseblock2.denselayer1")
    model.features.denseblock2.denselayer2 = Untouchable()
    assert torch.equal(feature_maps(model, photo(), "features.denseblock2.denselayer1"), expected)
    with pytest.raises(AssertionError):
        feature_maps(model, photo(), "features.denseblock2.denselayer2")


def test_no_hook_is_set_and_eight_threads_see_what_one_sees(tiny: DenseNet, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a hook")

    photos = [torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    layers = (layer_names(tiny) * 2)[:8]
    alone = [feature_maps(tiny, x, layer) for x, layer in zip(photos, layers, strict=True)]
    monkeypatch.setattr(nn.Module, "register_forward_hook", refused)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: feature_maps(tiny, *pair), zip(photos, layers, strict=True)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("layer", ["", "features", "classifier", "features.denseblock3", "features.denseblock1.denselayer1.conv1", None, 3])
def test_a_wrong_layer_is_refused_with_the_names(tiny: DenseNet, layer: object) -> None:
    with pytest.raises(ValueError, match=r"^layer must be one of features\.conv0, features\.denseblock1\.denselayer1, .*relu5, got"):
        feature_maps(tiny, photo(), layer)  # type: ignore[arg-type]


def test_bad_photos_and_nets_are_refused(make_net: Make) -> None:
    model = make_net(CONFIGS["imagenet stem"])
    for x in (photo()[0], photo().double(), photo(height=8), torch.zeros(2, 3, 20, 20), torch.zeros(1, 1, 20, 20)):
        with pytest.raises(ValueError, match=r"^x must be"):
            feature_maps(model, x, "relu5")
    with pytest.raises(ValueError, match="eval mode"):
        feature_maps(model.train(), photo(), "relu5")


def test_statistics_by_hand() -> None:
    maps = torch.tensor([[[0.0, 2.0], [0.0, 6.0]], [[0.0, 0.0], [0.0, 0.0]], [[-1.0, -2.0], [-3.0, -4.0]]])
    first, second, third = channel_statistics(maps)
    assert first == (2.0, 6.0, 0.5)
    assert second == (0.0, 0.0, 1.0)
    assert third == (-2.5, -1.0, 0.0)
    assert [channel.dead for channel in (first, second, third)] == [False, True, False]
    hardly = torch.zeros(1, 40, 40)
    hardly[0, 7, 9] = 0.1
    assert not channel_statistics(hardly)[0].dead, "one place of 1600 moves it"
    for bad in (torch.zeros(2, 2), torch.zeros(0, 2, 2)):
        with pytest.raises(ValueError, match=r"^maps must be"):
            channel_statistics(bad)


def test_a_channel_that_is_switched_off_is_dead(make_net: Make) -> None:
    model = make_net(TINY)
    with torch.no_grad():
        model.features.norm5.bias[3] = -1000.0
    statistics = channel_statistics(feature_maps(model, photo(), "relu5"))
    assert statistics[3].dead
    assert not all(channel.dead for channel in statistics)


def test_what_a_layer_sees_is_what_its_last_operation_sees() -> None:
    config = PRESETS["tiny"]
    fields = receptive_fields(config, 32)
    for layer in inside_layers(config, 32):
        last = [row.path for row in plan(config, 32) if row.path == layer.name or row.path.startswith(f"{layer.name}.")][-1]
        assert sees(config, 32, layer.name) == fields[last]
    assert sees(config, 32, "features.denseblock1").size == 7, "3 x 3 in the stem and in each of the two layers"
    with pytest.raises(ValueError, match=r"layer must be one of inside_layers, got 'features\.denseblock7'"):
        sees(config, 32, "features.denseblock7")
