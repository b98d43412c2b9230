"""A checkpoint belongs to one training at a time, and everybody may look whether it does."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event as Signal
from pathlib import Path

import pytest

from densenet.train.checkpoint import is_locked, locked

LOOKERS, LOOKS = 3, 3000


def hold(checkpoint: Path, held: Signal) -> None:
    with locked(checkpoint, 0):
        held.set()
        threading.Event().wait()


@contextmanager
def held_elsewhere(checkpoint: Path) -> Iterator[multiprocessing.process.BaseProcess]:
    """Another process that holds `checkpoint` until it is killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.training_process"])  # the same server for all tests of trainings
    held = context.Event()
    process = context.Process(target=hold, args=(checkpoint, held))
    process.start()
    try:
        held.wait()
        yield process
    finally:
        process.kill()
        process.join()


@contextmanager
def looked_at(checkpoint: Path) -> Iterator[None]:
    """Threads that look without a pause."""
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            is_locked(checkpoint)

    lookers = [threading.Thread(target=look) for _ in range(LOOKERS)]
    for looker in lookers:
        looker.start()
    try:
        yield
    finally:
        done.set()
        for looker in lookers:
            looker.join()


def test_two_visitors_looks_do_not_take_each_other_for_a_training(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    with locked(file, 0):
        pass
    seen: list[bool] = []
    lookers = [threading.Thread(target=lambda: seen.extend(is_locked(file) for _ in range(LOOKS))) for _ in range(LOOKERS)]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert len(seen) == LOOKERS * LOOKS
    assert not any(seen)


def test_a_look_from_another_process_is_no_training(tmp_path: Path) -> None:
    """Two apps look at one folder of trainings."""
    import fcntl

    file = tmp_path / "a.pt"
    with locked(file, 0):
        pass
    handle = os.open(file.with_suffix(".lock"), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)  # the moment of the other's look
        assert not is_locked(file)
    finally:
        os.close(handle)


def test_a_look_does_not_keep_a_training_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    with looked_at(file):
        for _ in range(30):
            with locked(file, 0):
                assert is_locked(file)


def test_the_kernel_frees_the_lock_of_a_process_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    assert not is_locked(file), "there is no such file yet"
    with held_elsewhere(file) as process:
        assert is_locked(file)
        with pytest.raises(ValueError, match="being written by another training"), locked(file, 0):
            pass
        process.kill()
        process.join()
        assert not is_locked(file)
        with locked(file, 0):
            assert is_locked(file)
    assert not is_locked(file)


def test_where_the_system_has_no_shared_locks_a_look_still_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("densenet.train.checkpoint.fcntl", None)  # as on Windows
    file = tmp_path / "a.pt"
    assert not is_locked(file)
    with locked(file, 0):
        assert is_locked(file)
    assert not is_locked(file)


def test_a_lock_that_is_not_ours_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.lock").mkdir()
    with pytest.raises(ValueError, match=r"checkpoint .* cannot be locked"), locked(tmp_path / "a.pt", 0):
        pass
