"""The confusion matrix shows the counts, each row's shares as its colours."""

from __future__ import annotations

from explorer.components.confusion import confusion_figure


def test_confusion_shows_the_counts() -> None:
    figure = confusion_figure(("a", "b"), ((3, 1), (0, 4)), "Confusion on the held-out pictures: 87.5 % right")
    (cells,) = figure["data"]
    assert cells["z"] == [[0.75, 0.25], [0.0, 1.0]]
    assert [list(row) for row in cells["text"]] == [[3, 1], [0, 4]]
    assert cells["hovertext"][0][1] == "a, taken for b: 1"
    assert figure["layout"]["yaxis"]["autorange"] == "reversed", "rows are the classes, from above"
    assert "87.5 % right" in figure["layout"]["title"]["text"]


def test_many_classes_have_no_numbers_written_into_them() -> None:
    many = [str(i) for i in range(13)]
    (cells,) = confusion_figure(many, [[1] * 13] * 13, "")["data"]
    assert "text" not in cells
