"""Checkpoints: whole or not there, written by one process at a time, and only where there is room, which is looked for before hours are
spent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from densenet.files import remove_partials
from densenet.weights.tensor_files import write_saved

try:
    import fcntl
except ImportError:  # Windows: two trainings of one checkpoint are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
_FREE_FACTOR = 3.0  # the old file, the new one beside it, and room for the log


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


def is_locked(checkpoint: Path) -> bool:
    """Whether a training writes `checkpoint` now, in whatever process of this machine."""
    file = checkpoint.with_suffix(".lock")
    if fcntl is None or not file.is_file():
        return False
    handle = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)
