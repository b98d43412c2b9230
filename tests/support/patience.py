"""How long the tests wait for what must come: one ceiling, so high that only what never comes reaches it, on a busy machine too."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 240.0  # for maps and checks too, which are computed on threads of low priority
LOW_PRIORITY_PATIENCE_SECONDS = 600.0  # a process at nice 15 gets some 3 % of a core beside others that never rest


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `condition()` holds; AssertionError names `what` was waited for where it does not come to hold within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)
