"""Measurements that a visitor can give up, by a button or by leaving the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gradio as gr

QUEUE = "measure"  # one at a time, apart from the live builds: those of other visitors do not wait for it

_running: dict[str, threading.Event] = {}  # by session: set to give its measurement up


@contextmanager
def cancellable(request: gr.Request) -> Iterator[Callable[[], bool]]:
    """Give the function that says whether the visitor's measurement has been given up."""
    session = request.session_hash or ""
    stop = _running[session] = threading.Event()
    try:
        yield stop.is_set
    finally:
        _running.pop(session, None)


def cancel(request: gr.Request) -> None:
    """Give the visitor's measurement up."""
    if stop := _running.get(request.session_hash or ""):
        stop.set()
