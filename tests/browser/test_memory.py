"""Memory: the estimate follows the sliders, and one step is taken for real."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.visit import Visit

pytestmark = pytest.mark.browser


def test_the_estimate_follows_and_one_step_is_measured(visit: Visit) -> None:
    page = visit.open("?preset=tiny&batch=4&opt=adam")
    page.get_by_role("tab", name="Memory").click()
    note = page.locator("#memory .note")
    expect(note).to_contain_text("Peak of a training step, 4 images")
    expect(note).to_contain_text("not measured yet")
    page.get_by_role("button", name="Measure one step").click()
    expect(note).to_contain_text("measured: error")
    error = re.search(r"error ([+-][\d.]+)", note.inner_text())
    assert error is not None
    assert abs(float(error[1])) <= 1
    visit.slider("Batch size").press("ArrowRight")
    expect(note).to_contain_text("5 images")
    expect(note).to_contain_text("not measured yet")
    page.get_by_label("Checkpointing").click()
    page.get_by_role("option", name="of layers").click()
    page.wait_for_function("location.search.includes('ckpt=layer')")
