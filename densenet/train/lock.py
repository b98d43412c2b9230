"""A checkpoint is written by one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from densenet.train.checkpoint import check_room
from densenet.whole_files import remove_partials

try:
    import fcntl
except ImportError:  # Windows: two trainings of one checkpoint are then the user's to avoid
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(checkpoint: Path | None, needed_bytes: int) -> Iterator[None]:
    """Hold `checkpoint` for this process; ValueError if there is no room for it, or another process trains it. None: nothing to hold.

    The kernel lets go of the lock with the process, however that ends.
    """
    if checkpoint is None:
        yield
        return
    check_room(checkpoint, needed_bytes)
    handle = os.open(checkpoint.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(f"checkpoint {checkpoint} is being written by another training that runs now") from None
        remove_partials(checkpoint)
        yield
    finally:
        os.close(handle)
