"""The maps view: what is shown is the library's, what the page's components say is what the library is asked, and slow maps stop."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch

from densenet.attribution import METHODS, Attribution, attribute
from densenet.attribution.options import BASELINE, BLOCK, NOISE, SAMPLES, STEPS, WINDOW
from densenet.attribution.trust import completeness
from densenet.predict import input_of, view_of
from densenet.weights.loading import load
from explorer.tabs.predict import maps
from explorer.tabs.predict.stage import FIRST_METHODS, METHOD_CHOICES, NOBODY
from explorer.work import cancelling
from explorer.work.subject import subject_of
from tests.support.on_page import ASKED, CAT, DOG, SETTINGS, TABBY, Visitor, values_of

OPTIONS = (8, "mean", 4, 0.1, 8, 0)  # few steps: the page's order


def test_methods_are_offered_by_the_librarys_names() -> None:
    assert sorted(name for _, name in METHOD_CHOICES) == sorted(METHODS)
    assert all(label == METHODS[name].label for label, name in METHOD_CHOICES)
    assert tuple(name for _, name in METHOD_CHOICES[:3]) == FIRST_METHODS


def components() -> list[Any]:
    """The components of the options, as the page has them."""
    with gr.Blocks():
        return [maps.component_of(option, label) for option, label in maps.OPTIONS.items()]


def test_components_have_the_librarys_ranges_and_defaults() -> None:
    for option, component in zip(maps.OPTIONS, components(), strict=True):
        assert component.label == maps.OPTIONS[option]
        if option is BASELINE:
            assert [value for _, value in component.choices] == list(option.choices)
        elif option in (WINDOW, BLOCK):
            assert (component.minimum, component.value) == (0, 0), "0: by the photo, or the net"
        else:
            assert (component.minimum, component.maximum) == (option.low, option.high)
        if option.default is not None:
            assert component.value == option.default
        if isinstance(component, gr.Slider):
            assert component.step == (0.01 if option is NOISE else 1)


def test_every_option_that_a_visitor_may_want_is_offered() -> None:
    offered = {option.name for option in maps.OPTIONS}
    known = {option.name for method in METHODS.values() for option in method.options}
    assert known - offered == {"stride", "interpolation", "seed"}, "which follow, or hardly matter"


@pytest.mark.parametrize("method", METHODS)
def test_the_defaults_on_the_page_are_the_librarys(method: str) -> None:
    subject = subject_of(SETTINGS, TABBY, ASKED)
    given = maps.options_for(method, tuple(component.value for component in components()), subject)
    own = {option.name: option.default for option in METHODS[method].options}
    assert given == {name: value for name, value in own.items() if name in given}
    assert not {"window", "block", "stride", "interpolation"} & given.keys()


def test_what_the_page_says_is_what_the_library_is_asked() -> None:
    subject = subject_of(SETTINGS, TABBY, ASKED)
    values = {STEPS: 7.0, BASELINE: "black", SAMPLES: 9, NOISE: 0.25, WINDOW: 6.0, BLOCK: 2}
    ordered = tuple(values[option] for option in maps.OPTIONS)
    for method, facts in METHODS.items():
        options = maps.options_for(method, ordered, subject)
        assert options == {option.name: values[option] for option in facts.options if option in values}
        assert not any(isinstance(value, float) and value.is_integer() for value in options.values()), "sliders send 7.0 for 7"
    last = len(subject.model.config.block_config)
    assert maps.options_for("grad_cam", (*ordered[:-1], 8), subject) == {"block": last}


@pytest.mark.parametrize("method", METHODS)
def test_a_map_on_the_page_is_the_librarys(method: str) -> None:
    *_, last = maps.show(Visitor(), SETTINGS, TABBY, ASKED, [method], None, *OPTIONS)
    (shown,) = json.loads(last)["maps"]
    model = load("cifar10")
    options = {"steps": 8, "baseline": "mean", "samples": 4, "noise": 0.1, "window": 8}
    mine = {option.name: options[option.name] for option in METHODS[method].options if option.name in options}
    attribution = attribute(model, input_of(model, view_of(model, TABBY)), CAT, method, **mine)
    result = attribution.map
    expected = (result.mean(1) if method == "occlusion" else result.sum(1))[0].numpy()
    np.testing.assert_allclose(values_of(shown), expected, rtol=1e-4, atol=1e-6)
    assert shown["title"] == METHODS[method].label
    assert METHODS[method].says in shown["says"]
    assert METHODS[method].known_wrong == shown["hint"]
    assert shown["method"] == method
    assert shown["file"] == f"cat-{method}"
    judged = completeness(attribution)
    if judged is None:
        assert (shown["note"], shown["bad"]) == ("", False)
    else:
        assert judged.error is not None
        assert f"completeness error {100 * judged.error:.1f}" in shown["note"]
        assert shown["bad"] == judged.flagged


@pytest.mark.parametrize(("delta", "words", "bad"), [(4.9, "4.9\u00a0% (+4.9)", False), (-5.1, "5.1\u00a0% (-5.1)", True)])
def test_an_incomplete_map_warns(delta: float, words: str, bad: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    values[0, 0, 0, 0] = 100 + delta  # where the photo changes the score by 100
    monkeypatch.setattr(maps, "attribute", lambda *_arguments, **_options: Attribution(values, delta))
    *_, last = maps.show(Visitor(), SETTINGS, TABBY, ASKED, ["integrated_gradients"], None, *OPTIONS)
    [shown] = json.loads(last)["maps"]
    assert (shown["note"], shown["bad"]) == (f"completeness error {words}", bad)


def test_contrast_is_asked_for_by_name() -> None:
    *_, last = maps.show(Visitor(), SETTINGS, TABBY, ASKED, ["saliency"], DOG, *OPTIONS)
    page = json.loads(last)
    assert "Why <b>cat</b> and not <b>dog</b>?" in page["head"]
    model = load("cifar10")
    x = input_of(model, view_of(model, TABBY))
    expected = (attribute(model, x, CAT, "saliency").map - attribute(model, x, DOG, "saliency").map).sum(1)[0]
    np.testing.assert_allclose(values_of(page["maps"][0]), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("against", [None, NOBODY, CAT, 10])
def test_without_another_class_the_question_is_of_one(against: int | None) -> None:
    *_, last = maps.show(Visitor(), SETTINGS, TABBY, ASKED, ["saliency"], against, *OPTIONS)
    page = json.loads(last)
    assert page["head"].startswith("Why <b>cat</b>? ")
    model = load("cifar10")
    expected = attribute(model, input_of(model, view_of(model, TABBY)), CAT, "saliency").map.sum(1)[0]
    np.testing.assert_allclose(values_of(page["maps"][0]), expected.numpy(), atol=1e-5)


def test_other_classes_are_offered_most_probable_first() -> None:
    choices = maps.contrast_choices(SETTINGS, TABBY, ASKED)["choices"]
    subject = subject_of(SETTINGS, TABBY, ASKED)
    with torch.no_grad():
        order = [i for i in subject.model(subject.x)[0].argsort(descending=True).tolist() if i != CAT]
    assert choices == [maps.ALONE, *((f"and not {subject.labels[i]}", i) for i in order)]


def test_slow_maps_stream_and_stop() -> None:
    pages = maps.show(Visitor(), SETTINGS, TABBY, ASKED, ["occlusion", "saliency"], None, 50, "mean", 50, 0.1, 2, 0)
    assert "waiting" in json.loads(next(pages))["maps"][1]["says"]
    growing = json.loads(next(pages))["maps"][0]
    squares = int(growing["says"].removesuffix("\u00a0% …")) / 100
    assert 0 < squares < 1
    assert np.abs(values_of(growing)).max() > 0
    cancelling.cancel_explaining(Visitor())
    *_, last = pages
    assert [item["says"] for item in json.loads(last)["maps"]] == ["stopped", "stopped"]


def test_a_map_for_hours_is_refused_with_the_reason_and_the_next_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = replace(subject_of(SETTINGS, TABBY, ASKED), x=torch.zeros(1, 3, 1024, 1024))
    run: list[str] = []

    def attribution(_model: object, _x: object, _target: int, method: str, **_options: object) -> Any:
        run.append(method)
        return attribute(subject.model, torch.zeros(1, 3, 32, 32), CAT, method)

    monkeypatch.setattr(maps, "subject_of", lambda *_: subject)
    monkeypatch.setattr(maps, "attribute", attribution)
    *_, last = maps.show(Visitor(), SETTINGS, TABBY, ASKED, ["occlusion", "grad_cam"], None, *OPTIONS[:4], 1, 0)
    refused, drawn = json.loads(last)["maps"]
    assert "would take about" in refused["says"]
    assert "the limit here is 300 s" in refused["says"]
    assert "values" in drawn
    assert run == ["grad_cam"], "no pass of the other was begun"


def test_nothing_is_drawn_without_a_photo_or_for_a_view_that_is_not_open() -> None:
    assert list(maps.show(Visitor(), SETTINGS, None, None, ["saliency"], None, *OPTIONS)) == [""]
    assert maps.contrast_choices(SETTINGS, None, None)["choices"] == [maps.ALONE]
