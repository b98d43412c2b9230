"""Insertion and deletion on nets whose curves can be written down, and pixel by pixel on a real one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from densenet import PRESETS, DenseNetConfig
from densenet.attribution import insertion as module
from densenet.attribution.baseline import blur
from densenet.attribution.insertion import Curve, Curves, curves, pixel_values, random_controls
from densenet.model.net import DenseNet
from densenet.running.batching import bounded_batch
from tests.support.stops import given_up_anywhere

Make = Callable[..., DenseNet]
TINY = PRESETS["tiny"]
SIDE = 8


class Linear(DenseNet):
    """A net of two classes that adds up the pixels of one patch: its logits are (sum over the patch, 0)."""

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(replace(TINY, num_classes=2, block_config=(1,)))
        self.double().eval()
        self.patch = torch.zeros(SIDE, SIDE, dtype=torch.float64)
        self.patch[1:4, 2:5] = strength
        self.most = 0

    def forward(self, x: Tensor) -> Tensor:
        self.most = max(self.most, len(x))
        score = (x * self.patch).sum((1, 2, 3))
        return torch.stack([score, torch.zeros_like(score)], 1)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def ones() -> Tensor:
    return torch.ones(1, 3, SIDE, SIDE, dtype=torch.float64)


def photo(config: DenseNetConfig = TINY, height: int = 12, width: int = 9, seed: int = 7) -> Tensor:
    return torch.randn(1, config.in_channels, height, width, generator=torch.Generator().manual_seed(seed))


def test_deletion_by_the_perfect_map_is_the_formula() -> None:
    """Nine pixels of three channels, all 1, weigh 1 each: after n of them the logit is 3 (9 - n), and nothing else counts."""
    net = Linear()
    result = curves(net, ones(), 0, ones() * net.patch, steps=SIDE * SIDE)
    expected = [sigmoid(3 * max(0, 9 - n)) for n in range(SIDE * SIDE + 1)]
    assert result.deletion.shares == pytest.approx([n / 64 for n in range(65)])
    assert result.deletion.probabilities == pytest.approx(expected, rel=1e-12)
    assert result.deletion.area == pytest.approx(sum((a + b) / 2 for a, b in pairwise(expected)) / 64, rel=1e-12)


def test_insertion_by_the_perfect_map_is_the_formula() -> None:
    net = Linear()
    x = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.float64)
    x[:, :, 1:4, 2:5] = torch.arange(1.0, 10.0, dtype=torch.float64).view(3, 3)
    start = blur(x, 0.1)
    gains = sorted(((x - start).sum(1)[0] * net.patch)[1:4, 2:5].flatten().tolist(), reverse=True)
    by_gain = (x - start) * net.patch - 100 * (net.patch == 0)
    result = curves(net, x, 0, by_gain, steps=SIDE * SIDE)
    score = (start * net.patch).sum().item()
    expected = [sigmoid(score)]
    for gain in gains:
        score += gain
        expected.append(sigmoid(score))
    assert result.insertion.probabilities[:10] == pytest.approx(expected, rel=1e-9)
    assert result.insertion.probabilities[10:] == pytest.approx([expected[-1]] * 55, rel=1e-9)


@pytest.mark.parametrize("control", ["pixels", "shifted"])
def test_a_perfect_map_beats_random_and_an_inverted_one_loses(control: str) -> None:
    net = Linear(0.2)
    x = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.float64)
    x[:, :, 1:4, 2:5] = 1.0
    perfect = x * net.patch
    good, bad = (curves(net, x, 0, values, control=control, maps=5) for values in (perfect, -perfect))
    assert not good.insertion_flagged
    assert not good.deletion_flagged
    assert not good.flagged
    assert bad.insertion_flagged
    assert bad.deletion_flagged
    assert good.insertion.area > good.random_insertion_area[0] > bad.insertion.area
    assert good.deletion.area < good.random_deletion_area[0] < bad.deletion.area
    assert good.control == control


def test_a_channel_against_is_a_choice_between_two(make_net: Make) -> None:
    model, x = make_net(TINY), photo()
    result = curves(model, x, 2, x, against=5)
    with torch.no_grad():
        difference = (model(x)[0, 2] - model(x)[0, 5]).item()
    assert result.deletion.probabilities[0] == pytest.approx(sigmoid(difference), rel=1e-5)
    other = curves(model, x, 5, x, against=2)
    assert [a + b for a, b in zip(result.insertion.probabilities, other.insertion.probabilities, strict=True)] == pytest.approx([1] * 21)


@pytest.mark.parametrize("steps", [2, 7, 20, 200])
def test_a_real_net_pixel_by_pixel(make_net: Make, steps: int) -> None:
    """The definition, one image after the other; at 200 steps for 108 pixels some steps add none."""
    model, x, target = make_net(TINY).double(), photo().double(), 3
    values = photo(seed=1).double()
    result = curves(model, x, target, values, steps=steps)
    order = values.sum(1).flatten().argsort(descending=True).tolist()
    start, grey = blur(x, 0.1), torch.zeros_like(x)
    for curve, before, after in ((result.insertion, start, x), (result.deletion, x, grey)):
        for step in range(steps + 1):
            count = round(step * len(order) / steps)
            image = before.clone()
            for place in order[:count]:
                image[0, :, place // 9, place % 9] = after[0, :, place // 9, place % 9]
            with torch.no_grad():
                probability = model(image)[0].softmax(0)[target].item()
            assert curve.shares[step] == pytest.approx(count / 108)
            assert curve.probabilities[step] == pytest.approx(probability, rel=1e-9)


def test_the_ends_are_the_blurred_the_whole_and_the_grey_photo(tiny: DenseNet) -> None:
    x = photo()
    result = curves(tiny, x, 1, x, maps=4)
    with torch.no_grad():
        start, whole, grey = (tiny(image)[0].softmax(0)[1].item() for image in (blur(x, 0.1), x, torch.zeros_like(x)))
    for insertion in (result.insertion, *result.random_insertions):
        assert (insertion.probabilities[0], insertion.probabilities[-1]) == pytest.approx((start, whole), rel=1e-4)
    for deletion in (result.deletion, *result.random_deletions):
        assert (deletion.probabilities[0], deletion.probabilities[-1]) == pytest.approx((whole, grey), rel=1e-4)
    assert len(result.random_insertions) == len(result.random_deletions) == 4
    assert len(set(result.random_deletions)) == 4


def test_areas_and_flags_by_hand() -> None:
    assert Curve((0.0, 0.25, 1.0), (0.0, 1.0, 0.5)).area == pytest.approx(0.125 + 0.5625)
    flat, high, low = (Curve((0.0, 1.0), (p, p)) for p in (0.5, 0.9, 0.1))
    result = Curves(high, low, (flat, low), (flat, high), "pixels", False)
    assert result.random_insertion_area == pytest.approx((0.3, statistics.stdev([0.5, 0.1])))
    assert result.random_deletion_area == pytest.approx((0.7, statistics.stdev([0.5, 0.9])))
    assert not result.flagged
    ranks_nothing = replace(result, constant=True)
    assert ranks_nothing.insertion_flagged
    assert ranks_nothing.deletion_flagged
    assert ranks_nothing.flagged
    as_bad = replace(result, deletion=flat, random_deletions=(flat, flat))
    assert as_bad.deletion_flagged, "as good as random is not better"
    assert not as_bad.insertion_flagged
    equal = replace(result, insertion=flat, random_insertions=(flat, flat))
    assert equal.insertion_flagged, "as good as random is not better"
    assert not equal.deletion_flagged
    assert equal.flagged


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_the_order_of_equal_pixels_is_not_that_of_a_random_map(tiny: DenseNet, seed: int) -> None:
    """A map that ranks nothing would otherwise be compared with itself."""
    x = photo()
    result = curves(tiny, x, 0, torch.zeros(1, 1, *x.shape[2:]), seed=seed, maps=3)
    assert result.deletion not in result.random_deletions


@pytest.mark.parametrize("control", ["pixels", "shifted"])
def test_a_map_of_zeros_is_a_random_map_and_flagged(control: str) -> None:
    net, generator = Linear(0.2), torch.Generator().manual_seed(0)
    result = curves(net, ones(), 0, torch.zeros(1, 1, SIDE, SIDE), control=control, maps=20)
    assert result.constant
    assert result.flagged
    mean, spread = result.random_deletion_area
    assert abs(result.deletion.area - mean) < 4 * spread
    by_noise = [curves(net, ones(), 0, torch.rand(1, 1, SIDE, SIDE, generator=generator), maps=2).deletion.area for _ in range(20)]
    assert statistics.mean(by_noise) == pytest.approx(mean, abs=4 * spread / math.sqrt(10))


def test_equal_pixels_come_in_no_raster_order() -> None:
    values = torch.zeros(30, 30)
    values[:, 15:] = 1.0
    ranks = module._ranks(values, torch.Generator().manual_seed(3))
    assert sorted(ranks.flatten().tolist()) == list(range(900))
    assert ranks[:, 15:].max() == 449, "the ones come before the zeros"
    rows = torch.arange(30).double()[:, None].expand(30, 15)
    for half in (ranks[:, :15], ranks[:, 15:]):
        correlation = torch.corrcoef(torch.stack([half.double().flatten(), rows.flatten()]))[0, 1]
        assert abs(correlation) < 0.15
    assert torch.equal(ranks, module._ranks(values, torch.Generator().manual_seed(3)))


def test_shifted_maps_are_the_map_elsewhere() -> None:
    values = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    own = module._ranks(values, torch.Generator())
    moved = module._shifted_ranks(values, 20, 0)
    rolls = [own.roll((a, b), (0, 1)) for a in range(6) for b in range(5)]
    assert all(any(torch.equal(ranks, roll) for roll in rolls) for ranks in moved)
    assert len({tuple(ranks.flatten().tolist()) for ranks in moved}) > 8


def test_controls_can_be_shared(make_net: Make) -> None:
    model, x = make_net(TINY), photo()
    told: list[tuple[int, int]] = []
    controls = random_controls(model, x, steps=6, maps=4, seed=5, progress=lambda *p: told.append(p))
    assert told[-1] == (4 * 2 * 5 + 3, 4 * 2 * 5 + 3)
    for target in (0, 7):
        alone = curves(model, x, target, x, steps=6, maps=4, seed=5)
        shared = curves(model, x, target, x, steps=6, controls=controls, seed=5)
        for first, second in zip(alone.random_deletions, shared.random_deletions, strict=True):
            assert first.probabilities == pytest.approx(second.probabilities, rel=1e-4)
        assert alone.insertion.probabilities == pytest.approx(shared.insertion.probabilities, rel=1e-4)
    with pytest.raises(ValueError, match=r"^controls must be of control 'pixels' and 7 steps, got 6 steps for control 'pixels'"):
        curves(model, x, 0, x, steps=7, controls=controls)
    with pytest.raises(ValueError, match=r"^controls must be"):
        curves(model, x, 0, x, steps=6, control="shifted", controls=controls)


def test_the_same_seed_gives_the_same_and_another_seed_another(tiny: DenseNet) -> None:
    x = photo()
    first, again, other = (curves(tiny, x, 0, x, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.random_deletions != other.random_deletions
    assert first.deletion == other.deletion


def test_batches_are_bounded() -> None:
    cpu = torch.device("cpu")
    sizes = [bounded_batch(PRESETS[name], 224, 224, cpu) for name in ("densenet121", "densenet201")]
    assert 1 <= sizes[1] <= sizes[0] <= 4
    assert bounded_batch(TINY, 32, 32, cpu) == 64
    assert bounded_batch(PRESETS["densenet264"], 2000, 2000, cpu) == 1
    assert bounded_batch(PRESETS["densenet121"], 224, 112, cpu) >= 2 * sizes[0]
    net = Linear()
    curves(net, ones(), 0, ones())
    assert net.most == 64


def test_three_random_maps_of_twenty_steps_are_the_usual(tiny: DenseNet) -> None:
    controls = random_controls(tiny, photo())
    assert (controls.steps, *controls.logits.shape) == (20, 3, 2, 21, 10)


def test_giving_up_and_progress(tiny: DenseNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bounded_batch", lambda *_: 5)
    told: list[tuple[int, int]] = []
    x = photo()
    curves(tiny, x, 0, x, steps=4, maps=2, progress=lambda *p: told.append(p))
    assert told[0] == (0, 21)
    assert told[-1] == (21, 21)
    assert told == sorted(told)
    asked = given_up_anywhere(lambda stop: curves(tiny, x, 0, x, steps=4, maps=2, stop=stop))
    assert asked == 3 + 4, "three ends, eighteen images by fives"


def test_eight_threads_at_once(make_net: Make) -> None:
    model = make_net(TINY).requires_grad_(False)
    tensors = [*model.parameters(), *model.buffers()]
    before = [(t.clone(), t._version) for t in tensors]
    photos = [photo(seed=seed) for seed in range(8)]
    pixels = [x.clone() for x in photos]
    alone = [curves(model, x, i, x, seed=i) for i, x in enumerate(photos)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: curves(model, photos[i], i, photos[i], seed=i), range(8))) == alone
    assert all(torch.equal(t, old) and t._version == version for t, (old, version) in zip(tensors, before, strict=True))
    assert all(torch.equal(x, old) for x, old in zip(photos, pixels, strict=True))
    assert torch.is_grad_enabled()


def test_pixel_values_are_signed_sums(tiny: DenseNet) -> None:
    values = torch.tensor([[[[1.0, -2.0]], [[3.0, -4.0]]]])
    assert pixel_values(values, torch.zeros(1, 3, 1, 2)).tolist() == [[4.0, -6.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 1}, "steps must be 2 to 200, got 1"),
        ({"steps": 201}, "steps must be 2 to 200, got 201"),
        ({"steps": 5.0}, "steps must be 2 to 200, got 5.0"),
        ({"maps": 1}, "maps must be 2 to 20, got 1"),
        ({"maps": True}, "maps must be 2 to 20, got True"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"control": "noise"}, "control must be one of pixels, shifted, got 'noise'"),
        ({"against": 10}, "against must be 0 to 9, got 10"),
        ({"target": 10}, "target must be 0 to 9, got 10"),
        ({"values": torch.zeros(1, 3, 9, 12)}, r"map must be of shape 1 x C x 12 x 9, got \(1, 3, 9, 12\)"),
        ({"values": torch.zeros(12, 9)}, "map must be of shape"),
        ({"values": torch.full((1, 1, 12, 9), math.nan)}, "map must be finite"),
        ({"x": torch.zeros(2, 3, 12, 9)}, "x must be"),
    ],
    ids=str,
)
def test_a_bad_value_is_refused(tiny: DenseNet, options: dict[str, object], message: str) -> None:
    given = {"model": tiny, "x": photo(), "target": 0, "values": photo(), **options}
    with pytest.raises(ValueError, match=f"^{message}"):
        curves(**given)  # type: ignore[arg-type]
