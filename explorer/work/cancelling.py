"""Long work that a visitor can give up: by a button, by asking for something else, or by leaving the page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from densenet.stopping import Stop, stop_when
from explorer.work.queues import EXPLAINING, MEASURING

_running: dict[tuple[str, str], threading.Event] = {}  # by session and kind: set to give the work up


@contextmanager
def cancellable(request: gr.Request, kind: str) -> Iterator[Stop]:
    """Give the `Stop` of the visitor's work of this kind."""
    mine = (request.session_hash or "", kind)
    stop = _running[mine] = threading.Event()
    try:
        yield stop_when(stop.is_set)
    finally:
        if _running.get(mine) is stop:
            del _running[mine]


def _cancel(request: gr.Request, kind: str) -> None:
    if stop := _running.get((request.session_hash or "", kind)):
        stop.set()


def cancel_measuring(request: gr.Request) -> None:
    """Give the visitor's measurement up."""
    _cancel(request, MEASURING)


def cancel_explaining(request: gr.Request) -> None:
    """Give the visitor's explanation up."""
    _cancel(request, EXPLAINING)


def leave(request: gr.Request) -> None:
    """Give up whatever a visitor who has left was waiting for."""
    for kind in (MEASURING, EXPLAINING):
        _cancel(request, kind)
