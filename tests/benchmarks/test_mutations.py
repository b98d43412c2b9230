"""The changes that the mutants benchmark makes: each is one, parses, and leaves alone what people read."""

from __future__ import annotations

import ast

import pytest

from tests.benchmarks.mutations import Mutation, of_python, of_script

PYTHON = '''"""Half of 2."""

LIMIT: int = 3


def half(x: int = 2, *, up: bool = False) -> float:
    """Return 1 half."""
    if x < LIMIT and not up:  # below 4
        raise ValueError(f"x must be {LIMIT + 1}")
    show(x, up)
    return max(x, 0) / 2 + area(x, up, rounded=True)
'''
CHANGES = {
    "3  ->  4",
    "2  ->  3",
    "False  ->  True",
    "<  ->  <=",
    "and  ->  or",
    "not up  ->  (up)",
    "show(x, up)  ->  pass",
    "return max(x, 0) / 2 + area(x, up, rounded=True)  ->  return None",
    "max  ->  min",
    "0  ->  1",
    "/  ->  *",
    "+  ->  -",
    "x, up  ->  up, x",
    "True  ->  False",
    "rounded=True  ->",
}


def test_what_is_changed_in_python() -> None:
    source = PYTHON.encode()
    found = of_python(source)
    assert {str(mutation).strip() for mutation in found} == CHANGES
    for mutation in found:
        changed = mutation.apply(source)
        assert changed != source
        ast.parse(changed)
        assert PYTHON.splitlines()[mutation.line - 1].find(mutation.old.split("\n")[0]) >= 0
    texts = {mutation.apply(source).decode() for mutation in found}
    assert all('f"x must be {LIMIT + 1}"' in text and "Half of 2." in text and "-> float" in text for text in texts)


SCRIPT = """// 1 + 1
const text = 'a < 2', pattern = text.match(/1+/);
if (!ready && count === 10) { draw(Math.max(x * 0.5, 1)); }  /* true */
"""


def test_what_is_changed_in_javascript() -> None:
    found = of_script(SCRIPT.encode())
    assert [str(mutation).strip() for mutation in found] == [
        "!  ->",
        "&&  ->  ||",
        "===  ->  !==",
        "10  ->  11",
        "Math.max  ->  Math.min",
        "*  ->  /",
        "0.5  ->  1.5",
        "1  ->  2",
    ]
    assert {mutation.line for mutation in found} == {3}


def test_a_change_is_made_at_its_byte() -> None:
    """Bytes, not letters: what stands before it may be of more than one."""
    source = "θ = 1\n".encode()
    assert [mutation.apply(source).decode() for mutation in of_python(source)] == ["θ = 2\n"]
    assert Mutation(1, 0, "θ", "k").apply(source) == b"k = 1\n"


@pytest.mark.parametrize("source", [b"", b'"""Only words."""\n', b"import os\n"])
def test_where_nothing_is_done_nothing_is_changed(source: bytes) -> None:
    assert of_python(source) == []
