"""The checks of a map: completeness, rank correlations, and nets that have learnt nothing."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from densenet import PRESETS
from densenet.attribution import Attribution, attribute
from densenet.attribution.insertion import Curves, curves, random_controls
from densenet.attribution.trust import (
    COMPLETENESS_LIMIT,
    Completeness,
    RandomisedWeights,
    completeness,
    draw_untrained,
    randomised_weights,
    rank_correlation,
    trust,
)
from densenet.model.net import DenseNet
from densenet.weights.loading import load
from tests.conftest import randomised
from tests.support.stops import given_up_anywhere

Make = Callable[..., DenseNet]
TINY = PRESETS["tiny"]
small = st.integers(-3, 3).map(float)


def photo(seed: int = 7) -> Tensor:
    return torch.randn(1, 3, 16, 12, generator=torch.Generator().manual_seed(seed))


def by(method: str, x: Tensor, target: int = 3) -> Callable[[DenseNet], Attribution]:
    return lambda net: attribute(net, x, target, method)


def test_completeness_by_hand() -> None:
    result = completeness(Attribution(torch.tensor([[[[1.0, 2.0], [3.0, -1.0]]]]), 1.0))
    assert result == Completeness(total=5.0, difference=4.0, error=0.25)
    assert result.flagged
    exact = completeness(Attribution(torch.tensor([[[[1.0, 2.0]]]]), 0.0))
    assert exact == Completeness(3.0, 3.0, 0.0)
    assert exact.flagged is False
    assert completeness(Attribution(torch.ones(1, 1, 2, 2), None)) is None


@pytest.mark.parametrize(("delta", "flagged"), [(4.9, False), (5.1, True), (-4.9, False), (-5.1, True)])
def test_the_flag_is_at_five_percent(delta: float, flagged: bool) -> None:
    result = completeness(Attribution(torch.tensor([[[[100.0 + delta]]]], dtype=torch.float64), delta))
    assert result is not None
    assert result.error == pytest.approx(abs(delta) / 100)
    assert result.flagged is flagged


def test_an_error_of_just_five_percent_passes() -> None:
    assert Completeness(1.0, 1.0, COMPLETENESS_LIMIT).flagged is False
    assert Completeness(1.0, 1.0, math.nextafter(COMPLETENESS_LIMIT, 1)).flagged is True


def test_a_difference_lost_in_rounding_has_no_error() -> None:
    for values, delta in ((torch.zeros(1, 1, 2, 2), 0.0), (torch.tensor([[[[1e6, -1e6]]]]), 1e-9), (torch.zeros(1, 1, 2, 2), 1e-3)):
        result = completeness(Attribution(values, delta))
        assert result is not None
        if delta == 1e-3:
            assert result.error == pytest.approx(1.0), "a map of nothing misses everything"
            continue
        assert result.error is None
        assert result.flagged is None


@pytest.mark.parametrize("target", [0, 5])
def test_completeness_is_that_of_the_nets_scores(make_net: Make, target: int) -> None:
    model, x = make_net(TINY), photo()
    result = completeness(attribute(model, x, target, "integrated_gradients", baseline=-0.7, steps=3))
    with torch.no_grad():
        difference = (model(x) - model(torch.full_like(x, -0.7)))[0, target].item()
    assert result is not None
    assert result.difference == pytest.approx(difference, abs=1e-5)
    assert result.error == pytest.approx(abs(result.total - difference) / abs(difference), rel=1e-3)


def test_rank_correlation_by_hand() -> None:
    def of(first: list[float], second: list[float]) -> float | None:
        return rank_correlation(torch.tensor(first), torch.tensor(second))

    assert of([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1)
    assert of([1, 2, 3, 4], [5, 4, 3, -9]) == pytest.approx(-1)
    assert of([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(1 - 6 * 4 / (5 * 24)), "1 - 6 sum d^2 / (n (n^2 - 1))"
    assert of([1, 1, 2], [1, 2, 3]) == pytest.approx(math.sqrt(3) / 2), "ranks 1.5 1.5 3"
    assert of([0, 0, 0], [1, 2, 3]) is None
    assert of([1, 2, 3], [0, 0, 0]) is None


@given(st.lists(st.tuples(small, small), min_size=2, max_size=30))
def test_rank_correlation_is_pandas_with_ties(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    mine = rank_correlation(torch.tensor(first), torch.tensor(second))
    theirs = pandas.DataFrame({"first": first, "second": second}).rank().corr().loc["first", "second"]
    if min(len(set(first)), len(set(second))) == 1:
        assert mine is None
        assert math.isnan(theirs)
    else:
        assert mine == pytest.approx(theirs, abs=1e-12)


def test_a_large_map_of_many_ties() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randint(0, 50, (224, 224), generator=generator).float() for _ in range(2))
    second += first
    frame = pandas.DataFrame({"first": first.flatten().numpy(), "second": second.flatten().numpy()})
    assert rank_correlation(first, second) == pytest.approx(frame.rank().corr().loc["first", "second"], abs=1e-12)


def test_maps_of_one_value_are_answered_without_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    flat, other = torch.full((1, 4, 5), -0.3), photo()[0, :1, :4, :5]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rank_correlation(flat, other) is None
        assert rank_correlation(other, flat) is None
        assert rank_correlation(flat, flat) is None
        assert rank_correlation(other, other.clone()) == pytest.approx(1)
        assert rank_correlation(torch.tensor([1.0, 2.0]), torch.tensor([5.0, 4.0])) == pytest.approx(-1)
    assert capfd.readouterr() == ("", "")


def test_an_untrained_net_shares_nothing_with_the_trained_one() -> None:
    trained = load("cifar10")
    before = [(t.clone(), t._version) for t in trained.state_dict().values()]
    net = draw_untrained(trained, 0)
    assert list(net.state_dict()) == list(trained.state_dict())
    for (name, new), old in zip(net.named_parameters(), trained.parameters(), strict=True):
        assert new.shape == old.shape
        assert (new == old).double().mean() < 0.01, name
        assert new.data_ptr() != old.data_ptr()
    for name, module in net.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean.abs().max() == 0, name
            assert module.running_var.unique().tolist() == [1.0], name
    assert all(
        torch.equal(t, old) and t._version == version for t, (old, version) in zip(trained.state_dict().values(), before, strict=True)
    )
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    assert net.weights is trained.weights, "it says how the photo was scaled"


@pytest.mark.parametrize("name", ["classroom", "tiny"])
def test_untrained_weights_are_drawn_as_a_new_nets(make_net: Make, name: str) -> None:
    """Every one of them: He's convolutions, norms at 1 and 0, torch's classifier without a bias; as many random ones as a new net has."""
    net = draw_untrained(make_net(PRESETS[name]), 0)
    fresh = dict(DenseNet(net.config).named_parameters())
    seen = set()
    for path, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            weight, deviation = module.weight, (2 / module.weight[0].numel()) ** 0.5
            assert weight.std().item() == pytest.approx(deviation, rel=4 / (2 * weight.numel()) ** 0.5), path
            assert abs(weight.mean().item()) < 4 * deviation / weight.numel() ** 0.5, path
            seen.add(f"{path}.weight")
        elif isinstance(module, nn.BatchNorm2d):
            assert torch.equal(module.weight, fresh[f"{path}.weight"]), path
            assert torch.equal(module.bias, fresh[f"{path}.bias"]), path
            assert (module.weight.unique().item(), module.bias.unique().item()) == (1, 0), path
            assert (module.running_mean.unique().item(), module.running_var.unique().item()) == (0, 1), path
            seen |= {f"{path}.weight", f"{path}.bias"}
        elif isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            assert module.weight.abs().max() <= bound
            assert module.weight.std().item() == pytest.approx(bound / 3**0.5, rel=4 / (2 * module.weight.numel()) ** 0.5)
            assert module.bias.unique().tolist() == [0]
            seen |= {f"{path}.weight", f"{path}.bias"}
    assert seen == set(fresh)


def test_the_seed_decides(make_net: Make) -> None:
    model = make_net(TINY).double()
    state = torch.get_rng_state()
    first, again, other = (draw_untrained(model, seed) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers are his own"
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    assert first.classifier.weight.dtype == torch.float64
    assert first(photo().double()).isfinite().all()


@pytest.mark.parametrize("name", ["densenet121", "densenet_bc_100_12", "classroom"])
def test_signals_neither_explode_nor_vanish(name: str) -> None:
    config = PRESETS[name]
    with torch.device("meta"):
        model = DenseNet(config)
    net = draw_untrained(model.to_empty(device="cpu").eval(), 0)
    with torch.no_grad():
        h = torch.randn(1, config.in_channels, 64, 64, generator=torch.Generator().manual_seed(0))
        for part in net.features:
            h = part(h)
            assert 0.3 < h.std() < 3


def test_a_map_that_ignores_the_net_is_flagged(tiny: DenseNet) -> None:
    x = photo()
    edges = x.abs()
    result = randomised_weights(tiny, x, edges, lambda net: Attribution(edges, None), nets=2)
    assert result.absolute == pytest.approx((1, 1))
    assert result.signed == pytest.approx((1, 1))
    assert result.flagged


def test_signs_alone_do_not_save_a_map(tiny: DenseNet) -> None:
    """Edges whose signs a net decides: uncorrelated as values, the same as sizes."""
    x = photo()
    edges = x.sum(1, keepdim=True).abs()

    def explain(net: DenseNet) -> Attribution:
        signs = torch.randn(edges.shape, generator=torch.Generator().manual_seed(int(net.classifier.weight[0, 0] * 1e6) % 1000)).sign()
        return Attribution(edges * signs, None)

    result = randomised_weights(tiny, x, explain(tiny).map, explain, nets=3)
    assert result.mean_absolute == pytest.approx(1)
    assert result.mean_signed is not None
    assert abs(result.mean_signed) < 0.5
    assert result.flagged


def test_a_map_that_follows_the_net_is_not_flagged(make_net: Make) -> None:
    model, x = make_net(TINY), photo()
    explain = by("saliency", x)
    values = explain(model).map
    result = randomised_weights(model, x, values, explain, nets=3)
    assert len(result.absolute) == len(result.signed) == 3
    pixels = values.sum(1)[0].double()
    for number in range(3):
        other = explain(draw_untrained(model, number)).map.sum(1)[0].double()
        assert result.signed[number] == rank_correlation(pixels, other)
        assert result.absolute[number] == rank_correlation(pixels.abs(), other.abs())
    assert result.flagged is False


def test_maps_of_nothing_have_no_correlation(tiny: DenseNet) -> None:
    x, nothing = photo(), torch.zeros(1, 1, 16, 12)
    result = randomised_weights(tiny, x, nothing, by("saliency", x), nets=2)
    assert result == RandomisedWeights((None, None), (None, None))
    assert result.flagged is None
    assert result.mean_signed is None
    half = RandomisedWeights((None, 0.8), (None, 0.2))
    assert half.mean_absolute == 0.8
    assert half.flagged
    assert RandomisedWeights((0.5,), (0.5,)).flagged is False, "above 0.5"
    assert RandomisedWeights((-0.9,), (-0.9,)).flagged is False, "the other way round is another map"


def test_the_checks_come_one_after_the_other(make_net: Make) -> None:
    model, x = make_net(TINY), photo()
    maps = [0]

    def explain(net: DenseNet) -> Attribution:
        maps[0] += 1
        return attribute(net, x, 3, "integrated_gradients", steps=5)

    checks = trust(model, x, 3, explain, steps=4, maps=2, nets=2)
    assert maps == [0]
    assert isinstance(next(checks), Completeness)
    assert maps == [1]
    second = next(checks)
    known = explain(model)
    assert second == curves(model, x, 3, known.map, steps=4, maps=2)
    assert maps == [2]
    third = next(checks)
    assert third == randomised_weights(model, x, known.map, explain, nets=2)
    assert list(checks) == []
    maps[0] = 0
    again = list(trust(model, x, 3, explain, attribution=known, steps=4, maps=2, nets=2))
    assert maps == [2], "the known map is not made again"
    assert again == [completeness(known), second, third]


def test_each_option_reaches_its_check(tiny: DenseNet) -> None:
    x, told = photo(), []
    explain = by("saliency", x)
    known = explain(tiny)

    def checks(**options: Any) -> list[Any]:
        return list(trust(tiny, x, 3, explain, attribution=known, nets=2, progress=lambda *news: told.append(news), **options))

    options: list[dict[str, Any]] = [{"against": 1}, {"steps": 7}, {"maps": 2}, {"control": "shifted"}, {"seed": 9}]
    plain = checks()
    for own in options:
        first, second = checks(**own)
        assert first == curves(tiny, x, 3, known.map, **own), own
        assert first != plain[0], own
        seed = own.get("seed", 0)
        assert second == randomised_weights(tiny, x, known.map, explain, nets=2, seed=seed), own
        assert (second != plain[1]) == (seed != 0)
    controls = random_controls(tiny, x, seed=4)
    assert checks(controls=controls)[0] == curves(tiny, x, 3, known.map, controls=controls) != plain[0]
    assert told[-1][0] == told[-1][1] > 0


def test_a_method_without_delta_has_two_checks(tiny: DenseNet) -> None:
    x = photo()
    kinds = [type(check) for check in trust(tiny, x, 3, by("grad_cam", x), nets=1)]
    assert kinds == [Curves, RandomisedWeights]


def test_giving_up(tiny: DenseNet) -> None:
    x = photo()
    asked = given_up_anywhere(lambda stop: list(trust(tiny, x, 3, by("saliency", x), nets=2, stop=stop)))
    assert asked == 1 + 3 + 3 + 2, "the map, three ends, 152 images by at most 64, two nets"


def test_eight_threads_at_once(make_net: Make) -> None:
    model = make_net(TINY).requires_grad_(False)
    randomised(model, 3)
    before = [(t.clone(), t._version) for t in model.state_dict().values()]
    photos = [photo(seed) for seed in range(8)]

    def checks(i: int) -> list[object]:
        return list(trust(model, photos[i], i, by("grad_cam", photos[i], i), steps=5, maps=2, nets=2))

    alone = [checks(i) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(checks, range(8))) == alone
    assert all(torch.equal(t, old) and t._version == version for t, (old, version) in zip(model.state_dict().values(), before, strict=True))


@pytest.mark.parametrize(
    ("options", "message"), [({"nets": 0}, "nets must be 1 to 10"), ({"nets": 11}, "nets must be"), ({"seed": -1}, "seed must be")], ids=str
)
def test_a_bad_value_is_refused(tiny: DenseNet, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        randomised_weights(tiny, photo(), photo(), by("saliency", photo()), **options)
