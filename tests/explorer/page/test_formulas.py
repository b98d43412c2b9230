"""The arithmetic that is shown: every line is evaluated, and their sums are the step's counts."""

from __future__ import annotations

import pytest

from densenet import PRESETS
from densenet.arithmetic.costs import steps
from densenet.presets import PRESET_IMAGE_SIZE
from explorer.page.formulas import channels_formula, cost_formulas


def value_of(line: str) -> tuple[float, int]:
    """What the formula of a line comes to, and what the line says that it comes to."""
    formula, _, result = line.partition(": ")[2].partition(" = ")
    return eval(formula.replace("×", "*").replace("²", "**2")), int(result.replace(",", ""))


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_line_is_true_and_they_add_up(name: str) -> None:
    for step in steps(PRESETS[name], PRESET_IMAGE_SIZE[name]):
        for macs in (False, True):
            values = [value_of(line) for line in cost_formulas(step, macs=macs)]
            assert all(formula == said for formula, said in values)
            assert sum(said for _, said in values) == (step.macs if macs else step.params)


def test_channels() -> None:
    config = PRESETS["densenet121"]
    of = steps(config)
    shown = {step.label: channels_formula(step, config) for step in of}
    assert shown["stem"] == "3 → 64 channels"
    assert shown["block 1, layer 5"] == "64 + 5 × 32 = 224 channels"
    assert shown["transition 1"] == "⌊0.5 × 256⌋ = 128 channels"
    assert shown["classifier"] == "1024 features → 1000 classes"
