"""Where nets run, and how much memory is free there.

On a CPU the free memory is the smaller of what the machine has and what the process's control group still allows.
"""

from __future__ import annotations

import platform
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    import torch


class DeviceMemory(NamedTuple):
    """A device's name for people and its memory in bytes."""

    label: str
    free_bytes: int
    total_bytes: int


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`: auto (a GPU where there is one), cpu, cuda, cuda:N or mps; ValueError if it is not here."""
    import torch

    mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    if not isinstance(name, str) or not re.fullmatch(r"cpu|mps|cuda(:[0-9]{1,3})?", name):
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N or mps, got {name!r}")
    kind, _, index = name.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device must be one of this machine's {torch.cuda.device_count()} CUDA devices, got {name!r}")
    if kind == "mps" and not mps:
        raise ValueError("device must be one of this machine's, got 'mps', which is not available")
    return torch.device(name)


def with_index(device: torch.device) -> torch.device:
    """Return the one name of a device: cuda is the current CUDA device, of the others there is one each."""
    import torch

    if device.type != "cuda":
        return torch.device(device.type)
    return device if device.index is not None else torch.device("cuda", torch.cuda.current_device())


def native_bfloat16(device: torch.device) -> bool:
    """Return whether `device` multiplies bfloat16 in hardware, so that autocast saves time; False where torch cannot tell."""
    import torch

    try:
        if device.type == "cuda":  # from Ampere on, and AMD's; `torch.cuda.is_bf16_supported` asks the current device only
            return torch.version.hip is not None or torch.cuda.get_device_properties(device).major >= 8
        if device.type == "cpu":
            capabilities = torch.cpu.get_capabilities()  # an older torch, or one without oneDNN, may not have it
            return any(has for name, has in capabilities.items() if name.endswith("bf16"))
    except (AttributeError, AssertionError, RuntimeError):
        return False
    return False


def autocast_to(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a pass computes in `precision` (`densenet.config.PRECISIONS`) on `device`."""
    import torch

    kind = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    return torch.autocast(device.type, kind, enabled=kind is not None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _reclaimable(folder: Path, key: str) -> int:
    """Bytes of file cache that the kernel gives back when memory is short."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.split()[0] == key)
    except (OSError, ValueError, IndexError):
        return 0


def cgroup_memory(root: Path = Path("/")) -> tuple[int, int] | None:
    """Return (free, limit) in bytes of the tightest control group around this process, version 2 or 1, or None if none limits it."""
    try:
        entries = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    found: list[tuple[int, int]] = []
    for entry in entries:
        _, controllers, path = [*entry.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        limit_name, usage_name, cache_key = names if controllers else ("memory.max", "memory.current", "inactive_file")
        folder = base / path.lstrip("/")
        while folder == base or base in folder.parents:
            limit, usage = _number(folder / limit_name), _number(folder / usage_name)
            if limit is not None and usage is not None:
                found.append((max(0, limit - usage + _reclaimable(folder, cache_key)), limit))
            folder = folder.parent
    return min(found, default=None)


def device_memory(device: torch.device) -> DeviceMemory:
    """Return what is free on `device` now."""
    import torch

    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # ours to use again
        return DeviceMemory(torch.cuda.get_device_name(device), free + cached, total)
    machine = psutil.virtual_memory()
    free, total = machine.available, machine.total
    limited = cgroup_memory()
    if limited is not None:
        free, total = min(free, limited[0]), min(total, limited[1])
    threads = torch.get_num_threads()
    label = "Apple GPU" if device.type == "mps" else f"CPU ({platform.machine()}, {threads} thread{'s' * (threads != 1)})"
    return DeviceMemory(label, free, total)
