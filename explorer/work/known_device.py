"""The device that nets are built and measured on, as far as torch has been asked: a slider does not wait for it."""

from __future__ import annotations

from typing import NamedTuple

from densenet import DenseNetConfig, Workload
from explorer.settings import Settings


class KnownDevice(NamedTuple):
    """The device of this process."""

    type: str
    label: str
    total_bytes: int


_known: dict[str, KnownDevice] = {}  # by the device that was asked for at the start


def look(settings: Settings) -> KnownDevice:
    """Ask torch, once; the first call imports it."""
    if settings.device not in _known:
        from densenet.running.device import choose_device, device_memory

        device = choose_device(settings.device)
        memory = device_memory(device)
        _known[settings.device] = KnownDevice(device.type, memory.label, memory.total_bytes)
    return _known[settings.device]


def known(settings: Settings) -> KnownDevice | None:
    """Return what `look` has found, or None before its first call."""
    return _known.get(settings.device)


def measuring_seconds(settings: Settings, config: DenseNetConfig, workload: Workload) -> float | None:
    """Return the seconds that a measurement is expected to take here, or None as long as that is not known."""
    device = known(settings)
    if device is None:
        return None
    from densenet.measure.forecast import expected_seconds
    from densenet.measure.measurement import STEPS_TAKEN

    return STEPS_TAKEN * expected_seconds(config, workload, device.type)
