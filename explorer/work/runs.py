"""The one training of this machine: a process of its own at low priority, whose log and result every visitor sees.

A run is a folder under `Settings.runs_dir`, as `python -m densenet.train` writes it, with the job that it was started with and goes on
with. The process outlives the page and the app: whoever comes back finds it where it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock

from explorer.settings import Settings
from explorer.work import standby
from explorer.work.jobs import DATASETS, net_of, pictures_of

if TYPE_CHECKING:
    from densenet.train import Event
    from densenet.train.events import LogFollower
    from densenet.train.job import Job
    from densenet.train.run import Run

_NICENESS = 15
_NAME_LENGTH = 48  # of a run's folder, of which each character may take four bytes of the file system's 255
_LAST_WORDS_BYTES = 4096
_STARTING, _STARTING_SECONDS = ".starting.lock", 30.0
_JOBS, _NETS = "*/job.json", "*/net.pth"  # in the folder of trainings, as `densenet.train.run.Run` calls them

_starting = threading.Lock()
_children: dict[Path, subprocess.Popen[bytes]] = {}  # of this app, by run: one that has ended must be asked for
_followers: dict[Path, LogFollower] = {}  # of the run that is looked at


def _run_name(job: Job) -> str:
    """Return a name for a run's folder, in whatever writing the data's name is."""
    data = job.data if job.data in DATASETS else job.name
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else "-" for c in unicodedata.normalize("NFC", data.lower()))
    words = "-".join(word for word in kept.split("-") if word)[:_NAME_LENGTH].strip("-")
    return f"{words or 'pictures'}-{time.strftime('%Y%m%d-%H%M%S')}"


@dataclass(frozen=True)
class Status:
    """Where the latest training is."""

    run: Run
    state: str  # running, paused, stopped, finished, failed
    events: tuple[Event, ...]
    message: str  # of a failure: the last that the process said

    @property
    def last(self) -> Event | None:
        """The latest event that tells of progress."""
        return next((event for event in reversed(self.events) if event.kind in ("progress", "epoch", "end", "stopped")), None)


def _ordered(settings: Settings, pattern: str) -> list[Path]:
    """Return the files of all runs that fit `pattern`, the latest first."""
    found: list[tuple[int, Path]] = []
    for file in settings.runs_dir.glob(pattern):
        with suppress(OSError):  # somebody has just removed it
            found.append((file.stat().st_mtime_ns, file))
    return [file for _, file in sorted(found, reverse=True)]


def latest(settings: Settings) -> Run | None:
    """Return the run that was started last."""
    from densenet.train.run import Run

    return next((Run(file.parent) for file in _ordered(settings, _JOBS)), None)


def _was_started(run: Run) -> bool:
    """Whether the process that was started for `run` still lives: until it has read its pictures, no lock tells."""
    child = _children.get(run.folder)
    if child is not None and child.poll() is None:
        return True
    try:
        number, born = json.loads(run.process.read_text(encoding="utf-8"))
        process = psutil.Process(number)
        return abs(process.create_time() - born) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, TypeError, psutil.Error):
        return False


def is_running(run: Run) -> bool:
    """Whether the training of `run` is at work, in a process of this app or of another one."""
    from densenet.train.checkpoint import is_locked

    return is_locked(run.checkpoint) or _was_started(run)


def _events_of(run: Run) -> tuple[Event, ...]:
    from densenet.train.events import LogFollower

    if run.folder not in _followers:
        follower = LogFollower(run.checkpoint)
        _followers.clear()
        _followers[run.folder] = follower
        return follower.all()
    return _followers[run.folder].all()


def status(settings: Settings) -> Status | None:
    """Return where the latest training is, None if there never was one."""
    from densenet.train.events import asked

    run = latest(settings)
    if run is None:
        return None
    running = is_running(run)  # asked first: once it is over, the log is all there
    events = _events_of(run)
    if running:
        return Status(run, "paused" if asked(run.checkpoint) == "pause" else "running", events, "")
    if run.result.is_file():
        return Status(run, "finished", events, "")
    stopped = bool(events) and events[-1].kind == "stopped"
    return Status(run, "stopped" if stopped else "failed", events, "" if stopped else _last_words(run))


def _last_words(run: Run) -> str:
    """Return the last line that the process of `run` said."""
    try:
        with run.output.open("rb") as file:
            file.seek(max(0, run.output.stat().st_size - _LAST_WORDS_BYTES))
            said = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return said[-1] if said else ""


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One start at a time, also of several apps that share a folder of trainings; makes that folder."""
    with _starting:
        settings.runs_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.runs_dir / _STARTING, timeout=_STARTING_SECONDS):
            yield


def _step_back(process: psutil.Process) -> None:
    """Let everything else on the machine go first, before the process has threads of its own."""
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        process.nice(max(process.nice(), _NICENESS))


def _launch(run: Run) -> None:
    from densenet.files import write_whole

    child = standby.launched(run.job)
    if child is None:
        command = [sys.executable, "-m", "densenet.train", "--job", str(run.job)]
        with run.output.open("ab") as output:
            child = subprocess.Popen(command, cwd=standby.ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    _children[run.folder] = child
    with suppress(psutil.Error, OSError):  # it has ended already, or its priority is not ours to change: it trains all the same
        process = psutil.Process(child.pid)
        started = json.dumps([child.pid, process.create_time()]).encode()
        write_whole(run.process, lambda file: file.write(started))
        _step_back(process)


def _new_run(settings: Settings, job: Job) -> Run:
    """Make a folder that no training has had."""
    from densenet.train.run import Run

    name = _run_name(job)
    number = 1
    while True:
        run = Run(settings.runs_dir / (name if number == 1 else f"{name}-{number}"))
        try:
            run.folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return run


def start(settings: Settings, job: Job) -> Run:
    """Start a training and return its run; ValueError if one is at work, or for what cannot be trained."""
    from densenet.train.job import write_job

    net_of(job, pictures_of(job))
    with _alone(settings):
        busy = latest(settings)
        if busy is not None and is_running(busy):
            raise ValueError(f"{busy.name} is being trained now; stop it first: one training at a time.")
        run = _new_run(settings, job)
        write_job(run.job, job)
        _launch(run)
        return run


def resume(settings: Settings) -> None:
    """Let the latest training go on, from its pause or from its last checkpoint."""
    from densenet.train import ask

    with _alone(settings):
        run = latest(settings)
        if run is None:
            raise ValueError("There is no training to go on with.")
        ask(run.checkpoint, "go")
        if not is_running(run) and not run.result.is_file():
            _launch(run)


def wish(settings: Settings, what: str) -> None:
    """Ask the training that is at work to "pause" or to "stop"; it writes a checkpoint first."""
    from densenet.train import ask

    run = latest(settings)
    if run is not None and is_running(run):
        ask(run.checkpoint, what)


def result_of(run: Run) -> Mapping[str, object] | None:
    """Return what a finished training has found: accuracy, confusion, worst mistakes."""
    return json.loads(run.result.read_text(encoding="utf-8")) if run.result.is_file() else None


def trained(settings: Settings) -> dict[str, Path]:
    """Return the nets of finished trainings, the latest first, by the name of their run."""
    return {file.parent.name: file for file in _ordered(settings, _NETS)}
