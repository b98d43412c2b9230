"""Work that is given up, wherever it asks whether it shall go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from densenet.stopping import Cancelled, Stop


class CountedStop:
    """A `Stop` that counts its calls, and after `most` of them gives the work up."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.calls = most, 0

    def __call__(self) -> None:
        self.calls += 1
        if self.most is not None and self.calls > self.most:
            raise Cancelled


def given_up_anywhere(work: Callable[[Stop], object], every: int = 1) -> int:
    """Do `work` whole, then have it given up at its first question, and at each of `every` after it; return how many it asks."""
    whole = CountedStop()
    work(whole)
    for most in range(0, whole.calls, every):
        stop = CountedStop(most)
        with pytest.raises(Cancelled):
            work(stop)
        assert stop.calls == most + 1, "nothing more is begun"
    return whole.calls
