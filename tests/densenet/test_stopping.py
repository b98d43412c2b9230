"""How long work is given up."""

from __future__ import annotations

import pytest

from densenet.stopping import Cancelled, go_on, stop_when, tell_nobody


def test_the_work_goes_on_until_nobody_waits() -> None:
    answers = iter([False, False, True])
    stop = stop_when(lambda: next(answers))
    stop()
    stop()
    with pytest.raises(Cancelled):
        stop()


def test_by_default_work_goes_on_and_tells_nobody() -> None:
    assert go_on() is None
    assert tell_nobody(1, 2) is None


def test_to_be_cancelled_is_no_bad_value() -> None:
    assert not issubclass(Cancelled, ValueError)
