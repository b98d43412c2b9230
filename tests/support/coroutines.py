"""Run a coroutine whatever the thread of the tests does: a browser that was opened before keeps a loop of its own running there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


def result_of(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return what `coroutine` returns, or raise what it raises, from a thread with a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
