"""What is refused, at which number, and in which words."""

from __future__ import annotations

import pytest

from densenet.running.device import DeviceMemory
from densenet.running.refusals import Demand, check_demand

MACHINE = DeviceMemory("a small machine", 10 * 2**30, 16 * 2**30)


def demand(gib: float = 1.0, seconds: float = 1.0) -> Demand:
    return Demand("Not done", "this work", int(gib * 2**30), seconds, most_seconds=20.0)


def test_what_fits_is_let_through() -> None:
    check_demand(demand(gib=8.0, seconds=20.0), MACHINE)


def test_a_quarter_more_than_the_tensors_must_be_free() -> None:
    with pytest.raises(ValueError, match=r"^Not done: this work needs about 10\.1 GiB, and a small machine has 10\.0 GiB free\.$"):
        check_demand(demand(gib=8.1), MACHINE)


def test_what_takes_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Not done: this work would take about 21 s on a small machine; the limit here is 20 s\.$"):
        check_demand(demand(seconds=20.6), MACHINE)


def test_what_comes_beside_is_counted_to_the_byte_and_advice_is_given() -> None:
    beside = demand(gib=4.0)._replace(besides_bytes=5 * 2**30, advice="A smaller one would do.")
    check_demand(beside, MACHINE)
    with pytest.raises(ValueError, match=r"needs about 10\.0 GiB, and a small machine has 10\.0 GiB free\. A smaller one would do\.$"):
        check_demand(beside._replace(besides_bytes=5 * 2**30 + 1), MACHINE)
    with pytest.raises(ValueError, match=r"the limit here is 20 s\. A smaller one would do\.$"):
        check_demand(beside._replace(seconds=21.0), MACHINE)
