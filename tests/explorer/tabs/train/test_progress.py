"""Looking at a training: what is shown, and that what a page has is neither read nor sent again."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from densenet.train import Event
from densenet.train import events as log
from densenet.train.checkpoint import locked
from explorer.settings import Settings
from explorer.tabs.train.progress import NOTHING, Shown, look
from explorer.work import runs
from tests.support.trainings import events, finished_run

SKIPPED = gr.skip()
LINE, CURVES, CONFUSION, MISTAKES, STOP, PAUSE, NET, SHOWN = range(8)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes of logs and how many results were read, one entry each."""
    seen: list[int] = []
    parsed, result_of = log._parsed, runs.result_of
    monkeypatch.setattr(log, "_parsed", lambda lines: seen.append(len(lines)) or parsed(lines))
    monkeypatch.setattr(runs, "result_of", lambda run: seen.append(-1) or result_of(run))
    return seen


def test_nothing_yet(run_settings: Settings) -> None:
    shown = look(run_settings)
    assert shown[LINE] == NOTHING
    assert [json.loads(shown[part])["figures"] for part in (CURVES, CONFUSION)] == [[], []], "no empty charts"
    assert [shown[button]["interactive"] for button in (STOP, PAUSE)] == [False, False]
    assert shown[NET]["visible"] is False


def test_a_finished_training_is_shown_whole(run_settings: Settings) -> None:
    run = finished_run(run_settings)
    answer = look(run_settings)
    assert run.name in answer[LINE]
    assert "finished" in answer[LINE]
    assert "step 20 of 20, epoch 1" in answer[LINE]
    assert "held out: <b>75.0 %</b>, best 75.0 %" in answer[LINE]
    curves, (confusion,) = (json.loads(answer[part])["figures"] for part in (CURVES, CONFUSION))
    assert curves[0]["data"][0]["y"] == [1 / step for step in range(1, 21)]
    assert confusion["data"][0]["text"] == [[3, 1], [0, 4]]
    assert "a, taken for <b>b</b> (90 %)" in answer[MISTAKES]
    assert answer[NET]["value"] == str(run.net)
    assert not answer[STOP]["interactive"]
    assert not answer[PAUSE]["interactive"]


def test_what_a_page_has_is_neither_read_nor_sent_again(run_settings: Settings, read: list[int]) -> None:
    finished_run(run_settings)
    first = look(run_settings)
    assert len(read) == 2, "its log and its result"
    again = look(run_settings, first[SHOWN])
    assert again[:SHOWN] == [SKIPPED] * 7
    assert again[SHOWN] == first[SHOWN]
    assert len(read) == 2
    assert SKIPPED not in look(run_settings)[:SHOWN], "a page that is opened gets all"
    assert len(read) == 3, "the log's events are known"


def test_while_it_learns_only_what_is_new_is_read_and_sent(run_settings: Settings, read: list[int]) -> None:
    run = finished_run(run_settings)
    run.result.unlink()
    with locked(run.checkpoint, 0):
        first = look(run_settings)
        read.clear()
        assert "learning" in first[LINE]
        log.append(run.log, events(21)[-1])
        answer = look(run_settings, first[SHOWN])
        assert sum(read) < 150, "one line"
        assert json.loads(answer[CURVES])["figures"][0]["data"][0]["x"][-1] == 21
        assert "step 21 of 21" in answer[LINE]
        assert [answer[part] for part in (CONFUSION, MISTAKES, STOP, PAUSE, NET)] == [SKIPPED] * 5


def test_a_training_that_starts_after_a_finished_one_clears_its_end(run_settings: Settings) -> None:
    old = finished_run(run_settings)
    shown = look(run_settings)[SHOWN]
    new = finished_run(run_settings, "photos-20260101-000001")
    for path in (new.result, new.net, new.log):
        path.unlink()
    old_time = old.job.stat().st_mtime_ns
    import os

    os.utime(new.job, ns=(old_time + 10**9, old_time + 10**9))
    with locked(new.checkpoint, 0):
        answer = look(run_settings, shown)
    assert "reading the pictures" in answer[LINE]
    assert [json.loads(answer[part])["figures"] for part in (CURVES, CONFUSION)] == [[], []], "those of the other one are gone"
    assert answer[MISTAKES] == ""
    assert not answer[NET]["visible"]
    assert answer[STOP]["interactive"]


def test_paused_stopped_and_failed_can_go_on(run_settings: Settings) -> None:
    def shown(*words: str) -> list[Any]:
        answer = look(run_settings)
        assert all(word in answer[LINE] for word in words), answer[LINE]
        assert answer[PAUSE]["value"] == "Go on"
        assert answer[PAUSE]["interactive"]
        return answer

    run = finished_run(run_settings)
    run.result.unlink()
    run.output.write_text("a line\nNot trained: <no> room\n")
    shown("ended early", "Not trained: &lt;no&gt; room")
    log.append(run.log, Event(kind="stopped", step=20, steps=20, epoch=1, seconds=20, lr=0.1))
    assert "room" not in shown("stopped")[LINE]
    with locked(run.checkpoint, 0):
        log.ask(run.checkpoint, "pause")
        shown("paused")


def test_what_is_shown_can_be_kept_by_a_page() -> None:
    assert hash(Shown()) == hash(Shown())


def test_a_training_that_failed_at_once_is_its_sentence(run_settings: Settings) -> None:
    run = finished_run(run_settings)
    for path in (run.result, run.net, run.log):
        path.unlink()
    run.output.write_text("lr must be lower than 9\n")
    answer = look(run_settings)
    assert "lr must be lower than 9" in answer[LINE]
    assert [json.loads(answer[part])["figures"] for part in (CURVES, CONFUSION)] == [[], []]
