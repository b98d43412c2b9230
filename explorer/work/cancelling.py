"""Long work that a visitor can give up: by a button, by asking for something else, or by leaving the page.

What is noted is the visitor's wish and its moment, not the work: work that still waits in its queue is given up too, and work that was
asked for after the wish is not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import gradio as gr

from densenet.kept import Kept
from densenet.stopping import Stop, stop_when
from explorer.work.queues import DOWNLOADING, EXPLAINING, MEASURING, TRYING

_MOST_WISHES = 4096  # of four kinds of work, and visitors who come and go
_ASKED_AT = "densenet.asked_at"  # in the scope of a request

_wishes: Kept[tuple[str, str], float] = Kept(_MOST_WISHES)  # when a visitor last wished that work of a kind be given up

_Scope = MutableMapping[str, Any]


class AskedAt:
    """Middleware of the server: notes in each request when it came, which is before it waits in any queue."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Pass the request on."""
        scope[_ASKED_AT] = time.monotonic()
        await self.app(scope, receive, send)


def _asked_at(request: gr.Request) -> float:
    """When the work was asked for; now, where the request does not say it."""
    scope = getattr(getattr(request, "request", None), "scope", {})
    return float(scope.get(_ASKED_AT) or time.monotonic())


@contextmanager
def cancellable(request: gr.Request, kind: str) -> Iterator[Stop]:
    """Give the `Stop` of the visitor's work of this kind; it says stop once the block was left, however that came about."""
    mine, asked_at, left = (request.session_hash or "", kind), _asked_at(request), threading.Event()

    def given_up() -> bool:
        wish = _wishes.get(mine)
        return left.is_set() or (wish is not None and asked_at <= wish)

    try:
        yield stop_when(given_up)
    finally:
        left.set()  # a stream that nobody reads any more is closed, and its work would go on in the background


def _cancel(request: gr.Request, kind: str) -> None:
    _wishes.put((request.session_hash or "", kind), time.monotonic())


def cancel_measuring(request: gr.Request) -> None:
    """Give up the visitor's measurements, those that wait included."""
    _cancel(request, MEASURING)


def cancel_explaining(request: gr.Request) -> None:
    """Give up the visitor's explanations, those that wait included."""
    _cancel(request, EXPLAINING)


def cancel_trying(request: gr.Request) -> None:
    """Give up the visitor's trial of a net on a folder."""
    _cancel(request, TRYING)


def cancel_downloading(request: gr.Request) -> None:
    """Give up the visitor's download of a data set."""
    _cancel(request, DOWNLOADING)


def leave(request: gr.Request) -> None:
    """Give up whatever a visitor who has left was waiting for."""
    for kind in (MEASURING, EXPLAINING, TRYING, DOWNLOADING):
        _cancel(request, kind)
