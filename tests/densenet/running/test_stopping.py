"""How long work is given up."""

from __future__ import annotations

import pytest

from densenet.running.stopping import Cancelled, stopper


def test_the_work_goes_on_until_nobody_waits() -> None:
    answers = iter([False, False, True])
    stop = stopper(lambda: next(answers))
    stop()
    stop()
    with pytest.raises(Cancelled):
        stop()


def test_to_be_cancelled_is_no_bad_value() -> None:
    assert not issubclass(Cancelled, ValueError)
