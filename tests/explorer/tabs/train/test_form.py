"""The form of the train tab: its fields are a recipe and a job, and its defaults are those of the pictures."""

from __future__ import annotations

import pytest

from densenet.train.digits import DIGITS_NET, DIGITS_RECIPE
from densenet.train.sources import DATASETS
from explorer.settings import Settings
from explorer.tabs.train import form
from explorer.work import jobs
from tests.support.trainings import RECIPE, TINY

_OF_DIGITS = (8, form.FITS, "none", 20, 1, "auto", 64, "sgd", 0.1, "resized", 0.0, True, 0, False)  # as the page opens


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_the_device_decides_the_precision(monkeypatch: pytest.MonkeyPatch, native: bool, precision: str) -> None:
    monkeypatch.setattr("densenet.running.device.native_bfloat16", lambda device: native)
    assert form.recipe_of("cpu", jobs.FOLDER, *RECIPE).precision == precision
    assert form.recipe_of("cpu", jobs.FOLDER, *RECIPE[:2], "float32", *RECIPE[3:]).precision == "float32"


def test_the_recipe_is_that_of_the_fields() -> None:
    """Gradio gives whole numbers as they come: 5 or 5.0."""
    for epochs, batch in ((5, 16), (5.0, 16.0)):
        recipe = form.recipe_of("cpu", jobs.FOLDER, epochs, 2.5, "float32", batch, "adam", 0.003, "resized", 0.2, True)
        assert (recipe.epochs, recipe.minutes, recipe.precision, recipe.batch_size) == (5, 2.5, "float32", 16)
        assert (recipe.optimizer, recipe.lr, recipe.crop, recipe.label_smoothing) == ("adam", 0.003, "resized", 0.2)
        assert recipe.ema_decay == 0.999, "an average of the weights"
    assert form.recipe_of("cpu", jobs.FOLDER, *RECIPE).ema_decay == 0.0
    for empty in (None, 0):  # a number that was cleared on the page comes as either
        assert form.recipe_of("cpu", jobs.FOLDER, 5, empty, *RECIPE[2:]).minutes is None


def test_the_page_opens_with_the_digits_their_net_and_their_recipe(run_settings: Settings) -> None:
    """So that a press of Start is all that it takes."""
    made = form.for_data(jobs.DIGITS)
    assert [part for part in made if not isinstance(part, dict)] == [
        _OF_DIGITS[0],
        *_OF_DIGITS[3:5],
        _OF_DIGITS[9],
        _OF_DIGITS[13],
        _OF_DIGITS[10],
    ]
    job, why = form.job_of(run_settings, TINY, jobs.DIGITS, "", *_OF_DIGITS)
    assert job.net(1, 10) == DIGITS_NET
    assert job.recipe.as_dict() == DIGITS_RECIPE.as_dict() | {"minutes": 1.0}
    assert "learns in seconds" in why
    assert form.DATA[0][1] == jobs.DIGITS
    assert [name for _, name in form.DATA] == [*DATASETS, jobs.FOLDER]


def test_pictures_that_are_no_digits_may_be_mirrored() -> None:
    for _, data in form.DATA:
        assert form.for_data(data)[-2] == (data != jobs.DIGITS)
    assert form.recipe_of("cpu", "cifar10", *RECIPE).flip
    assert not form.recipe_of("cpu", "cifar10", *RECIPE, 0, False).flip


def test_the_net_is_what_was_asked_for(run_settings: Settings) -> None:
    place = (jobs.DIGITS, "", 8)
    mine, why = form.job_of(run_settings, TINY, *place, form.SLIDERS, "none", *RECIPE)
    assert (mine.config, why, mine.threads) == (TINY, "", None)
    assert form.job_of(run_settings, TINY, *place, form.FITS, "none", *RECIPE)[0].config == DIGITS_NET
    larger, why = form.job_of(run_settings, TINY, jobs.DIGITS, "", 16, form.FITS, "none", *RECIPE)
    assert larger.config != DIGITS_NET
    assert "1,442 pictures of 16 × 16 in 10 classes" in why
    choices = form.net_choices(run_settings, [("mine · yours", "brought-1")])
    assert choices[:3] == [form.FITS, form.SLIDERS, ("from mine · yours", "brought-1")]
