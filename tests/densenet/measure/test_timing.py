"""Quick calls are timed thrice, slow ones once; a device is waited for, and it is the right one."""

from __future__ import annotations

import pytest
import torch

from densenet.measure.timing import MOST_TIMED_CALLS, time_call, time_calls

CPU = torch.device("cpu")


def test_a_call_gives_its_time_and_its_result() -> None:
    seconds, result = time_call(lambda: "done", CPU)
    assert seconds > 0
    assert result == "done"


@pytest.mark.parametrize(("warm_up", "calls"), [(0.0, MOST_TIMED_CALLS), (0.99, MOST_TIMED_CALLS), (1.0, 1), (9.0, 1)])
def test_slow_calls_are_timed_once(warm_up: float, calls: int) -> None:
    made: list[int] = []
    assert len(time_calls(lambda: made.append(1), CPU, warm_up, slow_seconds=1.0)) == len(made) == calls


def test_the_device_that_computes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(str(device)))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    for name in ("cuda:1", "mps", "cpu"):
        time_call(lambda: waited.append("called"), torch.device(name))
    assert waited == ["called", "cuda:1", "called", "mps", "called"]
