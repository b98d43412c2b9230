"""Bound and conditional handlers look to Gradio like what they stand for: requests, events and progress arrive where they belong."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from gradio.helpers import special_args
from gradio.utils import get_positional_input_parameters

from explorer.components.messages import explained
from explorer.settings import Settings
from explorer.work.handlers import bound, while_open

SETTINGS = Settings(device="cpu")


def first(request: gr.Request, settings: Settings, one: int, *others: int) -> Any:
    """First says."""
    return request, settings, one, others


PROGRESS = gr.Progress()


def last(settings: Settings, one: int, event: gr.SelectData, progress: gr.Progress = PROGRESS) -> Any:
    return settings, one, event, progress


@explained
def streamed(settings: Settings, one: int, request: gr.Request) -> Iterator[Any]:
    if one < 0:
        raise ValueError("one must be 0 or more")
    yield settings, one, request


def called(handler: Any, *values: Any) -> Any:
    """What Gradio would get for these values of components."""
    event = gr.EventData(None, {"index": 1, "value": "v"})  # type: ignore[arg-type]
    arguments, *_ = special_args(handler, list(values), "the request", event)  # type: ignore[arg-type]
    result = handler(*arguments)
    return list(result) if inspect.isgeneratorfunction(handler) else result


def test_settings_are_given_and_everything_else_arrives_where_it_belongs() -> None:
    assert called(bound(first, SETTINGS), 1, 2, 3) == ("the request", SETTINGS, 1, (2, 3))
    settings, one, event, progress = called(bound(last, SETTINGS), 1)
    assert (settings, one, event.value, type(progress)) == (SETTINGS, 1, "v", gr.Progress)
    assert inspect.isgeneratorfunction(bound(streamed, SETTINGS))
    assert called(bound(streamed, SETTINGS), 1) == [(SETTINGS, 1, "the request")]
    assert (bound(first, SETTINGS).__name__, bound(first, SETTINGS).__doc__) == ("first", "First says.")
    with pytest.raises(gr.Error, match="one must be"):
        called(bound(streamed, SETTINGS), -1)


def test_only_an_open_tab_asks() -> None:
    assert called(while_open(bound(first, SETTINGS), "Here"), "Here", 1) == ("the request", SETTINGS, 1, ())
    assert called(while_open(bound(first, SETTINGS), "Here"), "There", 1) == gr.skip()
    assert called(while_open(bound(streamed, SETTINGS), "Here"), "Here", 1) == [(SETTINGS, 1, "the request")]
    assert called(while_open(bound(streamed, SETTINGS), "Here"), "There", 1) == [gr.skip()]


def test_gradio_sees_which_values_each_takes() -> None:
    def taken(handler: Any) -> list[str]:
        return [parameter.name for parameter in get_positional_input_parameters(handler)]

    assert taken(bound(first, SETTINGS)) == ["one"]
    assert taken(bound(last, SETTINGS)) == ["one"]
    assert taken(while_open(bound(streamed, SETTINGS), "Here")) == ["open_title", "one"]


def test_a_handler_without_settings_cannot_be_bound() -> None:
    with pytest.raises(StopIteration):
        bound(lambda one: one, SETTINGS)
