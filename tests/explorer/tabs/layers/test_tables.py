"""The table of layers is the plan, and what is saved is what is shown."""

from __future__ import annotations

import csv
import io

import pytest

from densenet import PRESETS, plan, totals
from densenet.presets import PRESET_IMAGE_SIZE
from explorer.tabs.layers.tables import HEADERS, layer_rows, layers_csv, torchinfo_summary


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_table_holds_every_row_of_the_plan(name: str) -> None:
    config, size = PRESETS[name], PRESET_IMAGE_SIZE[name]
    rows = [dict(zip(HEADERS, row, strict=True)) for row in layer_rows(config, size)]
    for shown, row in zip(rows, plan(config, size), strict=True):
        assert (shown["layer"], shown["in"], shown["out"], shown["px in"], shown["px out"]) == (
            *(row.path, row.in_channels, row.out_channels, row.in_size, row.out_size),
        )
        assert (shown["parameters"], shown["MACs"], shown["kernel"] or 0, shown["stride"] or 0) == (
            *(row.params, row.macs, row.kernel, row.stride),
        )
    assert [sum(row[column] for row in rows) for column in ("parameters", "MACs")] == list(totals(config, size)[:2])


def test_csv_holds_the_same_rows() -> None:
    config = PRESETS["tiny"]
    read = list(csv.reader(io.StringIO(layers_csv(config, 32))))
    assert read[0] == HEADERS
    assert read[1:] == [[str(cell) for cell in row] for row in layer_rows(config, 32)]


def test_torchinfo_agrees_on_parameters() -> None:
    text = torchinfo_summary(PRESETS["tiny"], 32, 5)
    assert f"Total params: {totals(PRESETS['tiny'], 32).params:,}" in text
    assert "[5, 10]" in text, "the batch of the page"
    with pytest.raises(ValueError, match="image_size"):
        torchinfo_summary(PRESETS["densenet121"], 28)
