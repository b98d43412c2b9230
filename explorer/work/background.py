"""Heavy work on threads of low priority, so that the sliders answer at once while a net is built or explained."""

from __future__ import annotations

import importlib
import os
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

_T = TypeVar("_T")
_S = TypeVar("_S")
_NICENESS = 10
_THREADS = 4  # for the net of the sliders, measurements, predictions, explanations: each kind of work queues for itself
_POLL_SECONDS = 0.1


def _step_back() -> None:
    """Lower this thread's priority, and with it that of the threads which its tensor operations start (Linux: they inherit it)."""
    if hasattr(os, "setpriority") and hasattr(threading, "get_native_id"):
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        except OSError:  # elsewhere threads have no priority of their own
            return


_workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="nets", initializer=_step_back)


@lru_cache(maxsize=1)
def preload() -> None:
    """Import, once and without waiting for it, what the first prediction needs."""
    for module in ("densenet.predict", "densenet.attribution", "torchvision.transforms", "captum.attr"):
        _workers.submit(importlib.import_module, module)


def run(work: Callable[..., _T], *arguments: object) -> _T:
    """Return what `work(*arguments)` returns or raises, computed behind everything that answers at once."""
    return _workers.submit(work, *arguments).result()


def stream(work: Callable[[Callable[[_S], None]], _T]) -> Generator[_S, None, _T]:
    """Run `work(tell)` in the background and yield the latest of what it tells, while it runs; returns what it returns or raises.

    What is told faster than it is taken is skipped: the latest is what one wants to see.
    """
    told: queue.SimpleQueue[_S] = queue.SimpleQueue()
    future = _workers.submit(work, told.put)
    while True:
        finished = future.done()  # asked before the queue: what is told before the end is yielded
        latest: list[_S] = []
        while not told.empty():
            latest = [told.get()]
        yield from latest
        if finished:
            return future.result()
        if not latest:
            threading.Event().wait(_POLL_SECONDS)
