"""Heavy work on threads of low priority, so that the sliders answer at once while a net is built or explained."""

from __future__ import annotations

import importlib
import os
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from explorer.work.queues import KINDS

_T = TypeVar("_T")
_S = TypeVar("_S")
_NICENESS = 10
_THREADS = len(KINDS) + 1  # each kind of work queues for itself, one at a time; and one for what is asked without a queue
_POLL_SECONDS = 0.1
_NAME = "low-priority"  # of the threads
LIBRARIES = (  # what heavy work imports: others' whole packages, then ours
    "torch",
    "torchvision",
    "torchinfo",
    "captum.attr",
    "scipy.stats",
    "densenet.attribution.methods",
    "densenet.features.lesion",
    "densenet.measure",
    "densenet.model",
    "densenet.predict",
    "densenet.running",
    "densenet.train",
)
_importing = threading.Lock()


def _step_back() -> None:
    """Lower this thread's priority, and with it that of the threads which its tensor operations start (Linux: they inherit it)."""
    if hasattr(os, "setpriority") and hasattr(threading, "get_native_id"):
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        except OSError:  # elsewhere threads have no priority of their own
            return


_workers = ThreadPoolExecutor(_THREADS, thread_name_prefix=_NAME, initializer=_step_back)


def import_libraries() -> None:
    """Import what heavy work needs, once; whoever needs some of it meanwhile waits until all is there.

    Threads that import parts of one package at the same time can wait for each other. Python ends that by handing one of them a module that
    is half made, and its import fails. So a handler that imports any of it asks for all of it first.
    """
    with _importing:
        for library in LIBRARIES:
            importlib.import_module(library)


def _equipped(work: Callable[..., _T], *arguments: object) -> _T:
    import_libraries()
    return work(*arguments)


def _submitted(work: Callable[..., _T], *arguments: object) -> Future[_T]:
    """Hand `work` over with the context that it is asked in: Gradio's progress bars look there for their event."""
    return _workers.submit(copy_context().run, _equipped, work, *arguments)


def run(work: Callable[..., _T], *arguments: object) -> _T:
    """Return what `work(*arguments)` returns or raises, computed behind everything that answers at once."""
    if threading.current_thread().name.startswith(_NAME):
        return work(*arguments)  # already behind; to wait here for another thread might be to wait for ever
    return _submitted(work, *arguments).result()


def stream(work: Callable[[Callable[[_S], None]], _T]) -> Generator[_S, None, _T]:
    """Run `work(tell)` in the background and yield the latest of what it tells, while it runs; returns what it returns or raises.

    What is told faster than it is taken is skipped: the latest is what one wants to see.
    """
    told: queue.SimpleQueue[_S] = queue.SimpleQueue()
    future = _submitted(work, told.put)
    while True:
        finished = future.done()  # asked before the queue: what is told before the end is yielded
        latest: list[_S] = []
        while not told.empty():
            latest = [told.get()]
        yield from latest
        if finished:
            return future.result()
        if not latest:
            wait([future], _POLL_SECONDS)
