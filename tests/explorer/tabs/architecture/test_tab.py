"""The line under the tabs: exact counts, what was published, and whether both agree."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from densenet import PRESETS, Workload, plan
from densenet.published import PUBLISHED
from explorer.page.numbers import Numbers
from explorer.page.page_state import PageState, preset_state
from explorer.tabs.architecture.tab import published, show


def line(state: PageState, pinned: PageState | None = None) -> str:
    return published(Numbers(state), Numbers(pinned) if pinned else None)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_our_counts_are_the_plans_to_the_last_digit(name: str) -> None:
    state = preset_state(name)
    rows = plan(state.config, state.workload.image_size)
    text = line(state)
    assert f"<b>{sum(row.params for row in rows):,}</b> parameters" in text
    assert f"<b>{sum(row.macs for row in rows):,}</b> MACs" in text
    assert ("no published counts" in text) == (name not in PUBLISHED)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_figures_are_shown_as_printed(name: str) -> None:
    text, figures = line(preset_state(name)), PUBLISHED[name]
    assert figures.source in text
    assert text.count('class="agrees"') == (figures.params is not None) + (figures.gmacs is not None)
    assert 'class="differs"' not in text
    for shown in (
        figures.gmacs and f"✓ {figures.gmacs:.3f} GMACs",
        figures.top1_accuracy and f"top-1 {figures.top1_accuracy:.1f} %",
        figures.cifar10_error and f"CIFAR-10+ error {figures.cifar10_error:.2f} %",
    ):
        assert not shown or shown in text


def test_counts_are_checked_only_where_they_were_published() -> None:
    start = preset_state("densenet121")
    assert "✓ 7,978,856" in line(start)
    assert line(preset_state("densenet_bc_100_12")).count("✓ 0.8 M") == 1
    assert "✓" not in line(preset_state("classroom"))
    assert "This net: no published counts" in line(replace(start, config=replace(start.config, growth_rate=33)))
    assert "GMACs" not in line(replace(start, workload=Workload(image_size=192)))


def test_what_is_not_as_published_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, "tiny", replace(PUBLISHED["densenet121"], gmacs=None))
    assert re.search(r'class="differs">✗ 7,978,856<', line(preset_state("tiny")))


def test_three_charts_and_the_outline_of_a() -> None:
    state, a = Numbers(preset_state("tiny")), Numbers(preset_state("densenet121"))
    value = json.loads(show(state, a))
    assert value["note"] == published(state, a)
    assert "dotted: A, DenseNet-121" in value["note"]
    outlines = [[t["y"] for t in figure["data"] if t.get("name") == "A"] for figure in value["figures"]]
    expected = [[s.inherited + s.new for s in a.steps], [s.params for s in a.steps], [s.macs for s in a.steps]]
    assert outlines == [[values] for values in expected]
