"""Work is given up by a button, by asking anew and by leaving: while it runs, while it waits, and when nobody reads its stream any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client
from starlette.middleware import Middleware

from densenet.stopping import Cancelled, Stop
from explorer.app import create_app
from explorer.work import background, cancelling
from explorer.work.cancelling import cancel_explaining, cancel_measuring, cancellable, leave
from explorer.work.queues import EXPLAINING, MEASURING, at_once, one_at_a_time

CEILING_S = 120  # for what must happen at all; nothing is proved by how long it takes


class Visitor:
    """What a handler reads of a gr.Request."""

    def __init__(self, session: str) -> None:
        self.session_hash = session


def visitor(name: str) -> Any:
    return Visitor(name)


def is_given_up(stop: Stop) -> bool:
    try:
        stop()
    except Cancelled:
        return True
    return False


@pytest.mark.parametrize("wish", [cancel_explaining, leave])
def test_running_work_of_this_visitor_and_kind_is_given_up(wish: Callable[[Any], None]) -> None:
    with cancellable(visitor("a"), EXPLAINING) as mine, cancellable(visitor("b"), EXPLAINING) as others:
        assert not is_given_up(mine)
        wish(visitor("a"))
        assert is_given_up(mine)
        assert not is_given_up(others)
    with cancellable(visitor("a"), EXPLAINING) as anew:
        assert not is_given_up(anew), "what is asked for after the wish is not meant"
    with cancellable(visitor("a"), MEASURING) as other_kind:
        cancel_explaining(visitor("a"))
        assert not is_given_up(other_kind)
        cancel_measuring(visitor("a"))
        assert is_given_up(other_kind)


def test_a_stream_that_is_closed_gives_its_work_up() -> None:
    ended, begun = threading.Event(), threading.Event()

    def work(stop: Stop, tell: Callable[[int], None]) -> None:
        tell(1)
        begun.set()
        try:
            while True:
                stop()
        except Cancelled:
            ended.set()
            raise

    def handler() -> Iterator[int]:
        with cancellable(visitor("closing"), EXPLAINING) as stop:
            yield from background.stream(lambda tell: work(stop, tell))

    with closing(handler()) as stream:
        assert next(stream) == 1
        assert begun.wait(CEILING_S)
    assert ended.wait(CEILING_S), "the work still runs although nobody waits for it"


def test_only_the_latest_wishes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling._wishes, "most", 2)
    for name in "abc":
        leave(visitor(name))
    assert len(cancelling._wishes) == 2


class Queue:
    """A server with one kind of work, which begins and ends when the test says so, and the button that gives it up."""

    def __init__(self) -> None:
        self.begun: dict[str, threading.Event] = {name: threading.Event() for name in ("first", "second", "third")}
        self.go_on = threading.Event()
        with gr.Blocks() as self.app:
            name, out = gr.Textbox(), gr.Textbox()
            gr.Button().click(self.work, name, out, api_name="work", **{**one_at_a_time(EXPLAINING), "api_visibility": "public"})
            gr.Button().click(cancel_explaining, None, None, api_name="stop", **{**at_once(), "api_visibility": "public"})

    def work(self, name: str, request: gr.Request) -> str:
        """Begin, wait for the test, and say whether it was given up."""
        with cancellable(request, EXPLAINING) as stop:
            self.begun[name].set()
            assert self.go_on.wait(CEILING_S)
            return "given up" if is_given_up(stop) else "done"


@pytest.fixture
def queue() -> Iterator[Queue]:
    made = Queue()
    made.app.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, app_kwargs={"middleware": [Middleware(cancelling.AskedAt)]}
    )
    yield made
    made.go_on.set()
    made.app.close()


def test_work_that_waits_in_its_queue_is_given_up_and_what_is_asked_later_is_not(queue: Queue) -> None:
    with closing(Client(queue.app.local_url, verbose=False)) as client:
        first = client.submit("first", api_name="/work")
        assert queue.begun["first"].wait(CEILING_S)
        second = client.submit("second", api_name="/work")
        waiting = queue.app._queue
        await_that(lambda: len(waiting) == 1)
        client.predict(api_name="/stop")
        third = client.submit("third", api_name="/work")
        await_that(lambda: len(waiting) == 2)
        assert not queue.begun["second"].is_set()
        queue.go_on.set()
        answers = [job.result(CEILING_S) for job in (first, second, third)]
    assert answers == ["given up", "given up", "done"]


def await_that(happens: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    pause = threading.Event()
    for _ in range(CEILING_S * 100):
        if happens():
            return
        pause.wait(0.01)
    raise AssertionError("it never happened")


def test_the_app_notes_when_it_is_asked_and_every_explanation_follows_the_end_of_the_one_before() -> None:
    app = create_app()
    assert [one.cls for one in app.launch.keywords["app_kwargs"]["middleware"]] == [cancelling.AskedAt]  # type: ignore[attr-defined]
    functions = app.fns
    explaining = [fn for fn in functions.values() if fn.concurrency_id == EXPLAINING and fn.api_visibility == "private"]
    assert len(explaining) >= 9
    for fn in explaining:
        before = [functions[fn.trigger_after]] if fn.trigger_after is not None else []
        assert [one.fn.__name__ for one in before if one.fn] == ["cancel_explaining"], fn.api_name
        assert all(not one.queue and one.trigger_mode == "multiple" for one in before), fn.api_name
