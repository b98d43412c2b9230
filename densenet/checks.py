"""How a value is checked, and refused in one sentence with field, value and range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real


def show_value(value: object) -> str:
    """Show a rejected value, however large it is."""
    try:
        text = repr(value)
    except Exception:  # an object whose repr fails, or an integer of too many digits, is still just a bad value
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def checked_integer(field: str, value: object, limits: tuple[int, int]) -> int:
    """Return `value` as an int if it is a whole number within `limits`, both included; else raise ValueError."""
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{field} must be {low} to {high}, got {show_value(value)}, which is not an integer")
    number = int(value)
    if not low <= number <= high:
        raise ValueError(f"{field} must be {low} to {high}, got {show_value(value)}")
    return number


def checked_number(field: str, value: object, low: float, high: float, *, above: bool = False, below: bool = False) -> float:
    """Return `value` as a float if it is a finite real number from `low` to `high`; else raise ValueError.

    `above`: `low` itself is refused; `below`: `high` itself is refused.
    """
    rule = f"{'above ' if above else ''}{low:g} to {'below ' if below else ''}{high:g}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{field} must be {rule}, got {show_value(value)}, which is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not ((low < number if above else low <= number) and (number < high if below else number <= high)):  # NaN is in no range
        raise ValueError(f"{field} must be {rule}, got {show_value(value)}")
    return number


def checked_choice(field: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`; else raise ValueError."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{field} must be one of {', '.join(choices)}, got {show_value(value)}")
    return value


def checked_flag(field: str, value: object) -> bool:
    """Return `value` if it is true or false; else raise ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{field} must be true or false, got {show_value(value)}")
    return value


def checked_names(field: str, values: object) -> list[str]:
    """Return `values` if they are a list of texts; else raise ValueError."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{field} must be a list of names, got {show_value(values)}")
    return values


def list_names(names: Sequence[str], most: int = 3) -> str:
    """Return the first names in words, and how many there are besides."""
    shown = ", ".join(f"{name:.120}" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
