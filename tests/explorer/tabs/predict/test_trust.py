"""The trust view: its numbers, verdicts and curves are the library's, and nothing that takes for ever is begun."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from html import unescape
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch

from densenet.attribution import METHODS, attribute, pixel_map
from densenet.attribution import trust as library
from densenet.attribution.insertion import Curves
from densenet.attribution.trust import Completeness, RandomisedWeights
from densenet.stopping import Cancelled
from explorer.components.theme import NEUTRAL
from explorer.tabs.predict import trust
from explorer.work import cancelling
from explorer.work.subject import subject_of
from tests.support.on_page import ASKED, CAT, SETTINGS, TABBY, Visitor, values_of


def shown(method: str) -> list[tuple[Any, Any, Any]]:
    return list(trust.show(SETTINGS, TABBY, ASKED, method, Visitor()))


@cache
def checks_of(method: str) -> list[object]:
    """The library's own, asked as the catalogue says that this method should be."""
    subject, facts = subject_of(SETTINGS, TABBY, ASKED), METHODS[method]
    return list(
        library.trust(
            subject.model,
            subject.x,
            CAT,
            lambda net: attribute(net, subject.x, CAT, method),
            control=facts.control,
            nets=facts.untrained_nets,
        )
    )


@pytest.mark.parametrize("method", ["grad_cam", "deep_lift"])
def test_what_is_shown_is_the_librarys(method: str) -> None:
    steps = shown(method)
    assert "checking" in steps[0][1]
    assert METHODS[method].known_wrong in unescape(steps[0][1])
    last = steps[-1][1]
    assert "checking" not in last
    [panel] = [step[0] for step in steps if isinstance(step[0], str) and step[0]]
    [drawn] = json.loads(panel)["maps"]
    subject = subject_of(SETTINGS, TABBY, ASKED)
    expected = pixel_map(method, attribute(subject.model, subject.x, CAT, method).map).numpy()
    np.testing.assert_allclose(values_of(drawn), expected, rtol=1e-4, atol=1e-6)
    assert drawn["title"] == METHODS[method].label
    checks = checks_of(method)
    assert ("not claimed" in last) == (not METHODS[method].has_delta)
    [charts] = [json.loads(step[2]) for step in steps if isinstance(step[2], str) and step[2]]
    assert charts["figures"] == next(json.loads(json.dumps(trust.curve_figures(c))) for c in checks if isinstance(c, Curves))
    verdicts = []
    for check in checks:
        if isinstance(check, Completeness):
            assert check.error is not None
            assert f"{100 * check.error:.1f}\u00a0% off" in last
            assert f"sum to {check.total:+.2f}, the photo changes the score by {check.difference:+.2f}" in last
            verdicts.append(check.flagged)
        elif isinstance(check, RandomisedWeights):
            assert f"rank correlation {check.mean_absolute:+.2f}" in last
            assert f"maps of {METHODS[method].untrained_nets} net" in last
            verdicts.append(check.flagged)
        elif isinstance(check, Curves):
            for curve, random in ((check.insertion, check.random_insertion_area), (check.deletion, check.random_deletion_area)):
                assert f"area {curve.area:.2f} beside {random[0]:.2f} ± {random[1]:.2f}" in last
            assert ("moved elsewhere" in last) == METHODS[method].coarse
            verdicts += [check.insertion_flagged, check.deletion_flagged]
    assert last.count("✗ doubtful") == sum(verdict is True for verdict in verdicts)
    assert last.count("✓ passes") == sum(verdict is False for verdict in verdicts)


def test_the_limits_in_words_are_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "doubtful above 5\u00a0%" in trust._completeness(Completeness(1.0, 1.0, 0.0))
    assert "doubtful above 0.5" in trust._weights(RandomisedWeights((0.1,), (0.1,)))
    monkeypatch.setattr(library, "COMPLETENESS_LIMIT", 0.07)
    monkeypatch.setattr(library, "CORRELATION_LIMIT", 0.25)
    assert "doubtful above 7\u00a0%" in trust._completeness(Completeness(1.0, 1.0, 0.0))
    assert "doubtful above 0.25" in trust._weights(RandomisedWeights((0.1,), (0.1,)))


def test_curves_are_drawn_as_the_library_says() -> None:
    [check] = [check for check in checks_of("grad_cam") if isinstance(check, Curves)]
    figures = trust.curve_figures(check)
    assert [figure["layout"]["yaxis"]["range"] for figure in figures] == [[0, 102]] * 2, "nothing is below 0 %, and a line at 100 % is seen"
    assert len({figure["data"][-1]["line"]["color"] for figure in figures} - {NEUTRAL}) == 2
    for figure, own, random in zip(
        figures, (check.insertion, check.deletion), (check.random_insertions, check.random_deletions), strict=True
    ):
        *others, mine = figure["data"]
        assert mine["name"] == "this map"
        assert mine["line"]["color"] != NEUTRAL
        assert [trace["name"] for trace in others] == ["random map"] * 3
        assert all(trace["line"]["color"] == NEUTRAL and trace["line"]["width"] < mine["line"]["width"] for trace in others)
        for trace, curve in zip([*others, mine], [*random, own], strict=True):
            assert trace["x"] == [100 * share for share in curve.shares]
            assert trace["y"] == [100 * probability for probability in curve.probabilities]
            share, probability = curve.shares[3], curve.probabilities[3]
            assert trace["hovertext"][3] == f"{trace['name']}, {100 * share:.0f} %: {100 * probability:.1f} %"
    titles = [(figure["layout"]["xaxis"]["title"]["text"], figure["layout"]["yaxis"]["title"]["text"]) for figure in figures]
    assert titles == [("pixels, %", "probability, %")] * 2
    assert figures[0]["data"][-1]["y"][0] < figures[0]["data"][-1]["y"][-1], "inserted: from the blurred photo to the photo"


def test_checks_for_hours_are_refused_before_the_first_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A net for large photos held the one place for explanations without a limit (B2 of issue 10)."""
    subject = replace(subject_of(SETTINGS, TABBY, ASKED), x=torch.zeros(1, 3, 1024, 1024))
    monkeypatch.setattr(trust, "subject_of", lambda *_: subject)
    run: list[object] = []
    monkeypatch.setattr(trust, "attribute", lambda *arguments, **_options: run.append(arguments))
    with pytest.raises(gr.Error, match=r"would take about \d+ s on .*; the limit here is 300 s"):
        shown("occlusion")
    assert run == []


def test_a_method_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(gr.Error, match="method must be one of saliency"):
        shown("nonsense")


def test_it_can_be_stopped_between_its_checks() -> None:
    steps = trust.show(SETTINGS, TABBY, ASKED, "saliency", Visitor())
    next(steps)
    assert values_of(json.loads(next(steps)[0])["maps"][0]).shape == (32, 32)
    cancelling.cancel_explaining(Visitor())
    *_, last = steps
    assert "stopped" in last[1]
    assert "Randomised weights" not in last[1]


def test_a_map_that_is_given_up_is_given_up_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def given_up(*_arguments: object, **_options: object) -> None:
        raise Cancelled

    monkeypatch.setattr(trust, "attribute", given_up)
    *_, last = shown("saliency")
    assert "stopped" in last[1]


def test_a_map_asks_for_its_checks() -> None:
    event = gr.EventData(None, {"method": "occlusion"})
    assert trust.judge(event)[:2] == ("occlusion", "occlusion")
    assert trust.judge(event)[3] == trust.TITLE


def test_nothing_is_checked_without_a_photo_or_for_a_view_that_is_not_open() -> None:
    assert list(trust.show(SETTINGS, None, None, "saliency", Visitor())) == [("", "", "")]
