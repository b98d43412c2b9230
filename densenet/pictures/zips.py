"""Unpack a zip of pictures that a stranger sent: nothing outside its folder, no more than its limits, nothing but plain files."""

from __future__ import annotations

import lzma
import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from densenet.stopping import Progress, Stop, go_on, tell_nobody

MAX_ZIP_BYTES = 2 * 2**30
_LIMIT = f"{MAX_ZIP_BYTES // 2**30} GiB"
MAX_UNPACKED_BYTES = 4 * 2**30
MAX_ENTRIES = 200_000
_MAX_RATIO = 200  # of unpacked to packed: pictures hardly shrink, bombs by thousands
_LEAST_FOR_RATIO = 2**24  # bytes, below which nobody minds
_COPIED_AT_ONCE = 2**20
_DEEPEST = 12  # folders in folders


def _place(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """Return where an entry belongs, None for what is no plain file or has no business here; ValueError for a path outside."""
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name:
        raise ValueError(f"it holds a path that leads out of it, {name!r:.80}")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.is_dir() or kind not in (0, stat.S_IFREG) or any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
        return None
    if len(path.parts) > _DEEPEST or any(len(part.encode()) > 255 for part in path.parts):
        raise ValueError(f"it holds a name that is too long or too deep, {name!r:.80}")
    return path


def _check_sizes(entries: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"it holds {len(entries):,} files, and {MAX_ENTRIES:,} is the limit")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_UNPACKED_BYTES or (total > _LEAST_FOR_RATIO and total > _MAX_RATIO * packed_bytes):
        raise ValueError(f"it unpacks to {total / 2**30:,.1f} GiB, and {MAX_UNPACKED_BYTES // 2**30} GiB is the limit")


def check_zip(path: Path) -> None:
    """Raise ValueError, at once, for what is too large or no zip."""
    size = path.stat().st_size
    if size > MAX_ZIP_BYTES:
        raise ValueError(f"Cannot read {path.name:.120} as a zip of pictures: it has {size / 2**30:.1f} GiB, and {_LIMIT} is the limit.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"Cannot read {path.name:.120} as a zip of pictures: it is no zip, or is damaged.")


def unpack(path: str | os.PathLike[str], folder: Path, *, progress: Progress = tell_nobody, stop: Stop = go_on) -> Path:
    """Unpack the zip at `path` into the new `folder` and return the folder that holds its pictures: the innermost of single ones.

    ValueError with one sentence for what is no zip, is encrypted, leads outside or unpacks to more than it may; what was written until
    then is the caller's to remove. `progress` is told the bytes that are there and all of them.
    """
    path = Path(path)
    check_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_sizes(entries, path.stat().st_size)
            total, done = sum(entry.file_size for entry in entries), 0
            folder.mkdir(parents=True)
            for entry in entries:
                stop()
                place = _place(entry)
                if place is not None:
                    done += _copy(archive, entry, folder / place)
                    progress(done, total)
    except ValueError as error:
        raise ValueError(f"Cannot read {path.name:.120} as a zip of pictures: {error}.") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = "it is encrypted" if "encrypted" in str(error) else "it is no zip, or is damaged"
        raise ValueError(f"Cannot read {path.name:.120} as a zip of pictures: {reason}.") from None
    return innermost(folder)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> int:
    """Write one entry, never more than it says that it has, and return its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(entry) as source, target.open("xb") as file:
        while part := source.read(_COPIED_AT_ONCE):
            written += len(part)
            if written > entry.file_size:
                raise ValueError(f"{entry.filename!r:.80} is longer than it says")
            file.write(part)
    return written


def innermost(folder: Path) -> Path:
    """Return the first folder in `folder` that holds more than one thing, or a file."""
    while True:
        inside = list(folder.iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]
