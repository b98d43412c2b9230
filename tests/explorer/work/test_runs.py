"""The one training of this machine: started behind everything else, seen by all, paused, stopped and gone on with."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from densenet.train import Recipe, ask
from densenet.train.checkpoint import locked
from densenet.train.job import Job, read_job
from densenet.train.run import Run
from explorer.settings import Settings
from explorer.work import jobs, runs
from tests.support.patience import LOW_PRIORITY_PATIENCE_SECONDS, wait_until
from tests.support.trainings import TINY, finished_run, said, state_of, wait_for_state


def endless(settings: Settings, folder: Path) -> Job:
    return jobs.job_of(settings, jobs.FOLDER, str(folder), 16, TINY, Recipe(epochs=100_000, batch_size=8, lr=0.05))


class Sleeper:
    """A process in place of a training's, for what is asked before it has locked anything."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command, self.options, self.pid, self.ended = command, options, os.getpid(), False

    def poll(self) -> int | None:
        return 0 if self.ended else None

    def wait(self) -> int:
        return 0

    def kill(self) -> None:
        self.ended = True


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> list[Sleeper]:
    made: list[Sleeper] = []

    def start(command: list[str], **options: Any) -> Sleeper:
        made.append(Sleeper(command, **options))
        return made[-1]

    monkeypatch.setattr(runs.subprocess, "Popen", start)
    monkeypatch.setattr(runs, "_step_back", lambda process: None)
    return made


def test_started_paused_stopped_and_gone_on_with(run_settings: Settings, picture_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.start(run_settings, endless(run_settings, picture_folder))
    child = runs._children[run.folder]
    assert psutil.Process(child.pid).nice() == max(15, psutil.Process().nice()), "everything else goes first"
    with monkeypatch.context() as patched:
        patched.setattr(runs, "_children", {})
        assert state_of(run_settings) == "running", "another app sees it before it has locked its checkpoint"
        with pytest.raises(ValueError, match="is being trained now; stop it first: one training at a time"):
            runs.start(run_settings, endless(run_settings, picture_folder))

    seen = lambda: runs.status(run_settings).events  # type: ignore[union-attr]  # noqa: E731
    wait_until(lambda: len(seen()) > 2 or state_of(run_settings) == "failed", "reports", LOW_PRIORITY_PATIENCE_SECONDS)
    assert state_of(run_settings) == "running", said(run_settings)
    run.process.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(runs, "_children", {})
        assert state_of(run_settings) == "running", "its lock tells"
    runs.wish(run_settings, "pause")
    wait_until(lambda: any(event.kind == "paused" for event in seen()), "the pause", LOW_PRIORITY_PATIENCE_SECONDS)
    assert state_of(run_settings) == "paused"
    runs.resume(run_settings)
    assert len(runs._children) == 1
    assert runs._children[run.folder] is child, "the same process goes on"
    wait_until(lambda: seen()[-1].kind != "paused", "the end of the pause", LOW_PRIORITY_PATIENCE_SECONDS)
    runs.wish(run_settings, "stop")
    wait_for_state(run_settings, "stopped")
    stopped_at = seen()[-1].step

    with monkeypatch.context() as patched:  # the app is started anew
        patched.setattr(runs, "_children", {})
        patched.setattr(runs, "_followers", {})
        assert state_of(run_settings) == "stopped"
        runs.resume(run_settings)
        another = runs._children[run.folder]
    runs._children[run.folder] = another
    assert another.pid != child.pid
    wait_until(lambda: seen()[-1].step > stopped_at or state_of(run_settings) == "failed", "a step", LOW_PRIORITY_PATIENCE_SECONDS)
    assert state_of(run_settings) == "running", said(run_settings)


def test_a_failure_is_told_by_its_last_words(run_settings: Settings) -> None:
    runs.start(run_settings, jobs.job_of(run_settings, jobs.DIGITS, "", 32, TINY, Recipe(batch_size=1)))
    wait_until(lambda: state_of(run_settings) != "running", "the failure", LOW_PRIORITY_PATIENCE_SECONDS)
    seen = runs.status(run_settings)
    assert seen is not None
    assert seen.state == "failed"
    assert "batch_size must give each process at least 2 pictures" in seen.message


def test_the_job_says_all_that_was_asked(run_settings: Settings, picture_folder: Path, sleepers: list[Sleeper]) -> None:
    recipe = Recipe(epochs=7, minutes=2.5, optimizer="adam", lr=0.003, crop="resized", ema_decay=0.999, flip=False)
    job = jobs.job_of(run_settings, jobs.FOLDER, str(picture_folder), 24, replace(TINY, growth_rate=6, bn_size=0), recipe)
    run = runs.start(run_settings, job)
    assert read_job(run.job) == job
    assert (job.recipe, job.size, job.device) == (recipe, 24, "cpu")
    assert job.net(3, 2) == replace(TINY, growth_rate=6, bn_size=0, num_classes=2)
    (process,) = sleepers
    assert process.command[1:] == ["-m", "densenet.train", "--job", str(run.job)]
    assert Path(process.command[-1]).is_absolute()


def test_a_folder_of_trainings_is_the_apps_and_not_the_trainers(
    tmp_path: Path, picture_folder: Path, sleepers: list[Sleeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(device="cpu", runs_dir=Path("mine"))
    monkeypatch.chdir("/")
    run = runs.start(settings, endless(settings, picture_folder))
    assert run.folder.parent == tmp_path / "mine"
    assert Path(sleepers[0].command[-1]) == run.job
    for process in sleepers:
        process.kill()
    runs._children.clear()


def test_two_apps_start_one_training(
    run_settings: Settings, picture_folder: Path, sleepers: list[Sleeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the seconds before the first process has locked its checkpoint."""
    runs.start(run_settings, endless(run_settings, picture_folder))
    monkeypatch.setattr(runs, "_children", {})
    with pytest.raises(ValueError, match="one training at a time"):
        runs.start(run_settings, endless(run_settings, picture_folder))
    assert len(sleepers) == 1


def test_a_process_that_is_gone_or_another_is_no_training(run_settings: Settings) -> None:
    run = finished_run(run_settings)
    for content in ("", "[]", "[1]", "nonsense", json.dumps([os.getpid(), 12.0]), json.dumps([2**22 + 1, 12.0])):
        run.process.write_text(content)
        assert not runs.is_running(run)
    run.process.write_text(json.dumps([os.getpid(), psutil.Process().create_time()]))
    assert runs.is_running(run)


def test_a_priority_that_cannot_be_changed_is_no_reason_not_to_train(
    run_settings: Settings, picture_folder: Path, sleepers: list[Sleeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(runs, "_step_back", refuse)
    assert runs.is_running(runs.start(run_settings, endless(run_settings, picture_folder)))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Собаки", "собаки"),
        ("हिन्दी चित्र", "हिन्दी-चित्र"),
        ("鳥 と 猫", "鳥-と-猫"),
        ("My photos, 2nd!", "my-photos-2nd"),
        ("../..", "pictures"),
        ("🐶", "pictures"),
        ("x" * 300, "x" * 48),
    ],
)
def test_a_run_is_called_after_its_data_in_any_writing(label: str, expected: str) -> None:
    name = runs._run_name(Job(data="photos", label=label))
    assert name.rsplit("-", 2)[0] == expected
    assert len(name.encode()) <= 255


def test_no_two_runs_share_a_folder(run_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.time, "strftime", lambda _: "20260101-000000")
    run_settings.runs_dir.mkdir()
    made = [runs._new_run(run_settings, Job(data="photos")).name for _ in range(3)]
    assert made == ["photos-20260101-000000", "photos-20260101-000000-2", "photos-20260101-000000-3"]


def test_what_is_asked_reaches_a_training_that_is_at_work_only(run_settings: Settings) -> None:
    runs.wish(run_settings, "stop")
    with pytest.raises(ValueError, match="There is no training to go on with"):
        runs.resume(run_settings)
    run = finished_run(run_settings)
    runs.wish(run_settings, "stop")
    assert not run.wish.exists()
    with locked(run.checkpoint, 0):
        runs.wish(run_settings, "pause")
        assert run.wish.read_text() == "pause"
        assert state_of(run_settings) == "paused"
        ask(run.checkpoint, "go")
        assert state_of(run_settings) == "running"
    assert state_of(run_settings) == "finished"
    assert runs.trained(run_settings) == {run.name: run.net}
    assert runs.latest(run_settings) == Run(run.folder)
