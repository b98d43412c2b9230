"""How long work is given up: it asks, between its parts, whether somebody still waits, and ends with `Cancelled` where nobody does."""

from __future__ import annotations

from collections.abc import Callable


class Cancelled(Exception):
    """The work was given up because nobody waits for it any more."""


def stopper(cancelled: Callable[[], bool]) -> Callable[[], None]:
    """Return what the work calls between its parts; it raises `Cancelled` once `cancelled` says yes."""

    def stop() -> None:
        if cancelled():
            raise Cancelled

    return stop
