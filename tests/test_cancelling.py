"""How long work is given up."""

from __future__ import annotations

import pytest

from densenet.cancelling import Cancelled, stopper


def test_the_work_goes_on_until_nobody_waits() -> None:
    answers = iter([False, False, True])
    stop = stopper(lambda: next(answers))
    stop()
    stop()
    with pytest.raises(Cancelled):
        stop()


def test_there_is_one_way_to_be_cancelled() -> None:
    from densenet import measure

    assert measure.Cancelled is Cancelled
    assert not issubclass(Cancelled, ValueError)
