"""A trainer that waits: it takes the job that is given to it, and leaves no process behind."""

from __future__ import annotations

from pathlib import Path

import psutil

from densenet.train import Recipe
from explorer.settings import Settings
from explorer.work import jobs, runs, standby
from tests.support.patience import LOW_PRIORITY_PATIENCE_SECONDS, wait_until
from tests.support.trainings import TINY, said, wait_for_state


def test_the_one_that_waits_trains_the_job(run_settings: Settings, picture_folder: Path) -> None:
    standby.prepare()
    waiting = standby._waiting
    standby.prepare()
    assert waiting is not None
    assert standby._waiting is waiting, "one is enough"
    job = jobs.job_of(run_settings, jobs.FOLDER, str(picture_folder), 16, TINY, Recipe(epochs=1, batch_size=8))
    run = runs.start(run_settings, job)
    assert runs._children[run.folder] is waiting
    wait_for_state(run_settings, "finished")
    assert "60 pictures" not in said(run_settings)
    assert "54 training pictures, 6 held out" in said(run_settings), "what it says goes where the run's page looks for it"
    assert standby.launched(run.job) is None, "none waits now"


def test_what_cannot_be_trained_is_said_by_it_too(run_settings: Settings, tmp_path: Path) -> None:
    standby.prepare()
    job = tmp_path / "job.json"
    job.write_text("{}")
    child = standby.launched(job)
    assert child is not None
    assert child.wait(LOW_PRIORITY_PATIENCE_SECONDS) == 2
    assert "is no job of this version" in (tmp_path / "output.txt").read_text()


def test_it_ends_with_whoever_started_it(run_settings: Settings) -> None:
    standby.prepare()
    child = standby._waiting
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()  # as the end of the app does
    assert child.wait(LOW_PRIORITY_PATIENCE_SECONDS) == 0
    standby.prepare()
    again = standby._waiting
    assert again is not None
    assert again.pid != child.pid
    standby.dismiss()
    wait_until(lambda: not psutil.pid_exists(again.pid), "its end")
