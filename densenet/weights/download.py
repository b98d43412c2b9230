"""Download a published file: whole and with its hash checked, or not at all."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from os import PathLike
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from densenet.files import write_whole
from densenet.stopping import Progress, Stop, go_on

_STALLED_SECONDS = 10  # without a byte: a network that swallows packets would keep a thread, and all that wait for it, for ever
_CHUNK_BYTES = 2**18


def weights_folder(weights_dir: str | PathLike[str] | None) -> Path:
    """Return the folder of downloaded weights: torch.hub's rule, without importing torch, so that the page says at once what is ready."""
    if weights_dir is not None:
        return Path(weights_dir)
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))) / "hub" / "checkpoints"


def part_of(file: Path) -> Path:
    """Return where a resumable download of `file` keeps what has come so far."""
    return file.with_name(f"{file.name}.part")


class _WrongHash(ConnectionError):
    """The file came whole, and is another one."""


def download(
    what: str,
    url: str,
    digest: str,
    file: Path,
    progress: Progress,
    *,
    algorithm: str = "sha256",
    resumable: bool = False,
    stop: Stop = go_on,
) -> None:
    """Download `what`, as people call it, from `url` to `file`; ConnectionError with one sentence, and no file, where that fails.

    `digest` is the hash by `algorithm`, or its first digits. Unlike torch.hub's, a download that stalls ends, and nothing is printed.
    `stop` is called at each part that comes. A `resumable` one keeps what has come (`part_of`), also over a crash, and the next one asks
    only for the rest (HTTP's Range); one process at a time.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if resumable:
            _go_on_with(url, algorithm, digest, file, progress, stop)
        else:
            write_whole(file, lambda target: _receive(target, url, algorithm, digest, progress, stop))
    except (OSError, HTTPException) as error:  # URLError is an OSError, and so is a lock that another process holds
        broken = isinstance(error, HTTPException)  # its text is what the server sent
        reason = "its answer broke off or is not HTTP" if broken else getattr(error, "reason", error)
        if isinstance(error, Timeout):
            reason = "another process is at it"
        kept = " What has come is kept: the next try asks for the rest." if resumable and part_of(file).is_file() else ""
        raise ConnectionError(f"{what} could not be downloaded from {url}: {reason}.{kept}") from None


def _go_on_with(url: str, algorithm: str, digest: str, file: Path, progress: Progress, stop: Stop) -> None:
    """Receive what is missing of the part that is here, then put it in its place."""
    part = part_of(file)
    with FileLock(f"{part}.lock", timeout=0):
        try:
            with open(part, "a+b") as target:
                target.seek(0, os.SEEK_END)
                _receive(target, url, algorithm, digest, progress, stop)
                target.flush()
                os.fsync(target.fileno())
        except _WrongHash:
            part.unlink()
            raise
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # the part is not of this file
                part.unlink()
            raise
        finally:
            if part.is_file() and not part.stat().st_size:
                part.unlink()
        os.replace(part, file)
    Path(f"{part}.lock").unlink(missing_ok=True)


def _receive(target: IO[bytes], url: str, algorithm: str, expected: str, progress: Progress, stop: Stop) -> None:
    """Write what `url` holds behind what `target` holds already of it; ConnectionError where it ends early, or has another hash."""
    done = target.tell()
    seen = hashlib.new(algorithm, usedforsecurity=False)
    wanted = {"Range": f"bytes={done}-"} if done else {}
    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub", **wanted})
    with urllib.request.urlopen(request, timeout=_STALLED_SECONDS) as answer:
        if done and answer.status == HTTPStatus.PARTIAL_CONTENT:
            target.seek(0)
            while chunk := target.read(_CHUNK_BYTES):
                seen.update(chunk)
        elif done:  # this server sends all of it
            done = 0
            target.seek(0)
            target.truncate()
        total = done + int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(_CHUNK_BYTES):
            stop()
            seen.update(chunk)
            target.write(chunk)
            done += len(chunk)
            progress(done, total)
        if done < total:  # http.client takes the end of a connection for the end of the file
            raise ConnectionError(f"the connection ended after {done} of {total} bytes")
    if not seen.hexdigest().startswith(expected):
        names = {"sha256": "SHA-256", "md5": "MD5"}
        raise _WrongHash(f"the file that came is not the published one, its {names.get(algorithm, algorithm)} differs")
