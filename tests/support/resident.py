"""The most memory that a process has ever had resident."""

from __future__ import annotations

import re
from pathlib import Path

import psutil


def most_resident_bytes(process: psutil.Process) -> float:
    """The most bytes that the process has ever had in memory, or has now where the system does not say.

    Not `ru_maxrss`: Linux hands a child that of the process which started it.
    """
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return float(process.memory_info().rss)
    return 1024 * float(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]
