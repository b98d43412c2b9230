"""Bring the ImageNet weights before a lecture: what `python -m explorer --fetch` does, on the console."""

from __future__ import annotations

import sys
from pathlib import Path

from densenet.weights.known import WEIGHTS
from densenet.weights.loading import fetch, is_here
from explorer.components.formatting import memory

FETCHABLE = tuple(name for name, record in WEIGHTS.items() if record.url is not None)


class _ProgressLine:
    """One line that grows on a terminal; elsewhere, in a log, nothing until the end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = ""

    def __call__(self, done: int, total: int) -> None:
        share = f"{100 * done // total:3d} %, {memory(done)} of {memory(total)}" if total else memory(done)
        if share != self.shown and sys.stdout.isatty():
            print(f"\r{self.name}: {share}   ", end="", flush=True)
            self.shown = share

    def end(self) -> None:
        if self.shown:
            print()


def fetch_all(names: list[str], weights_dir: Path | None) -> int:
    """Bring the weights called `names`, those that are here only checked, a line each; return the exit code, 1 if any could not be had."""
    failed = 0
    for name in names:
        line, here = _ProgressLine(name), is_here(name, weights_dir)
        try:
            file = fetch(name, weights_dir=weights_dir, progress=line)
        except (ConnectionError, ValueError) as error:
            line.end()
            print(error, file=sys.stderr)
            failed = 1
        else:
            line.end()
            print(f"{name}: {'already here' if here else 'brought'}, {memory(file.stat().st_size)}, hash checked: {file}", flush=True)
    return failed
