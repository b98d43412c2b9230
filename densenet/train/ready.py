"""A training that is ready before its job is known: half of what one waits for is the import of its libraries.

`python -m densenet.train.ready` imports them, then reads the path of a job.json from its standard input and trains it, with what it says
in the run's output file; it ends without a job as soon as whoever started it is gone, or after a while.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import torch

from densenet.train.__main__ import main as train
from densenet.train.run import Run

_WAIT_SECONDS = 900.0


def _import_the_rest() -> None:
    """Have torch import what the first optimizer needs."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])


def _told() -> str:
    """Return the line that comes; empty where none does."""
    if os.name == "posix" and not select.select([sys.stdin], [], [], _WAIT_SECONDS)[0]:
        return ""
    return sys.stdin.readline().strip()


def main() -> int:
    """Wait for a job and train it; return the exit status of the training, 0 where there was none."""
    _import_the_rest()
    job = _told()
    if not job:
        return 0
    with Run(Path(job).parent).output.open("ab") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    return train(["--job", job])


if __name__ == "__main__":
    sys.exit(main())
