"""Lesions against a forward pass written out by hand, and against hooks that zero a slice in a copy of the net."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from densenet import PRESETS, DenseNetConfig
from densenet.features import lesion as module
from densenet.features.lesion import Lesion, lesion, lesion_map
from densenet.features.wiring import Reader, Source, block_wiring
from densenet.model.net import DenseNet
from tests.support.stops import given_up_anywhere

Make = Callable[..., DenseNet]
TINY = PRESETS["tiny"]
CONFIGS = {
    "tiny": TINY,
    "no bottleneck": replace(TINY, bn_size=0, block_config=(1, 3, 2)),
    "imagenet stem": replace(TINY, stem="imagenet", drop_rate=0.3),
    "one block": replace(TINY, block_config=(3,), in_channels=1),
}


def photo(config: DenseNetConfig = TINY, height: int = 20, width: int = 14, seed: int = 7) -> Tensor:
    return torch.randn(1, config.in_channels, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=CONFIGS)
def net(request: pytest.FixtureRequest, make_net: Make) -> DenseNet:
    return make_net(CONFIGS[request.param]).double()


def by_hooks(model: DenseNet, x: Tensor, source: Source, readers: tuple[Reader, ...], by: str = "zero") -> Tensor:
    """Change the slice in front of each reader's norm, in a copy."""
    private = copy.deepcopy(model)

    def cut(_module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        seen = inputs[0].clone()
        part = seen[:, source.start : source.stop]
        seen[:, source.start : source.stop] = 0 if by == "zero" else part.mean((2, 3), keepdim=True).expand_as(part)
        return seen

    for reader in readers:
        private.get_submodule(reader.norm).register_forward_pre_hook(cut)
    with torch.no_grad():
        return private(x)[0]


@pytest.mark.parametrize("by", ["zero", "mean"])
def test_every_lesion_is_what_hooks_give(net: DenseNet, by: str) -> None:
    x = photo(net.config)
    with torch.no_grad():
        whole = net(x)[0]
    for block in range(1, len(net.config.block_config) + 1):
        wired = block_wiring(net.config, block)
        for number, source in enumerate(wired.sources):
            everywhere = lesion(net, x, block, number, by=by)
            torch.testing.assert_close(everywhere.logits_before, whole, rtol=1e-10, atol=1e-12)
            expected = by_hooks(net, x, source, wired.readers[number:], by)
            torch.testing.assert_close(everywhere.logits_after, expected, rtol=1e-10, atol=1e-12)
            assert not torch.allclose(everywhere.logits_after, whole)
            for reader in range(number + 1, len(wired.readers) + 1):
                expected = by_hooks(net, x, source, (wired.readers[reader - 1],), by)
                torch.testing.assert_close(lesion(net, x, block, number, reader, by=by).logits_after, expected, rtol=1e-10, atol=1e-12)


def by_hand(model: DenseNet, x: Tensor, off: bool) -> Tensor:
    """The tiny net written out, features of block 1's layer 1 off or not for all that read them."""
    state = model.state_dict()

    def norm_relu(h: Tensor, name: str) -> Tensor:
        mean, var, scale, shift = (state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
        normalised = (h - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        return (normalised * scale[:, None, None] + shift[:, None, None]).clamp(min=0)

    def layer(h: Tensor, name: str) -> Tensor:
        h = functional.conv2d(norm_relu(h, f"{name}.norm1"), state[f"{name}.conv1.weight"])
        return functional.conv2d(norm_relu(h, f"{name}.norm2"), state[f"{name}.conv2.weight"], padding=1)

    first = functional.conv2d(x, state["features.conv0.weight"], padding=1)
    second = layer(first, "features.denseblock1.denselayer1")
    if off:
        second = second * 0
    third = layer(torch.cat([first, second], 1), "features.denseblock1.denselayer2")
    h = norm_relu(torch.cat([first, second, third], 1), "features.transition1.norm")
    first = functional.avg_pool2d(functional.conv2d(h, state["features.transition1.conv.weight"]), 2)
    second = layer(first, "features.denseblock2.denselayer1")
    third = layer(torch.cat([first, second], 1), "features.denseblock2.denselayer2")
    h = norm_relu(torch.cat([first, second, third], 1), "features.norm5").mean((2, 3))
    return functional.linear(h, state["classifier.weight"], state["classifier.bias"])[0]


def test_a_forward_pass_written_by_hand(make_net: Make) -> None:
    model, x = make_net(TINY).double(), photo()
    result = lesion(model, x, 1, 1)
    assert type(result) is Lesion
    torch.testing.assert_close(result.logits_before, by_hand(model, x, off=False), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(result.logits_after, by_hand(model, x, off=True), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(result.probabilities_before, result.logits_before.softmax(0))
    torch.testing.assert_close(result.probabilities_after.sum(), torch.tensor(1.0, dtype=torch.float64))


def test_a_source_without_weights_is_not_missed(make_net: Make) -> None:
    model = make_net(TINY).double()
    source = block_wiring(TINY, 2).sources[1]
    with torch.no_grad():
        model.features.denseblock2.denselayer2.conv1.weight[:, source.start : source.stop] = 0
        model.classifier.weight[:, source.start : source.stop] = 0
    cells = lesion_map(model, photo(), 3, 2)
    assert cells.everywhere[1] == pytest.approx((0, 0), abs=1e-12)
    assert abs(cells.everywhere[0].logit) > 1e-4
    assert abs(cells.everywhere[2].logit) > 1e-4


@pytest.mark.parametrize("largest", [1, 3, 64])
def test_the_map_is_made_of_lesions(net: DenseNet, monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    monkeypatch.setattr(module, "bounded_batch", lambda *_: largest)
    x, target = photo(net.config), 4
    for block, layers in enumerate(net.config.block_config, start=1):
        result = lesion_map(net, x, target, block)
        with torch.no_grad():
            logits = net(x)[0]
        assert result.logit == pytest.approx(logits[target].item(), rel=1e-10)
        assert result.probability == pytest.approx(logits.softmax(0)[target].item(), rel=1e-10)
        assert [len(row) for row in result.cells] == [layers + 1] * (layers + 1)
        for source, change in enumerate(result.everywhere):
            one = lesion(net, x, block, source)
            assert change.logit == pytest.approx((one.logits_after - one.logits_before)[target].item(), abs=1e-10)
            moved = one.probabilities_after - one.probabilities_before
            assert change.probability == pytest.approx(moved[target].item(), abs=1e-10)
        for reader, row in enumerate(result.cells, start=1):
            for source, cell in enumerate(row):
                if source >= reader:
                    assert cell is None
                else:
                    one = lesion(net, x, block, source, reader)
                    assert cell is not None
                    assert cell.logit == pytest.approx((one.logits_after - one.logits_before)[target].item(), abs=1e-10)


def test_without_cells_it_is_the_same_and_cheaper(make_net: Make) -> None:
    model = make_net(TINY).double()
    asked: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    results = {
        cells: lesion_map(model, photo(), 0, 1, cells=cells, progress=lambda *p, c=cells: asked[c].append(p)) for cells in (True, False)
    }
    assert results[False].cells == ()
    for few, many in zip(results[False].everywhere, results[True].everywhere, strict=True):
        assert few == pytest.approx(many, abs=1e-10)
    assert asked[False][0] == (0, 3)
    assert asked[False][-1] == (3, 3)
    assert asked[True][-1] == (3 + 6, 3 + 6)


def test_json(tiny: DenseNet) -> None:
    answer = lesion_map(tiny, photo().float(), 0, 2).as_dict()
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["cells"][0][1] is None


def test_giving_up(tiny: DenseNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bounded_batch", lambda *_: 2)
    asked = given_up_anywhere(lambda stop: lesion_map(tiny, photo().float(), 0, 1, stop=stop))
    assert asked == 1 + 5, "the whole net, then nine lesions by twos"


def test_what_would_take_too_long_is_refused(tiny: DenseNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "seconds_per_image", lambda *_: 61.0)
    with pytest.raises(ValueError, match=r"^Not run: 9 forward passes would take up to 549 s; the limit here is 300 s\."):
        lesion_map(tiny, photo().float(), 0, 1)
    lesion_map(tiny, photo().float(), 0, 1, cells=False)


def test_nothing_of_the_model_changes_and_eight_threads_give_what_one_gives(make_net: Make) -> None:
    model = make_net(TINY).requires_grad_(False)
    tensors = [*model.parameters(), *model.buffers()]
    before = [(t.clone(), t._version) for t in tensors]
    photos = [photo(seed=seed).float() for seed in range(8)]
    pixels = [x.clone() for x in photos]
    alone = [lesion_map(model, x, i, 1 + i % 2) for i, x in enumerate(photos)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: lesion_map(model, photos[i], i, 1 + i % 2), range(8))) == alone
    assert all(torch.equal(t, old) and t._version == version for t, (old, version) in zip(tensors, before, strict=True))
    assert all(torch.equal(x, old) for x, old in zip(photos, pixels, strict=True))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block": 0}, "block must be 1 to 2, got 0"),
        ({"block": 3}, "block must be 1 to 2, got 3"),
        ({"source": -1}, "source must be 0 to 2, got -1"),
        ({"source": 3}, "source must be 0 to 2, got 3"),
        ({"source": 1, "reader": 1}, "reader must be 2 to 3, got 1"),
        ({"reader": 4}, "reader must be 1 to 3, got 4"),
        ({"reader": 1.0}, "reader must be 1 to 3, got 1.0"),
        ({"by": "noise"}, "by must be one of zero, mean, got 'noise'"),
    ],
    ids=str,
)
def test_a_bad_value_is_refused(tiny: DenseNet, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        lesion(tiny, photo().float(), **{"block": 1, "source": 0, **arguments})  # type: ignore[arg-type]


def test_bad_photos_classes_and_nets_are_refused(tiny: DenseNet) -> None:
    with pytest.raises(ValueError, match=r"^x must be"):
        lesion(tiny, photo(), 1, 0)
    with pytest.raises(ValueError, match=r"^target must be 0 to 9, got 10"):
        lesion_map(tiny, photo().float(), 10, 1)
    with pytest.raises(ValueError, match="eval mode"):
        lesion_map(tiny.train(), photo().float(), 0, 1)
