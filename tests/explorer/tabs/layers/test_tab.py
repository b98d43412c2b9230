"""The layers tab: numbers in groups of three, a filter over all rows, and text that is never markup."""

from __future__ import annotations

import gradio as gr

from densenet import PRESETS, Workload, plan
from explorer.app import create_app
from explorer.tabs.layers import tab
from explorer.tabs.layers.tables import HEADERS

LARGE = Workload(image_size=224)


def test_the_table_writes_counts_in_groups_of_three() -> None:
    value = tab.show(PRESETS["densenet121"], LARGE)
    assert value["headers"] == HEADERS
    rows = plan(PRESETS["densenet121"])
    assert [row[HEADERS.index("parameters")] for row in value["data"]] == [f"{row.params:,}" for row in rows]
    assert [row[HEADERS.index("MACs")] for row in value["data"]] == [f"{row.macs:,}" for row in rows]


def test_the_table_can_be_filtered() -> None:
    table = next(block for block in create_app().blocks.values() if isinstance(block, gr.Dataframe))
    assert table.show_search == "filter"
    assert not table.interactive


def test_what_is_saved_and_asked_for() -> None:
    assert tab.as_csv(PRESETS["tiny"], Workload(image_size=32)).startswith("layer,operation")
    text = tab.summary(PRESETS["tiny"], Workload(image_size=32))
    assert text.startswith('<pre class="summary">')
    assert text.count("<") == 2, "the rest is text"
