"""Start the app, or another server, in a process of its own on a port of this machine, and stop it by its process id."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.ports import held_port

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")  # the first has no window to care for
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")


def chromium() -> str | None:
    """Path of an installed Chromium, or None."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


@contextmanager
def served(*command: str, env: dict[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """Run `python COMMAND... --port PORT` until the block ends; yields its address and process id once it answers."""
    with held_port() as port:
        url = f"http://127.0.0.1:{port}/"
        process = subprocess.Popen([sys.executable, *command, "--port", str(port)], cwd=ROOT, env={**os.environ, **(env or {})})

        def answers() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended with {process.returncode} before it answered")
            try:
                urllib.request.urlopen(url, timeout=PATIENCE_SECONDS).close()
            except OSError:
                return False
            return True

        try:
            wait_until(answers, f"an answer of {command}")
            yield url, process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
