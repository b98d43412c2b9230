"""Checkpoints, which are whole or not there, and the check that there is room for them before hours are spent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch

from densenet.tensor_files import write_saved

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
