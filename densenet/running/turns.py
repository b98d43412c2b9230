"""One at a time on a device: where memory and time are watched, other work would be counted too."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from densenet.running.device import with_index
from densenet.stopping import Stop

_ASKED_EVERY_SECONDS = 0.1

_guard = threading.Lock()
_turns: dict[torch.device, threading.Lock] = {}


def _turn_on(device: torch.device) -> threading.Lock:
    with _guard:
        return _turns.setdefault(with_index(device), threading.Lock())


@contextmanager
def alone_on(device: torch.device, stop: Stop, waits: Callable[[bool], object] | None = None) -> Iterator[None]:
    """Wait until no other such block runs on `device`, whatever name it was asked for by, and keep others out until this one ends.

    `stop` is called while it waits. `waits` is told True if it has to wait, and False when its turn has come then.
    """
    turn = _turn_on(device)
    if not turn.acquire(blocking=False):
        if waits is not None:
            waits(True)
        while not turn.acquire(timeout=_ASKED_EVERY_SECONDS):
            stop()
        if waits is not None:
            waits(False)
    try:
        yield
    except BaseException as error:
        _forget_frames(error)
        raise
    finally:
        turn.release()


def _forget_frames(error: BaseException | None) -> None:
    """Let go of what the frames of a failed turn hold: a net that dies with its traceback would be freed during the next one's turn."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
