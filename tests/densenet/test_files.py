"""A file that is replaced is the old one or the new one."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier, Thread
from typing import IO

import pytest

from densenet.files import remove_partials, write_whole
from tests.support.patience import PATIENCE_SECONDS


def test_written_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    for content in (b"old", b"new"):
        write_whole(file, lambda target, content=content: target.write(content))  # type: ignore[misc]
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_the_old_one_alone(tmp_path: Path, kind: type[BaseException]) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(b"old")

    def torn(target: IO[bytes]) -> None:
        target.write(b"ne")
        target.flush()
        assert file.read_bytes() == b"old", "nothing is seen before all is there"
        raise kind

    with pytest.raises(kind):
        write_whole(file, torn)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    file, both = tmp_path / "net.pth", Barrier(2)

    def halves(target: IO[bytes], letter: bytes) -> None:
        for _ in range(2):
            both.wait(PATIENCE_SECONDS)
            target.write(letter * 1000)
            target.flush()

    threads = [Thread(target=write_whole, args=(file, lambda target, letter=letter: halves(target, letter))) for letter in (b"a", b"b")]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_bytes() in (b"a" * 2000, b"b" * 2000)
    assert list(tmp_path.iterdir()) == [file]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "run[1].pt"
    others = [file, tmp_path / "run[1].pth.0.partial", tmp_path / "run1.pt.0.partial", tmp_path / "run[1].json"]
    left = tmp_path / "run[1].pt.0123.partial"
    for path in (*others, left):
        path.touch()
    remove_partials(file)
    assert sorted(tmp_path.iterdir()) == sorted(others)
