"""Recipes: what is refused, and schedules beside torch's."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR

from densenet.train import Recipe
from densenet.train.recipe import rate_factor


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("epochs", 0, "1 to 100000"),
        ("epochs", 2.5, "not an integer"),
        ("minutes", 0, "above 0"),
        ("batch_size", 0, "1 to 65536"),
        ("optimizer", "lion", "sgd, adam"),
        ("lr", 0, "above 0"),
        ("lr", float("nan"), "above 0"),
        ("lr", True, "above 0"),
        ("lr", "0.1", "above 0"),
        ("momentum", 1, "below 1"),
        ("weight_decay", -1, "0 to 10"),
        ("schedule", "cosine", "one_cycle, steps, constant"),
        ("warmup", 1.0, "below 1"),
        ("steps_at", (0.7, 0.5), "rising order"),
        ("steps_at", (0.0,), "above 0"),
        ("steps_at", 0.5, "rising order"),
        ("step_factor", 0, "above 0"),
        ("label_smoothing", 1, "below 1"),
        ("ema_decay", 1, "below 1"),
        ("flip", 1, "True or False"),
        ("crop", "five", "none, shift, resized"),
        ("shift_px", -1, "0 to 1024"),
        ("crop_area", (1.0, 0.5), "smaller number and a larger one"),
        ("crop_area", (0, 0.5), "above 0"),
        ("crop_aspect", (1, 2, 3), "two numbers"),
        ("cutout_px", -1, "0 to 1024"),
        ("crop_area", (0.5, 4.5), "4"),
        ("crop_aspect", (0.5, 10.5), "10"),
        *((views, value, "0 to 1") for views in ("brightness", "contrast", "saturation", "sharpness") for value in (-0.1, 1.1)),
        ("precision", "float64", "float32, bfloat16, float16"),
        ("channels_last", "yes", "True or False"),
        ("early_px", -1, "0 to 1024"),
        ("early_share", 1, "below 1"),
        ("seed", -1, "0 to 2147483647"),
    ],
)
def test_a_bad_value_is_named_with_its_range(field: str, value: object, rule: str) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        Recipe(**{field: value})  # type: ignore[arg-type]
    assert rule in str(caught.value)


def test_a_recipe_is_a_value() -> None:
    recipe = Recipe(crop_area=[0.5, 1], steps_at=[0.5], lr=1)  # type: ignore[arg-type]
    assert recipe == Recipe(crop_area=(0.5, 1.0), steps_at=(0.5,), lr=1.0)
    assert hash(recipe)
    assert Recipe(**json.loads(json.dumps(recipe.as_dict()))) == recipe


@given(st.floats(0, 1), st.sampled_from(["one_cycle", "steps", "constant"]), st.floats(0, 0.9))
def test_a_rate_is_never_above_the_highest(progress: float, schedule: str, warmup: float) -> None:
    assert 0 < rate_factor(Recipe(schedule=schedule, warmup=warmup), progress) <= 1


def torch_rates(make: object, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)  # type: ignore[operator]
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_one_cycle_is_torchs() -> None:
    steps, warmup = 2000, 0.3
    theirs = torch_rates(lambda o: OneCycleLR(o, max_lr=1.0, total_steps=steps, pct_start=warmup, cycle_momentum=False), steps)
    recipe = Recipe(warmup=warmup)
    ours = [rate_factor(recipe, i / (steps - 1)) for i in range(steps)]
    assert ours == pytest.approx(theirs, abs=2e-3)  # torch's peak is at step pct_start * steps - 1
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    assert ours[-1] == pytest.approx(theirs[-1], rel=1e-6)
    assert max(ours) == pytest.approx(1.0, abs=1e-5)


def test_steps_are_torchs() -> None:
    recipe = Recipe(schedule="steps", steps_at=(0.5, 0.75), step_factor=0.2)
    theirs = torch_rates(lambda o: MultiStepLR(o, [50, 75], gamma=0.2), 100)
    assert [rate_factor(recipe, i / 100) for i in range(100)] == pytest.approx(theirs)
