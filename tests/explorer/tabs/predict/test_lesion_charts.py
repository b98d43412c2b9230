"""The charts of a lesioned block show the library's changes, each with its words, on scales that fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from densenet.features.lesion import LesionMap, lesion_map
from explorer.tabs.predict.lesion_charts import decimal, lesion_figure
from explorer.work.subject import subject_of_net
from tests.support.on_page import CAT, SETTINGS, TABBY


@pytest.fixture(scope="module")
def lesions() -> LesionMap:
    subject = subject_of_net(SETTINGS, TABBY, "cifar10")
    return lesion_map(subject.model, subject.x, CAT, 2)


def test_bars_are_points_and_logits_in_the_blocks_colour(lesions: LesionMap) -> None:
    figure = lesion_figure(lesions)
    points, logits, _ = figure["data"]
    assert points["y"] == [100 * change.probability for change in lesions.everywhere]
    assert logits["y"] == [change.logit for change in lesions.everywhere]
    first, *others = points["marker"]["color"]
    assert first not in others, "the block's input is none of its layers"
    assert len(set(others)) == 1
    for i, (said, change) in enumerate(zip(points["hovertext"], lesions.everywhere, strict=True)):
        source = lesions.sources[i]
        assert f"channels {source.start} to {source.stop - 1}" in said
        assert decimal(100 * change.probability, "+") in said
        assert decimal(change.logit, "+") in said


def test_cells_are_the_readers_alone(lesions: LesionMap) -> None:
    *_, cells = lesion_figure(lesions)["data"]
    for drawn, said, row, reader in zip(cells["z"], cells["hovertext"], lesions.cells, lesions.readers, strict=True):
        assert drawn == [None if change is None else 100 * change.probability for change in row]
        assert all((text == "") == (change is None) for text, change in zip(said, row, strict=True))
        assert f"for {reader.name} alone" in said[0]


def test_the_scale_goes_both_ways_alike(lesions: LesionMap) -> None:
    axis = lesion_figure(lesions)["layout"]["coloraxis"]
    most = max(abs(change.probability) for row in lesions.cells for change in row if change is not None)
    assert axis["cmax"] == -axis["cmin"] == pytest.approx(100 * most, abs=1e-3)


def test_without_cells_two_charts_fill_the_place(lesions: LesionMap) -> None:
    figure = lesion_figure(replace(lesions, cells=()))
    assert len(figure["data"]) == 2
    assert not figure["layout"]["yaxis3"]["visible"]
    assert figure["layout"]["uirevision"] != lesion_figure(lesions)["layout"]["uirevision"]


@pytest.mark.parametrize(("value", "words"), [(0.004, "+0.00"), (-0.004, "+0.00"), (-0.006, "\u22120.01"), (1.5, "+1.50")])
def test_numbers_have_a_minus_as_long_as_a_plus(value: float, words: str) -> None:
    assert decimal(value, "+") == words
