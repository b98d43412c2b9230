"""What is refused before anything is allocated: too large for the device's free memory, or too slow to wait for."""

from __future__ import annotations

from typing import NamedTuple

from densenet.running.device import DeviceMemory

_MEMORY_MARGIN = 1.25  # workspaces of convolutions, and what the allocator cannot use


class Demand(NamedTuple):
    """What a piece of work asks of a device."""

    refusal: str  # how a refusal begins: "Not measured"
    asked: str  # the work in words: "inference on one image of 224 x 224"
    tensor_bytes: int  # live at its peak
    seconds: float
    most_seconds: float  # what takes longer is refused
    besides_bytes: int = 0  # what is known to come beside the tensors, to the byte
    advice: str = ""  # what would do instead, a sentence


def check_demand(demand: Demand, memory: DeviceMemory) -> None:
    """Raise ValueError, in one sentence with both numbers, where `demand` is too large or too slow for the device."""
    needed = int(_MEMORY_MARGIN * demand.tensor_bytes) + demand.besides_bytes
    advice = demand.advice and f" {demand.advice}"
    if needed > memory.free_bytes:
        raise ValueError(
            f"{demand.refusal}: {demand.asked} needs about {needed / 2**30:.1f} GiB, and {memory.label} has "
            f"{memory.free_bytes / 2**30:.1f} GiB free.{advice}"
        )
    if demand.seconds > demand.most_seconds:
        raise ValueError(
            f"{demand.refusal}: {demand.asked} would take about {demand.seconds:.0f} s on {memory.label}; "
            f"the limit here is {demand.most_seconds:.0f} s.{advice}"
        )
