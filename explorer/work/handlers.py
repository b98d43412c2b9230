"""How a plain function becomes what Gradio calls: with the app's settings bound, or only while its tab is open.

Gradio reads a handler's signature and its type hints to know where a request, an event or a progress bar belongs, and looks whether it is a
generator function; a `functools.partial` would hide all of that.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import gradio as gr

from explorer.settings import Settings

_SETTINGS = "settings"
_OPEN = "open_title"


def _with_parameters(function: Callable[..., Any], handler: Callable[..., Any], parameters: list[inspect.Parameter]) -> Callable[..., Any]:
    """Give `function` the name and the documentation of `handler`, and these parameters."""
    hints = get_type_hints(handler)
    named: Any = functools.wraps(handler)(function)
    named.__signature__ = inspect.signature(handler).replace(parameters=parameters)
    named.__annotations__ = {p.name: hints.get(p.name, p.annotation) for p in parameters if p.annotation is not p.empty}
    del named.__wrapped__
    result: Callable[..., Any] = named
    return result


def bound(handler: Callable[..., Any], settings: Settings) -> Callable[..., Any]:
    """Return `handler` without its parameter `settings`, which is given to it at each call."""
    parameters = list(inspect.signature(handler).parameters.values())
    at = next(i for i, parameter in enumerate(parameters) if parameter.name == _SETTINGS)

    def call(*values: Any) -> Any:
        return handler(*values[:at], settings, *values[at:])

    def stream(*values: Any) -> Any:
        yield from handler(*values[:at], settings, *values[at:])

    function = stream if inspect.isgeneratorfunction(handler) else call
    return _with_parameters(function, handler, parameters[:at] + parameters[at + 1 :])


def while_open(handler: Callable[..., Any], title: str) -> Callable[..., Any]:
    """Return `handler` with the title of the open tab before its own values: it is asked where that is `title`, else nothing changes."""

    def call(open_title: str, *values: Any) -> Any:
        return handler(*values) if open_title == title else gr.skip()

    def stream(open_title: str, *values: Any) -> Any:
        if open_title == title:
            yield from handler(*values)
        else:
            yield gr.skip()

    first = inspect.Parameter(_OPEN, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str)
    function = stream if inspect.isgeneratorfunction(handler) else call
    return _with_parameters(function, handler, [first, *inspect.signature(handler).parameters.values()])
