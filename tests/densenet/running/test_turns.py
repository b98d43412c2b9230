"""One at a time on a device, whatever it is called; who waits can give up, and leaves nothing behind."""

from __future__ import annotations

import threading
import weakref

import pytest
import torch

from densenet.running.turns import alone_on
from densenet.stopping import Cancelled, go_on


def give_up() -> None:
    raise Cancelled


def is_taken(name: str) -> bool:
    """Whether somebody who would not wait is sent away from the device called `name`."""
    try:
        with alone_on(torch.device(name), give_up):
            return False
    except Cancelled:
        return True


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "other"), [("cuda", "cuda:0"), ("cuda:0", "cuda"), ("cpu", "cpu:0"), ("mps", "mps:0"), ("cuda:1", "cuda:1")]
)
@pytest.mark.usefixtures("two_gpus")
def test_a_device_is_one_under_all_its_names(name: str, other: str) -> None:
    with alone_on(torch.device(name), go_on):
        assert is_taken(other)
    assert not is_taken(other)


@pytest.mark.parametrize(("name", "other"), [("cuda", "cuda:1"), ("cuda:0", "cpu"), ("cpu", "mps")])
def test_devices_do_not_wait_for_each_other(two_gpus: pytest.MonkeyPatch, name: str, other: str) -> None:
    with alone_on(torch.device(name), go_on):
        assert not is_taken(other)
    two_gpus.setattr(torch.cuda, "current_device", lambda: 1)
    with alone_on(torch.device("cuda"), go_on):
        assert is_taken("cuda:1")
        assert not is_taken("cuda:0")


def test_who_waits_is_told_so_and_told_when_it_is_over() -> None:
    told: list[bool] = []
    with alone_on(torch.device("cpu"), go_on, told.append):
        assert told == [], "nobody had to wait"
    taken, waiting, done = threading.Event(), threading.Event(), threading.Event()

    def other() -> None:
        with alone_on(torch.device("cpu"), go_on):
            taken.set()
            waiting.wait()
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    taken.wait()
    with alone_on(torch.device("cpu"), waiting.set, told.append):  # it is asked while it waits: only then the other one ends
        done.wait()
        assert told == [True, False]
    thread.join()


def test_a_turn_ends_with_an_error_and_frees_what_it_held() -> None:
    class Net:
        pass

    held: list[weakref.ref[Net]] = []

    def work() -> None:
        net = Net()
        held.append(weakref.ref(net))
        try:
            raise RuntimeError("out of memory")
        except RuntimeError:
            raise ValueError("too large") from None

    with pytest.raises(ValueError, match="too large") as caught, alone_on(torch.device("cpu"), go_on):
        work()
    assert not is_taken("cpu")
    assert caught.value.__context__ is not None
    assert held[0]() is None, "who keeps the error must not keep the net"
