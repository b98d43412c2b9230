"""Download a published file: whole and with its hash checked, or not at all."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from http.client import HTTPException
from os import PathLike
from pathlib import Path
from typing import IO

from densenet.files import write_whole
from densenet.stopping import Progress

_STALLED_SECONDS = 10  # without a byte: a network that swallows packets would keep a thread, and all that wait for it, for ever


def weights_folder(weights_dir: str | PathLike[str] | None) -> Path:
    """Return the folder of downloaded weights: torch.hub's rule, without importing torch, so that the page says at once what is ready."""
    if weights_dir is not None:
        return Path(weights_dir)
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))) / "hub" / "checkpoints"


def download(name: str, url: str, sha256: str, file: Path, progress: Progress) -> None:
    """Download the weights called `name` from `url` to `file`; ConnectionError with one sentence, and no file, where that fails.

    `sha256` is the hash or its first digits. Unlike torch.hub's, a download that stalls ends, and nothing is printed.
    """

    def receive(target: IO[bytes]) -> None:
        digest = hashlib.sha256()
        request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
        with urllib.request.urlopen(request, timeout=_STALLED_SECONDS) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(2**18):
                digest.update(chunk)
                target.write(chunk)
                progress(target.tell(), total)
            if target.tell() < total:  # http.client takes the end of a connection for the end of the file
                raise ConnectionError(f"the connection ended after {target.tell()} of {total} bytes")
        if not digest.hexdigest().startswith(sha256):
            raise ConnectionError("the file that came is not the published one, its SHA-256 differs")

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, receive)
    except (OSError, HTTPException) as error:  # URLError is an OSError
        broken = isinstance(error, HTTPException)  # its text is what the server sent
        reason = "its answer broke off or is not HTTP" if broken else getattr(error, "reason", error)
        raise ConnectionError(f"The weights of {name} could not be downloaded from {url}: {reason}.") from None
