"""Heavy work on threads of low priority, so that the sliders answer at once while a net is built or explained."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

_T = TypeVar("_T")
_NICENESS = 10
_THREADS = 3  # for the net of the sliders, for measurements, for predictions: each kind of work queues for itself


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
