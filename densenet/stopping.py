"""Long work: what it tells of its progress, and how it is given up.

Work that takes long calls its `Stop` between its parts. Where nobody waits for the end any more, that raises `Cancelled`, and the work
ends there; its caller catches it.
"""

from __future__ import annotations

from collections.abc import Callable

Stop = Callable[[], object]  # called between the parts of long work; may raise Cancelled
Progress = Callable[[int, int], object]  # told how many parts are done, and how many there are (0: not known)


class Cancelled(Exception):
    """The work was given up because nobody waits for it any more."""


def go_on() -> None:
    """The `Stop` of work that is never given up."""


def tell_nobody(done: int, total: int) -> None:
    """The `Progress` of work that nobody watches."""


def stop_when(given_up: Callable[[], bool]) -> Stop:
    """Return a `Stop` that raises `Cancelled` once `given_up` says yes."""

    def stop() -> None:
        if given_up():
            raise Cancelled

    return stop
