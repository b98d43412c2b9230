"""Files that are whole or not there, whatever ends the process while they are written."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO
from uuid import uuid4


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place: after a crash at any moment `path` is the old one or the new one."""
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")  # its own: another process may be writing the same file
    try:
        with open(partial, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself outlive a power cut, where folders can be opened (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_partials(path: Path) -> None:
    """Remove what killed processes left of `path`; nobody else may be writing it now."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
        left.unlink(missing_ok=True)


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed_ns: int, inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal; read once in a process, and again only when the file has changed."""
    seen = path.stat()
    return _sha256(path.absolute(), seen.st_size, seen.st_mtime_ns, seen.st_ino)
