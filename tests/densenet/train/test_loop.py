"""One sitting of a training: what the net sees at each step is what the recipe says, and its clock is the training's."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from densenet.train import Event, Recipe, ask, fit, loop
from densenet.train import checkpoint as checkpoints
from densenet.train.augment import augment
from densenet.train.recipe import rate_factor
from densenet.train.state import generator_for
from tests.support.small_pictures import NET, net, pictures

SHORT = Recipe(epochs=2, batch_size=8, lr=0.05)
EXACT = replace(SHORT, crop="none", flip=False)
DATA, HELD_OUT = pictures(64), pictures(30, seed=1)


class Step:
    """What the first convolution was given in a step, and what it gave."""

    def __init__(self, given: torch.Tensor, made: torch.Tensor) -> None:
        self.given, self.precision = given.detach().clone(memory_format=torch.preserve_format), made.dtype
        self.channels_last = given.is_contiguous(memory_format=torch.channels_last) and not given.is_contiguous()


def seen_by(recipe: Recipe, seed: int = 0) -> tuple[list[Step], torch.nn.Module]:
    """What a net sees of the training, step by step, and the net."""
    model, steps = net(replace(NET, drop_rate=0.2), seed), []

    def note(module: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        if module.training:
            steps.append(Step(inputs[0], output))

    model.features.conv0.register_forward_hook(note)
    fit(model, DATA, HELD_OUT, recipe, device="cpu")
    return steps, model


def which(step: Step) -> list[int]:
    """The numbers of the pictures of a step that shows them as they are."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (DATA.preprocessing.mean, DATA.preprocessing.std))
    plain = ((DATA.images / 255 - mean) / std).flatten(1)
    distances = (step.given.flatten(1)[:, None] - plain).abs().amax(2)
    assert distances.min(1).values.max() < 1e-3, "a picture is not shown as it is"
    return distances.argmin(1).tolist()


def test_an_end_is_saved_as_one(tmp_path: Path) -> None:
    """Asked again, a finished training takes no step."""
    model = net()
    fit(model, DATA, HELD_OUT, SHORT, checkpoint=tmp_path / "c.pth", save_seconds=1e9, device="cpu")
    assert checkpoints.load(tmp_path / "c.pth")["finished"] is True
    again, steps = net(), []
    again.features.conv0.register_forward_hook(lambda module, *_: steps.append(module.training))
    fit(again, DATA, HELD_OUT, SHORT, checkpoint=tmp_path / "c.pth", save_seconds=1e9, device="cpu")
    assert True not in steps
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_each_epoch_shows_each_picture_once_in_an_order_of_its_own() -> None:
    orders = {}
    for seed in (0, 1):
        steps, _ = seen_by(replace(EXACT, seed=seed))
        shown = [number for step in steps for number in which(step)]
        orders[seed] = [shown[:64], shown[64:]]
        assert len(steps) == 16
        for order in orders[seed]:
            assert sorted(order) == list(range(64))
    four = [order for both in orders.values() for order in both]
    assert all(left != right for left, right in itertools.combinations([list(range(64)), *four], 2))


def test_a_recipe_without_views_shows_pictures_as_they_are_and_one_with_views_does_not() -> None:
    plain, shifted = seen_by(EXACT)[0], seen_by(replace(SHORT, cutout_px=2, brightness=0.3))[0]
    for one in plain:
        which(one)
    for one in shifted:
        with pytest.raises(AssertionError, match="not shown as it is"):
            which(one)


@pytest.mark.parametrize(
    "views",
    [
        {"flip": True},
        {"crop": "shift", "shift_px": 2},
        {"crop": "resized", "crop_area": (0.3, 0.9)},
        {"cutout_px": 3},
        {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "sharpness": 0.4},
    ],
)
def test_each_step_draws_its_views_anew_from_the_seed(views: dict[str, object]) -> None:
    recipe = replace(EXACT, seed=3, **views)  # type: ignore[arg-type]
    scaling = DATA.preprocessing
    steps = seen_by(recipe)[0]
    orders = [torch.randperm(64, generator=generator_for(3, epoch, 0)) for epoch in (0, 1)]
    for number, step in enumerate(steps):
        batch = orders[number // 8][8 * (number % 8) : 8 * (number % 8) + 8]
        expected = augment(DATA.images[batch], recipe, 8, scaling.mean, scaling.std, generator_for(3, number, 1000))
        torch.testing.assert_close(step.given, expected, rtol=0, atol=0)
    draws = [generator_for(seed, number, 1000).initial_seed() for seed in (3, 4) for number in range(16)]
    assert len(set(draws)) == 32, "no step's draws are another's, nor another seed's"


def test_a_seed_decides_what_is_learnt() -> None:
    """Of nets that begin alike; with dropout, whose draws are the seed's too."""
    first, again, other = (seen_by(replace(SHORT, seed=seed))[1].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_dropout_draws_anew_at_each_step() -> None:
    masks: list[torch.Tensor] = []
    model = net(replace(NET, drop_rate=0.5))
    (dropout, *_) = (module for module in model.modules() if isinstance(module, torch.nn.Dropout))
    dropout.register_forward_hook(lambda module, inputs, output: masks.append(output.detach() == 0) if module.training else None)
    fit(model, DATA, HELD_OUT, EXACT, device="cpu")
    assert len(masks) == 16
    assert not any(torch.equal(left, right) for left, right in itertools.combinations(masks, 2))


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_precision_is_that_of_the_convolutions_and_not_of_the_weights(precision: str, dtype: torch.dtype) -> None:
    steps, model = seen_by(replace(SHORT, precision=precision, epochs=4))
    assert {step.precision for step in steps} == {dtype}
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32, torch.int64}


@pytest.mark.parametrize("channels_last", [True, False])
def test_pictures_and_weights_lie_as_the_recipe_says(channels_last: bool) -> None:
    steps, model = seen_by(replace(SHORT, channels_last=channels_last))
    assert {step.channels_last for step in steps} == {channels_last}
    weight = model.features.conv0.weight
    assert weight.is_contiguous(memory_format=torch.channels_last) == channels_last


@pytest.mark.parametrize("schedule", ["one_cycle", "steps", "constant"])
def test_the_rate_follows_the_schedule(schedule: str) -> None:
    recipe, events = replace(SHORT, schedule=schedule), []
    fit(net(), DATA, HELD_OUT, recipe, device="cpu", report=events.append, report_seconds=0.0)
    rates = [event.lr for event in events if event.kind == "progress"]
    assert rates == pytest.approx([recipe.lr * rate_factor(recipe, step / 16) for step in range(1, 17)])
    assert len(set(rates)) == {"one_cycle": 16, "steps": 3, "constant": 1}[schedule]


class Clock:
    """A clock in place of the loop's: each look at it takes a hundredth of a second, and sleep takes what it is told."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, 0

    def perf_counter(self) -> float:
        self.now += 0.01
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += 1000.0
        self.slept += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=made.perf_counter, sleep=made.sleep))
    return made


def test_minutes_are_a_budget_too(clock: Clock) -> None:
    events: list[Event] = []
    fit(net(), DATA, HELD_OUT, replace(SHORT, epochs=10_000, minutes=0.02), device="cpu", report=events.append, report_seconds=0.0)
    assert events[-1].kind == "end"
    assert 1.2 <= events[-1].seconds < 1.4
    assert events[-1].lr < 0.01 * SHORT.lr, "it has annealed within them"
    assert events[-2].kind == "epoch"
    assert events[-2].valid_accuracy is not None


@pytest.mark.parametrize("minutes", [None, 0.02])
def test_a_pause_lasts_until_it_is_over_and_is_no_time_of_training(tmp_path: Path, clock: Clock, minutes: float | None) -> None:
    file, events = tmp_path / "a.pt", []
    recipe = replace(SHORT, epochs=10_000 if minutes else 2, minutes=minutes)

    def report(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and event.step == 3:
            ask(file, "pause")
        if event.kind == "paused":
            assert checkpoints.load(file)["step"] == 3

    sleep = clock.sleep

    def wait(seconds: float) -> None:
        sleep(seconds)
        if clock.slept == 3:
            ask(file, "go")

    loop.time.sleep = wait  # type: ignore[attr-defined]
    result = fit(net(), DATA, HELD_OUT, recipe, file, device="cpu", report=report, report_seconds=0.0)
    kinds = [event.kind for event in events]
    paused = kinds.index("paused")
    assert kinds[paused + 1] == "resumed"
    assert clock.slept == 3
    before, after = events[paused - 1], events[paused + 2]
    assert (before.step, after.kind, after.step) == (3, "progress", 4)
    assert after.seconds - before.seconds < 1, "three thousand seconds have gone by"
    assert result.finished
    assert result.steps > 4
    if minutes is None:
        plain = net()
        fit(plain, DATA, HELD_OUT, recipe, device="cpu")
        assert all(torch.equal(value, plain.state_dict()[name]) for name, value in result.model.state_dict().items())
