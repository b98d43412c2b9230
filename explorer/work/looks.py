"""What was seen inside the net of the latest training while it learns: read on where it was left, for all pages together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from densenet.train.events import Follower
    from densenet.train.run import Run
    from densenet.train.watching import Look, Watched

_followers: dict[Path, Follower[Watched | Look]] = {}  # of the run that is looked at


def looks(run: Run) -> tuple[Watched | None, tuple[Look, ...]]:
    """Return the pictures that the net of `run` is shown, and a look for each epoch; None and nothing for a run without."""
    from densenet.train.events import Follower
    from densenet.train.watching import Look, Watched, parsed

    follower = _followers.get(run.folder)
    if follower is None:
        follower = Follower(run.looks, parsed)
        _followers.clear()
        _followers[run.folder] = follower
    lines = follower.all()
    watched = next((line for line in lines if isinstance(line, Watched)), None)
    return watched, tuple(line for line in lines if isinstance(line, Look)) if watched else ()
