"""What the page says when it cannot show what was asked for: why, and a button that repairs it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import inspect
import logging
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.exceptions import ComponentProcessingError
from gradio.state_holder import SessionState
from pydantic import ValidationError

_P = ParamSpec("_P")
_R = TypeVar("_R")

_ON_LOAD = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def message(elem_id: str) -> gr.HTML:
    """Return an empty place for messages; its event is `repair`."""
    return gr.HTML("", js_on_load=_ON_LOAD, elem_id=elem_id, elem_classes="messages")


def problem(sentence: str, repair: str = "") -> str:
    """Return a message as HTML, with a button if there is a repair."""
    button = f'<button class="repair" type="button">{escape(repair)}</button>' if repair else ""
    return f'<div class="notice" role="alert">{escape(sentence)}{button}</div>'


def corrections(sentences: list[str]) -> str:
    """Return a message that can be dismissed, or nothing."""
    if not sentences:
        return ""
    text = " ".join(escape(sentence) for sentence in sentences)
    return f'<div class="notice" role="alert"><button class="dismiss" type="button" aria-label="Dismiss">✕</button>{text}</div>'


_UNFORESEEN = "This went wrong in a way that nobody foresaw; the server's log says more. What you see is as it was before."
_NO_SUCH_VALUE = "A value that was sent is not of the kind that its field takes. What you see is as it was before."
_REASONS = {
    errno.ENOSPC: "its disk is full. Free some space there, and try again",
    errno.EDQUOT: "the disk space that it may use is full. Free some there, and try again",
    errno.EACCES: "it has no right to",
    errno.EPERM: "it has no right to",
    errno.EROFS: "its disk can only be read",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOENT: "it is not there",
    errno.EMFILE: "too many files are open. Try again in a while",
}


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: on a GPU torch has an error for it, on a CPU its allocator raises the plain kind."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and (type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error))
    )


def sentence_of(error: Exception) -> str:
    """Return what a visitor is told of `error`: why, without the server's folders or its code, and what can be done."""
    if _is_out_of_memory(error):
        return "The server ran out of memory. Ask for less at once: a smaller net, a smaller photo or fewer steps."
    if isinstance(error, ComponentProcessingError | ValidationError):  # Gradio's, before any handler is asked
        return _NO_SUCH_VALUE
    if isinstance(error, OSError) and error.errno is not None:
        if isinstance(error, ConnectionError | TimeoutError):
            return f"The connection failed: {error.strerror}."
        name = Path(str(error.filename)).name if error.filename else "a file"
        return f"The server cannot use {name:.120}: {_REASONS.get(error.errno, str(error.strerror))}."
    if isinstance(error, ValueError | OSError) and str(error):
        return str(error)
    logging.getLogger(__name__).error("not foreseen", exc_info=error)
    return _UNFORESEEN


def page_error(error: Exception) -> gr.Error:
    """Return `error` as the message that Gradio shows."""
    return gr.Error(escape(sentence_of(error), quote=False), duration=8, print_exception=False)


def explained(handler: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let whatever a handler raises reach the visitor as a sentence; works for functions and generators."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Any:
            try:
                return (yield from handler(*args, **kwargs))
            except gr.Error:
                raise
            except Exception as error:
                raise page_error(error) from None

        return stream

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise page_error(error) from None

    return call


class Page(gr.Blocks):
    """gr.Blocks whose every call is answered by a value or by a sentence, also where Gradio itself cannot read what was sent.

    A handler that is not `explained`, or a component that cannot take a value, would be answered by `error: null`. What a visitor does to
    the page is answered in the order of his doing: two answers at once would each know nothing of what the other one changes, and the older
    one could come last.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns: WeakKeyDictionary[SessionState, asyncio.Lock] = WeakKeyDictionary()

    async def process_api(
        self, block_fn: BlockFunction | int, inputs: list[Any], state: SessionState | None = None, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Answer a call; those of one session that wait in no queue, one after the other."""
        fn = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        waits = contextlib.nullcontext() if state is None or fn.queue else self._turns.setdefault(state, asyncio.Lock())
        try:
            async with waits:
                return await super().process_api(fn, inputs, state, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise page_error(error) from None
