"""The one training of this machine: a process of its own at low priority, whose log and result every visitor sees.

A run is a folder under `Settings.runs_dir`, as `python -m densenet.train` writes it, with the command that makes it go on. The process
outlives the page and the app: whoever comes back finds it where it is.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from densenet import DenseNetConfig, Workload, estimate_memory
from explorer.settings import Settings
from explorer.work.known_device import look

if TYPE_CHECKING:
    from densenet.train import Event, Recipe

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = "folder"
DATASETS = {  # name -> label, training pictures, channels, pixels a side, classes
    "fashion_mnist": ("Fashion-MNIST", 60_000, 1, 28, 10),
    "cifar10": ("CIFAR-10", 50_000, 3, 32, 10),
}
_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
_NICENESS = 15
_COMMAND, _OUTPUT, _CHECKPOINT, _NET, _RESULT = "command.json", "output.txt", "checkpoint.pt", "net.pth", "result.json"
_FROM_PICTURES = ("in_channels", "num_classes")

_starting = threading.Lock()
_children: dict[Path, subprocess.Popen[bytes]] = {}  # of this app, by run: one that has ended must be asked for


@dataclass(frozen=True)
class Order:
    """What shall be trained: on which pictures, which net, by which recipe. `folder` holds a dataset's files, or the classes."""

    data: str  # of DATASETS, or FOLDER
    folder: str
    size: int  # pixels a side
    config: DenseNetConfig
    recipe: Recipe

    def pictures(self) -> tuple[int, int, int]:
        """Return (training pictures, channels, classes); ValueError where there is nothing to train on."""
        if self.data in DATASETS:
            _, images, channels, _, classes = DATASETS[self.data]
            return images, channels, classes
        if self.data != FOLDER:
            raise ValueError(f"data must be one of {', '.join((*DATASETS, FOLDER))}, got {self.data!r}")
        if not self.folder or not Path(self.folder).is_dir():
            raise ValueError(f"There is no folder {self.folder!r} on this machine.")
        root = Path(self.folder) / "train" if (Path(self.folder) / "train").is_dir() else Path(self.folder)
        folders = [path for path in root.iterdir() if path.is_dir()]
        images = sum(1 for one in folders for path in one.rglob("*") if path.suffix.lower() in _PICTURES)
        if len(folders) < 2 or not images:
            raise ValueError(f"{self.folder} must hold one folder of pictures for each of two or more classes, it holds {len(folders)}.")
        return images, 3, len(folders)

    def net(self) -> DenseNetConfig:
        """Return the net with the channels and classes of the pictures; ValueError where it cannot take them."""
        _, channels, classes = self.pictures()
        config = replace(self.config, in_channels=channels, num_classes=classes)
        config.check_image_size(self.size)
        return config

    def name(self) -> str:
        """Return a name for the run's folder."""
        data = self.data if self.data in DATASETS else Path(self.folder).resolve().name
        return re.sub(r"[^a-z0-9]+", "-", f"{data}-{time.strftime('%Y%m%d-%H%M%S')}".lower()).strip("-")

    def arguments(self, run: Path, settings: Settings) -> list[str]:
        """Return the command line of `python -m densenet.train`."""
        given: list[str] = [self.folder if self.data == FOLDER else self.data, "--run-dir", str(run), "--size", str(self.size)]
        if self.data != FOLDER and self.folder:
            given += ["--data-folder", self.folder]
        given += ["--device", settings.device, "--label", self.name().rsplit("-", 2)[0], "--save-seconds", "20"]
        config: dict[str, object] = {k: v for k, v in asdict(self.net()).items() if k not in _FROM_PICTURES}
        for field, value in {**config, **self.recipe.as_dict()}.items():
            if value is None:
                continue
            flag = "--" + field.replace("_", "-")
            if isinstance(value, bool):
                given.append(flag if value else "--no-" + field.replace("_", "-"))
            else:
                given += [flag, ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)]
        return given


@dataclass(frozen=True)
class Expected:
    """What a training will take, cautiously."""

    images: int
    config: DenseNetConfig
    epoch_seconds: float
    peak_bytes: int  # of a step, by `estimate_memory`
    data_bytes: int  # of the decoded pictures


def expected(settings: Settings, order: Order) -> Expected:
    """Estimate time and memory of a training before it starts; ValueError for what cannot be trained."""
    from densenet.measure.forecast import expected_seconds

    config = order.net()
    images, channels, _ = order.pictures()
    step = Workload(
        image_size=order.size,
        batch_size=order.recipe.batch_size,
        mode="train",
        optimizer="adam" if order.recipe.optimizer == "adam" else "momentum",
        precision=order.recipe.precision,
    )
    seconds = expected_seconds(config, step, look(settings).type) * images / order.recipe.batch_size
    return Expected(images, config, seconds, estimate_memory(config, step).peak, images * channels * order.size**2)


@dataclass(frozen=True)
class Status:
    """Where the latest training is."""

    run: Path
    state: str  # running, paused, stopped, finished, failed
    events: tuple[Event, ...]
    message: str  # of a failure: the last that the process said

    @property
    def last(self) -> Event | None:
        """The latest event that tells of progress."""
        return next((event for event in reversed(self.events) if event.kind in ("progress", "epoch", "end", "stopped")), None)


def latest(settings: Settings) -> Path | None:
    """Return the run that was started or resumed last."""
    commands = sorted(settings.runs_dir.glob(f"*/{_COMMAND}"), key=lambda file: file.stat().st_mtime)
    return commands[-1].parent if commands else None


def is_running(run: Path) -> bool:
    """Whether the training of `run` is at work, in a process of this app or of an earlier one."""
    from densenet.train.checkpoint import is_locked

    child = _children.get(run)
    return (child is not None and child.poll() is None) or is_locked(run / _CHECKPOINT)


def status(settings: Settings) -> Status | None:
    """Return where the latest training is, None if there never was one."""
    from densenet.train import read_log
    from densenet.train.events import asked

    run = latest(settings)
    if run is None:
        return None
    events = tuple(read_log(run / _CHECKPOINT))
    if is_running(run):
        return Status(run, "paused" if asked(run / _CHECKPOINT) == "pause" else "running", events, "")
    if (run / _RESULT).is_file():
        return Status(run, "finished", events, "")
    output = (run / _OUTPUT).read_text(encoding="utf-8", errors="replace").strip().splitlines() if (run / _OUTPUT).is_file() else []
    stopped = bool(events) and events[-1].kind == "stopped"
    return Status(run, "stopped" if stopped else "failed", events, "" if stopped or not output else output[-1])


def _launch(run: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "densenet.train", *arguments]
    if sys.platform != "win32":
        command = ["nice", "-n", str(_NICENESS), *command]
    with (run / _OUTPUT).open("ab") as output:
        _children[run] = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)


def start(settings: Settings, order: Order) -> Path:
    """Start a training and return its run; ValueError if one is at work, or for what cannot be trained."""
    with _starting:
        busy = latest(settings)
        if busy is not None and is_running(busy):
            raise ValueError(f"{busy.name} is being trained now; stop it first: one training at a time.")
        run = settings.runs_dir / order.name()
        arguments = order.arguments(run, settings)
        run.mkdir(parents=True, exist_ok=True)
        (run / _COMMAND).write_text(json.dumps(arguments), encoding="utf-8")
        _launch(run, arguments)
        return run


def resume(settings: Settings) -> None:
    """Let the latest training go on, from its pause or from its last checkpoint."""
    from densenet.train import ask

    with _starting:
        run = latest(settings)
        if run is None:
            raise ValueError("There is no training to go on with.")
        ask(run / _CHECKPOINT, "go")
        if not is_running(run) and not (run / _RESULT).is_file():
            _launch(run, json.loads((run / _COMMAND).read_text(encoding="utf-8")))


def wish(settings: Settings, what: str) -> None:
    """Ask the training that is at work to "pause" or to "stop"; it writes a checkpoint first."""
    from densenet.train import ask

    run = latest(settings)
    if run is not None and is_running(run):
        ask(run / _CHECKPOINT, what)


def result_of(run: Path) -> Mapping[str, object] | None:
    """Return what a finished training has found: accuracy, confusion, worst mistakes."""
    file = run / _RESULT
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def trained(settings: Settings) -> dict[str, Path]:
    """Return the nets of finished trainings, the latest first, by the name of their run."""
    files = sorted(settings.runs_dir.glob(f"*/{_NET}"), key=lambda file: file.stat().st_mtime, reverse=True)
    return {file.parent.name: file for file in files}
