"""A trainer that is started before anybody presses Start, once a visitor looks at the train tab: it has its libraries then, and waits."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

_taking = threading.Lock()
_waiting: subprocess.Popen[bytes] | None = None


def prepare() -> None:
    """Start a process that waits for a job, if none does; it ends with the app."""
    global _waiting
    with _taking:
        if _waiting is None or _waiting.poll() is not None:
            _waiting = subprocess.Popen(
                [sys.executable, "-m", "densenet.train.ready"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )


def launched(job: Path) -> subprocess.Popen[bytes] | None:
    """Have the process that waits train `job`, and return it; None where none waits."""
    global _waiting
    with _taking:
        child, _waiting = _waiting, None
    if child is None or child.poll() is not None or child.stdin is None:
        return None
    try:
        child.stdin.write(f"{job}\n".encode())
        child.stdin.close()
    except OSError:  # it has ended meanwhile
        child.wait()
        return None
    return child


def dismiss() -> None:
    """End the process that waits."""
    global _waiting
    with _taking:
        child, _waiting = _waiting, None
    if child is not None:
        with suppress(OSError):
            child.kill()
        child.wait()
        if child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()
