"""Names along an axis: as many as fit, the first and the last among them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from explorer.tabs.predict.ticks import reader_labels, source_labels, ticks


@given(st.integers(2, 300), st.floats(0.05, 40))
def test_labels_keep_their_distance(count: int, apart: float) -> None:
    places, words = ticks(source_labels(count), apart)
    assert all(b - a >= min(apart, count - 1) for a, b in pairwise(places))
    if count - 1 >= apart:
        assert (words[0], words[-1]) == ("in", str(count - 1))
    assert reader_labels(count)[-1] == "out"
    assert len(reader_labels(count)) == len(source_labels(count)) == count


def test_names_are_the_blocks_sources_and_readers() -> None:
    assert source_labels(4) == ["in", "1", "2", "3"]
    assert reader_labels(4) == ["1", "2", "3", "out"]
    assert ticks(source_labels(4), 1) == ([0, 1, 2, 3], ["in", "1", "2", "3"])
    assert ticks(source_labels(4), 4) == ([], [])
