"""Whatever goes wrong becomes a sentence: disks, rights, memory, odd values, and what nobody foresaw."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
import torch
from gradio.state_holder import SessionState

from explorer.components.messages import Page, corrections, explained, page_error, problem, sentence_of
from tests.support.coroutines import result_of

SECRET = "/srv/secret/runs/net.pth"
OF_THE_DISK = {errno.ENOSPC: "disk is full", errno.EDQUOT: "disk space", errno.EACCES: "no right", errno.EPERM: "no right"}


@pytest.mark.parametrize("number", OF_THE_DISK)
def test_a_full_disk_and_missing_rights_are_sentences(number: int) -> None:
    said = sentence_of(OSError(number, "raw words", SECRET))
    assert OF_THE_DISK[number] in said
    assert "net.pth" in said
    assert "secret" not in said, "a visitor need not know the server's folders"


def test_other_trouble_with_files_has_a_sentence_too() -> None:
    assert sentence_of(OSError(errno.EIO, "Input/output error", SECRET)) == "The server cannot use net.pth: Input/output error."
    assert sentence_of(OSError(errno.ENOSPC, "raw words")).startswith("The server cannot use a file: its disk is full")
    assert sentence_of(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")) == "The connection failed: Connection refused."
    assert sentence_of(ConnectionError("cifar10 is not on this machine.")) == "cifar10 is not on this machine."


def out_of_memory() -> Iterator[Exception]:
    """What is raised where memory runs out: by Python, by torch on a GPU, and by torch's allocator on a CPU, for real."""
    yield MemoryError()
    yield torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    try:
        torch.empty(2**60, dtype=torch.uint8)
    except RuntimeError as error:
        yield error


def test_memory_that_ran_out_is_a_sentence() -> None:
    errors = list(out_of_memory())
    assert len(errors) == 3
    for error in errors:
        assert sentence_of(error).startswith("The server ran out of memory. Ask for less at once")


@pytest.mark.parametrize("error", [KeyError("growth"), TypeError(SECRET), RuntimeError("shapes"), ValueError(), OSError()], ids=repr)
def test_what_nobody_foresaw_is_said_to_be_that(error: Exception) -> None:
    said = sentence_of(error)
    assert "nobody foresaw" in said
    assert str(error) == "" or str(error) not in said


def test_a_handlers_error_is_its_sentence() -> None:
    @explained
    def handler(error: Exception) -> None:
        raise error

    @explained
    def stream(error: Exception) -> Iterator[int]:
        yield 1
        raise error

    for raised, words in ((ValueError("k must be 1 to 3, got <b>"), "k must be 1 to 3, got &lt;b&gt;"), (KeyError(1), "nobody foresaw")):
        with pytest.raises(gr.Error) as caught:
            handler(raised)
        assert words in caught.value.message
        steps = stream(raised)
        assert next(steps) == 1
        with pytest.raises(gr.Error, match=words):
            next(steps)
    mine = gr.Error("as it is")
    with pytest.raises(gr.Error) as caught:
        handler(mine)
    assert caught.value is mine


def test_no_stack_trace_is_printed_for_what_is_said() -> None:
    assert page_error(ValueError("no")).print_exception is False


def test_messages_escape_what_they_say() -> None:
    assert problem("<b>") == '<div class="notice" role="alert">&lt;b&gt;</div>'
    assert '<button class="repair" type="button">Use &lt;29&gt;</button>' in problem("no", "Use <29>")
    assert corrections([]) == ""
    assert "&lt;i&gt; two" in corrections(["<i>", "two"])


def test_a_call_that_gradio_cannot_read_is_answered_too() -> None:
    with Page() as app:
        number, out = gr.Number(precision=0), gr.Textbox()
        number.change(lambda value: 1 // value, number, out)
    (fn,) = app.fns.values()

    def answer(value: object) -> object:
        return result_of(app.process_api(fn, [value]))["data"]

    assert answer(1) == ["1"]
    for value, words in (([1], "not of the kind that its field takes"), (0, "nobody foresaw"), (float("nan"), "not of the kind")):
        with pytest.raises(gr.Error, match=words):
            answer(value)


def test_what_one_visitor_does_is_answered_in_its_order() -> None:
    """A slow answer and a quick one that is asked for meanwhile: the quick one waits, and knows what the slow one changed."""
    with Page() as app:
        seen, out = gr.State(""), gr.Textbox()

        async def slowly(before: str) -> tuple[str, str]:
            await asyncio.sleep(0.05)
            return before + "s", before + "s"

        def quickly(before: str) -> tuple[str, str]:
            return before + "q", before + "q"

        out.change(slowly, seen, [seen, out], queue=False)
        out.change(quickly, seen, [seen, out], queue=False)
        out.change(quickly, seen, [seen, out])
    slow, quick, queued = app.fns.values()

    async def answers(states: list[SessionState], *fns: Any) -> list[Any]:
        calls = [app.process_api(fn, [None], state) for fn, state in zip(fns, states, strict=True)]
        return [answer["data"][1] for answer in await asyncio.gather(*calls)]

    one, other = SessionState(app), SessionState(app)
    assert result_of(answers([one] * 3, slow, quick, slow)) == ["s", "sq", "sqs"]
    assert result_of(answers([one, other], slow, quick))[1] == "q", "another visitor waits for nobody"
    assert result_of(answers([one, one], slow, queued))[1] == "sqssq", "a queue has turns of its own"
