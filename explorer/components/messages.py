"""What the page says when it cannot show what was asked for: why, and a button that repairs it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import gradio as gr

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


def _as_page_error(error: Exception) -> gr.Error:
    return gr.Error(escape(str(error), quote=False), duration=8, print_exception=False)


def explained(handler: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a handler's ValueError and ConnectionError reach the visitor as a message; works for functions and generators."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from handler(*args, **kwargs)
            except (ValueError, ConnectionError) as error:
                raise _as_page_error(error) from None

        return stream

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except (ValueError, ConnectionError) as error:
            raise _as_page_error(error) from None

    return call
