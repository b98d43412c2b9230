"""Checkpoints: whole or not there, written by one process at a time, and only where there is room, which is looked for before hours are
spent."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from densenet.files import remove_partials
from densenet.weights.tensor_files import write_saved

try:
    import fcntl
except ImportError:  # Windows, where filelock has another way
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
_FREE_FACTOR = 3.0  # the old file, the new one beside it, and room for the log
_LOCK_SECONDS, _LOCK_POLL_SECONDS = 1.0, 0.02  # a training takes its lock although somebody looks at it just now
_looking = threading.Lock()


def save(path: Path, state: Mapping[str, object]) -> None:
    """Write a checkpoint, whole or not at all; OSError if that fails, and the one before it is still there."""
    write_saved(path, {"format": FORMAT, **state})


def load(path: Path) -> dict[str, object]:
    """Read a checkpoint, tensors and plain values only; ValueError for any other file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise ValueError
    except FileNotFoundError:
        raise
    except Exception:  # a damaged file makes torch raise what it likes
        raise ValueError(f"{path} is not a checkpoint of this version of the project, or it is damaged") from None
    return state


def check_room(path: Path, needed_bytes: int) -> None:
    """Make the folder of `path`, write in it and look for free space; ValueError with one sentence if a checkpoint could not be kept."""
    folder = path.parent
    probe = folder / f".{path.name}.probe"
    try:
        if path.is_dir():
            raise OSError("it is a folder")
        folder.mkdir(parents=True, exist_ok=True)
        with open(probe, "wb") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ValueError(f"checkpoint {path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):  # its folder may be no folder, or not ours
            probe.unlink(missing_ok=True)
    free, needed = shutil.disk_usage(folder).free, _FREE_FACTOR * needed_bytes
    if free < needed:
        raise ValueError(f"checkpoint {path} needs about {needed / 2**20:.0f} MiB of disk, and {folder} has {free / 2**20:.0f} MiB free")


def lock_of(checkpoint: Path) -> Path:
    """Return the file beside `checkpoint` that the training which writes it holds locked."""
    return checkpoint.with_suffix(".lock")


@contextmanager
def locked(checkpoint: Path | None, needed_bytes: int) -> Iterator[None]:
    """Hold `checkpoint` for this process; ValueError if there is no room for it, or another process trains it. None: nothing to hold.

    The kernel lets go of the lock with the process, however that ends.
    """
    if checkpoint is None:
        yield
        return
    check_room(checkpoint, needed_bytes)
    lock = FileLock(lock_of(checkpoint), timeout=_LOCK_SECONDS)
    try:
        lock.acquire(poll_interval=_LOCK_POLL_SECONDS)
    except Timeout:
        raise ValueError(f"checkpoint {checkpoint} is being written by another training that runs now") from None
    except (OSError, NotImplementedError) as error:  # not ours, or a file system without locks
        raise ValueError(f"checkpoint {checkpoint} cannot be locked: {getattr(error, 'strerror', None) or error}") from None
    try:
        remove_partials(checkpoint)
        yield
    finally:
        lock.release()


def is_locked(checkpoint: Path) -> bool:
    """Whether a training writes `checkpoint` now, in whatever process of this machine; costs a few system calls.

    Looks share the lock, so that they do not take each other for a training. A training that starts meanwhile tries again; within this
    process looks wait for each other, which leaves it the moments between them.
    """
    file = lock_of(checkpoint)
    with _looking:
        if fcntl is None:
            return file.is_file() and _is_held(file)
        try:
            handle = os.open(file, os.O_RDONLY)
        except OSError:  # nobody ever trained it, or it is not ours to look at
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            return False
        finally:
            os.close(handle)


def _is_held(file: Path) -> bool:
    """Try to hold `file` alone, for where nothing else tells (Windows); another app's look is over by the second try."""
    try:
        with FileLock(file, timeout=_LOCK_POLL_SECONDS).acquire(poll_interval=_LOCK_POLL_SECONDS / 4):
            return False
    except (Timeout, OSError):
        return True
