"""What the command line decides for the whole app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`device` as in `densenet.running.device.choose_device`; `weights_dir` None means torch's cache; `offline` forbids downloads.

    Trainings are kept in `runs_dir`.
    """

    device: str = "auto"
    weights_dir: Path | None = None
    offline: bool = False
    runs_dir: Path = Path("runs")
