"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.components.formatting import difference, duration, exact, memory, share, short, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (7_978_856, "7.98 M"), (2_834_161_664, "2.83 G"), (999_999, "1.00 M"), (12_345, "12.3 k")],
)
def test_short(value: int, text: str) -> None:
    assert short(value).replace("\u00a0", " ") == text


@given(st.integers(1, 10**17))
def test_short_is_within_half_a_percent(value: int) -> None:
    number, _, prefix = short(value).partition("\u00a0")
    factor = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}[prefix]
    assert float(number) * factor == pytest.approx(value, rel=0.0051)


def test_exact_keeps_every_digit() -> None:
    assert exact(7_978_856) == "7,978,856"


@pytest.mark.parametrize(
    ("value", "text"),
    [(2**20, "1.00 MiB"), (41 * 2**20, "41 MiB"), (2**30, "1.00 GiB"), (1000 * 2**20, "1000 MiB"), (80 * 2**30, "80.0 GiB")],
)
def test_memory(value: int, text: str) -> None:
    assert memory(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0021, "2.1 ms"), (0.075, "75 ms"), (0.9999, "1.0 s"), (12.34, "12.3 s")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "reference", "text"),
    [(5, 5, "="), (110, 100, "+10 %"), (95, 100, "−5.0 %"), (1000, 100, "× 10"), (5, 100, "÷ 20"), (100_001, 100_000, "+<0.1 %")],
)
def test_difference(value: int, reference: int, text: str) -> None:
    assert difference(value, reference).replace("\u00a0", " ") == text


def test_signed_and_share() -> None:
    assert [signed(n) for n in (0, 12, -3)] == ["=", "+12", "−3"]
    assert [share(p).replace("\u00a0", " ") for p in (0.0, 0.741, 0.0001, 1.0)] == ["0.0 %", "74.1 %", "<0.1 %", "100.0 %"]
