"""One update computes each number once, and what it computes is the library's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from densenet import PRESETS, estimate_memory, totals
from densenet.arithmetic.costs import steps
from densenet.config import CHECKPOINTING
from explorer.app import update
from explorer.page import numbers
from explorer.page.numbers import Numbers, numbers_beside
from explorer.page.page_state import preset_state
from explorer.page.shared import Seen
from explorer.settings import Settings
from tests.explorer.page.test_controls import values_of
from tests.support.session import Request

STATE = preset_state("densenet_bc_100_12")


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize("mode", ["train", "infer"])
def test_numbers_are_the_librarys(name: str, mode: str) -> None:
    state = preset_state(name)
    state = replace(state, workload=replace(state.workload, mode=mode, batch_size=2, optimizer="adam", checkpointing="norm"))
    shown = Numbers(state)
    assert shown.totals == totals(state.config, state.workload.image_size)
    assert shown.steps == steps(state.config, state.workload.image_size)
    assert shown.estimate == estimate_memory(state.config, state.workload)
    for kind in ("train", "infer"):
        assert shown.peak(kind) == estimate_memory(state.config, replace(state.workload, mode=kind)).peak
    asked = [replace(state.workload, mode="train", checkpointing=kind) for kind in CHECKPOINTING]
    asked.append(replace(state.workload, mode="infer"))
    assert list(shown.kinds) == asked
    assert list(shown.kinds.values()) == [estimate_memory(state.config, workload) for workload in asked]


@pytest.mark.parametrize(("tab", "estimates"), [("Architecture", 2), ("Memory", 4)])
def test_an_update_computes_nothing_twice(tab: str, estimates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def counted(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            calls[function.__name__] += 1
            return function(*arguments)

        return call

    for function in (totals, steps, estimate_memory):
        monkeypatch.setattr(numbers, function.__name__, counted(function))
    before = Seen(STATE.preset, STATE.config, STATE.workload, None, 0.8)
    wider = replace(STATE, config=replace(STATE.config, growth_rate=13))
    for state in (STATE, wider):  # the first asks for the preset's, which stay
        calls.clear()
        update(Request("numbers"), Settings(device="cpu"), tab, (), *before, *values_of(state))
    assert calls == {"totals": 1, "steps": 1, "estimate_memory": estimates}


def test_what_others_are_set_beside_is_kept() -> None:
    assert numbers_beside(STATE) is numbers_beside(preset_state("densenet_bc_100_12"))
    assert Numbers(STATE) == numbers_beside(STATE)
