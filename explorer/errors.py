"""Turn what the library refuses into a sentence on the page, never a stack trace."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from html import escape
from typing import Any, ParamSpec, TypeVar

import gradio as gr

_P = ParamSpec("_P")
_R = TypeVar("_R")


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
