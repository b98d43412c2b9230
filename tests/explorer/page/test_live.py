"""The strip waits its turn behind a measurement, says so, and gives up what the sliders no longer show."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
import pytest
import torch

from densenet import totals
from densenet.measure.instantiate import Instance
from densenet.running.turns import alone_on
from densenet.stopping import go_on
from explorer.page import live
from explorer.page.page_state import preset_state
from explorer.settings import Settings

STATE = preset_state("tiny")
SETTINGS = Settings(device="cpu")


class Visitor:
    """What a handler reads of a gr.Request."""

    def __init__(self, session: str) -> None:
        self.session_hash = session


@pytest.fixture
def strips() -> Iterator[Iterator[object]]:
    """What the strip shows one after the other."""
    visitor = Visitor("waits")
    yield live.follow(SETTINGS, STATE.config, STATE.workload, visitor)  # type: ignore[arg-type]
    live.forget(visitor)  # type: ignore[arg-type]


def test_a_build_behind_a_measurement_says_that_it_waits_and_follows(strips: Iterator[object]) -> None:
    with alone_on(torch.device("cpu"), go_on):
        for words in ("building the net …", "waiting: another net is being measured or built on this device …"):
            strip = str(next(strips))
            assert strip.startswith('<div class="live busy" role="status"')
            assert f"<b>Live</b> {words}" in strip
    *on_the_way, built = strips
    assert all("building the net" in str(strip) for strip in on_the_way)
    assert "3,730" in str(built)


def test_a_build_that_waits_is_given_up_when_the_sliders_move_on(strips: Iterator[object]) -> None:
    with alone_on(torch.device("cpu"), go_on):
        next(strips)
        assert "waiting" in str(next(strips))
        live.want("waits", STATE.config, 64)
        assert list(strips) == [gr.skip()]


def test_a_build_that_waits_is_given_up_when_the_visitor_leaves(strips: Iterator[object]) -> None:
    with alone_on(torch.device("cpu"), go_on):
        next(strips)
        next(strips)
        live.forget(Visitor("waits"))  # type: ignore[arg-type]
        assert list(strips) == [gr.skip()]


def test_a_net_that_differs_from_its_plan_is_said(strips: Iterator[object], monkeypatch: pytest.MonkeyPatch) -> None:
    counted = totals(STATE.config, STATE.workload.image_size)
    monkeypatch.setattr(live, "totals", lambda *_: counted._replace(params=counted.params + 1))
    *_, built = strips
    assert "3,730</b> parameters ✗ planned: 3,731" in str(built)


def test_what_was_built_is_said_in_whole(strips: Iterator[object], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Instance(3_730, (1, 10), 0.1, 0.25, 3, "CPU (x86, <2> threads)", 3 * 2**30, 8 * 2**30)
    monkeypatch.setattr("densenet.measure.instantiate.instantiate", lambda *_, **__: seen)
    *_, built = strips
    assert "on CPU: <b>3,730</b> parameters ✓ as planned" in str(built)
    assert "1 × 3 × 32² → 1 × 10 in <b>250" in str(built)
    assert "free of" in str(built)
    assert 'title="CPU (x86, &lt;2&gt; threads)"' in str(built)


def test_a_slow_net_is_announced_with_its_time(strips: Iterator[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("densenet.arithmetic.seconds.forward_seconds", lambda *_: 7.0)
    assert "about" not in str(next(strips))
    strip = str(next(strips))
    assert strip.startswith('<div class="live busy" role="status"')
    assert "<b>Live</b> building the net, and one forward pass of about 7" in strip
    assert "3,730" in str([*strips][-1])
