"""A value is accepted exactly within its range, and refused in one sentence with field, value and range."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densenet.checks import checked_choice, checked_flag, checked_integer, checked_names, checked_number, show_value

NO_NUMBERS = ["3", None, True, [3], {3}, object]


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-60, 60))
def test_whole_numbers_within_their_limits(a: int, b: int, value: int) -> None:
    low, high = min(a, b), max(a, b)
    if low <= value <= high:
        assert checked_integer("n", np.int64(value), (low, high)) == value
    else:
        with pytest.raises(ValueError, match=f"^n must be {low} to {high}, got {value}$"):
            checked_integer("n", value, (low, high))


@pytest.mark.parametrize("bad", [*NO_NUMBERS, 3.0, math.nan, Fraction(3)], ids=repr)
def test_what_is_no_whole_number(bad: object) -> None:
    with pytest.raises(ValueError, match=r"^n must be 1 to 9, got .*, which is not an integer$"):
        checked_integer("n", bad, (1, 9))


@given(st.floats(-3, 3), st.booleans(), st.booleans())
def test_numbers_and_their_open_ends(value: float, above: bool, below: bool) -> None:
    inside = (value > 0 if above else value >= 0) and (value < 1 if below else value <= 1)
    if inside:
        assert checked_number("p", value, 0, 1, above=above, below=below) == value
    else:
        with pytest.raises(ValueError, match=r"^p must be "):
            checked_number("p", value, 0, 1, above=above, below=below)


@pytest.mark.parametrize(
    ("value", "ends", "sentence"),
    [
        (0, {"above": True}, "p must be above 0 to 1, got 0"),
        (1, {"below": True}, "p must be 0 to below 1, got 1"),
        (1.5, {}, "p must be 0 to 1, got 1.5"),
        (math.nan, {}, "p must be 0 to 1, got nan"),
        (math.inf, {}, "p must be 0 to 1, got inf"),
        (-(10**400), {}, f"p must be 0 to 1, got -1{'0' * 55}..."),
        ("0.5", {}, "p must be 0 to 1, got '0.5', which is not a number"),
        (True, {}, "p must be 0 to 1, got True, which is not a number"),
    ],
    ids=["open low", "open high", "above", "nan", "infinite", "long", "text", "flag"],
)
def test_the_sentence_names_field_value_and_range(value: object, ends: dict[str, bool], sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        checked_number("p", value, 0, 1, **ends)
    assert str(caught.value) == sentence


def test_a_number_becomes_a_float() -> None:
    for value in (1, np.float32(0.5), Fraction(1, 4)):
        assert type(checked_number("p", value, 0, 1)) is float
    assert checked_number("p", Fraction(1, 4), 0, 1) == 0.25


@pytest.mark.parametrize("bad", ["", "C", "a ", None, 0, ["a"], b"a"], ids=repr)
def test_a_choice_is_one_of_its_words(bad: object) -> None:
    assert checked_choice("kind", "b", ("a", "b")) == "b"
    with pytest.raises(ValueError, match=r"^kind must be one of a, b, got "):
        checked_choice("kind", bad, ("a", "b"))


def test_a_rejected_value_is_shown_however_large_it_is() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError

    assert show_value("x" * 58) == repr("x" * 58)
    assert show_value("x" * 59) == "'" + "x" * 56 + "..."
    assert show_value(Rude()) == "a value of type Rude"
    assert show_value(10**5000) == "a value of type int"  # Python refuses to write that many digits


@pytest.mark.parametrize("value", [None, 1, 0, "true", [], float("nan")], ids=repr)
def test_a_flag_is_true_or_false(value: object) -> None:
    assert checked_flag("weighted", True) is True
    assert checked_flag("weighted", False) is False
    with pytest.raises(ValueError, match=re.escape(f"weighted must be true or false, got {value!r}")):
        checked_flag("weighted", value)


@pytest.mark.parametrize("values", [None, "cifar10", ("a",), {"a": 1}, [None], ["a", 1], [["a"]], 10**40], ids=repr)
def test_names_are_a_list_of_texts(values: object) -> None:
    assert checked_names("nets", []) == []
    assert checked_names("nets", ["b", "a"]) == ["b", "a"]
    with pytest.raises(ValueError, match=r"^nets must be a list of names, got "):
        checked_names("nets", values)
