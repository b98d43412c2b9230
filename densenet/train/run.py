"""A training's folder as one value: which file in it is what, for the process that trains and for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from densenet.train.checkpoint import lock_of
from densenet.train.events import log_of, looks_of, wish_of


@dataclass(frozen=True)
class Run:
    """The folder of one training. Files that only its end writes may not be there yet."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name, by which people know the training."""
        return self.folder.name

    @property
    def job(self) -> Path:
        """What is trained, as `densenet.train.job` writes it; `python -m densenet.train --job` starts it and goes on with it."""
        return self.folder / "job.json"

    @property
    def checkpoint(self) -> Path:
        """All that a training goes on from; `densenet.weights.load_file` reads the net in it."""
        return self.folder / "checkpoint.pt"

    @property
    def checkpoint_card(self) -> Path:
        """The card of the net in the checkpoint, which claims nothing."""
        return self.checkpoint.with_suffix(".json")

    @property
    def log(self) -> Path:
        """What the training tells: JSON lines, one an event."""
        return log_of(self.checkpoint)

    @property
    def looks(self) -> Path:
        """What was seen inside the net at the end of each epoch: JSON lines."""
        return looks_of(self.checkpoint)

    @property
    def wish(self) -> Path:
        """What the training is asked: to pause, or to stop."""
        return wish_of(self.checkpoint)

    @property
    def lock(self) -> Path:
        """The file that the process which trains holds locked."""
        return lock_of(self.checkpoint)

    @property
    def process(self) -> Path:
        """Which process was started for it: its number, and when it began."""
        return self.folder / "process.json"

    @property
    def output(self) -> Path:
        """What the process said, if somebody keeps it."""
        return self.folder / "output.txt"

    @property
    def net(self) -> Path:
        """The trained net, at the end."""
        return self.folder / "net.pth"

    @property
    def net_card(self) -> Path:
        """The trained net's card."""
        return self.net.with_suffix(".json")

    @property
    def result(self) -> Path:
        """Confusion matrix and worst mistakes of the trained net: the last file that a training writes."""
        return self.folder / "result.json"
