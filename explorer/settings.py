"""What the command line decides for the whole app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`device` as in `densenet.running.device.choose_device`; `weights_dir` None means torch's cache; `offline` forbids downloads.

    Trainings are kept in `runs_dir`, which is absolute here: the processes that train run in another folder than the app.
    """

    device: str = "auto"
    weights_dir: Path | None = None
    offline: bool = False
    runs_dir: Path = Path("runs")

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs_dir", self.runs_dir.resolve())
