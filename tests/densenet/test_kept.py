"""What was asked for last stays, and nothing more than that."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from densenet.kept import Kept


def test_a_value_is_made_once_and_the_one_not_asked_for_longest_goes() -> None:
    kept: Kept[str, list[int]] = Kept(2)
    made: list[str] = []

    def value_of(key: str) -> list[int]:
        return kept.get_or(key, lambda: made.append(key) or [len(made)])

    first = value_of("a")
    assert value_of("a") is first
    value_of("b")
    value_of("a")
    value_of("c")  # b goes: a was asked for after it
    assert value_of("a") is first
    assert made == ["a", "b", "c"]
    assert kept.get("b") is None
    assert len(kept) == 2
    kept.clear()
    assert len(kept) == 0


def test_what_cannot_be_made_is_not_kept() -> None:
    kept: Kept[int, int] = Kept(2)
    for _ in range(2):
        try:
            kept.get_or(1, lambda: 1 // 0)
        except ZeroDivisionError:
            continue
        raise AssertionError("the error must reach the caller")
    assert kept.get_or(1, lambda: 5) == 5


@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=40))
def test_it_holds_the_latest_keys_in_their_order(most: int, calls: list[tuple[bool, int]]) -> None:
    kept: Kept[int, int] = Kept(most)
    expected: list[int] = []
    for puts, key in calls:
        if puts:
            kept.put(key, -key)
        elif kept.get(key) is None:
            assert key not in expected
            continue
        expected = [*(k for k in expected if k != key), key][-most:]
    assert [key for key in range(7) if kept.get(key) is not None] == sorted(expected)


def test_threads_share_it() -> None:
    kept: Kept[int, int] = Kept(3)
    begin, wrong = threading.Barrier(8), []

    def ask(seed: int) -> None:
        begin.wait()
        for i in range(500):
            key = (i * seed) % 7
            if kept.get_or(key, lambda key=key: key) != key:  # type: ignore[misc]
                wrong.append(key)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(kept) == 3
