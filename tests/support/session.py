"""One visitor's session without a browser: every value of the page, and what Gradio does with it when an event is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.helpers import special_args


class Request:
    """What a handler reads of a gr.Request."""

    def __init__(self, session: str, query: dict[str, str] | None = None) -> None:
        self.session_hash, self.query_params = session, query or {}


class Session:
    """The values of an app's components; `stream` answers an event by its name, and the events that follow from changed states."""

    def __init__(self, app: gr.Blocks, name: str = "session") -> None:
        self.app, self.request = app, Request(name)
        self.values = {block._id: getattr(block, "value", None) for block in app.blocks.values()}

    def event(self, api_name: str) -> Any:
        """The event that bears this name."""
        return next(fn for fn in self.app.fns.values() if fn.api_name == api_name)

    def _written(self, fn: Any, result: Any) -> None:
        results = [result] if len(fn.outputs) == 1 else list(result)
        assert len(results) == len(fn.outputs), fn.api_name
        changed = []
        for block, value in zip(fn.outputs, results, strict=True):
            if value == gr.skip():
                continue
            if isinstance(value, dict) and value.get("__type__") == "update":
                value = value.get("value", self.values[block._id])
            if isinstance(block, gr.State) and value != self.values[block._id]:
                changed.append(block._id)
            self.values[block._id] = value
        for follower in self.app.fns.values():
            if any(event == "change" and block in changed for block, event in follower.targets):
                self.run(str(follower.api_name))

    def answers(self, api_name: str, **clicked: Any) -> Iterator[Any]:
        """What the event's handler gives for the session's values, a request and what the browser says of a click."""
        fn = self.event(api_name)
        values = [self.values[block._id] for block in fn.inputs]
        arguments, *_ = special_args(fn.fn, values, self.request, gr.EventData(None, clicked))  # type: ignore[arg-type]
        result = fn.fn(*arguments)
        yield from result if isinstance(result, Iterator) else [result]

    def stream(self, api_name: str) -> Iterator[None]:
        """Answer the event; stop after each of what a generator yields."""
        fn = self.event(api_name)
        for one in self.answers(api_name):
            if fn.outputs:
                self._written(fn, one)
            yield

    def run(self, api_name: str) -> None:
        """Answer the event to its end."""
        for _ in self.stream(api_name):
            pass

    def set(self, component: Any, value: Any) -> None:
        """Have the page show another value, as a handler in another thread would."""
        self.values[component._id] = value

    def show(self, state: Any, tab: str) -> None:
        """Have the page show `state` in the tab of that title."""
        config, workload = self.event("update").outputs[:2]
        self.set(config, state.config)
        self.set(workload, state.workload)
        self.set(self.event("open_tab").outputs[0], tab)

    def text(self, elem_id: str) -> str:
        """What the component of this id shows."""
        block = next(block for block in self.app.blocks.values() if getattr(block, "elem_id", None) == elem_id)
        return str(self.values[block._id] or "")
