"""Small wrong changes that a program can be given: one at a time, as a piece of its text and what stands there instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
EXTREMES = {"min": "max", "max": "min"}
TEXTS = (ast.JoinedStr, ast.Raise, ast.Import, ast.ImportFrom)  # what people read, and what an error says, is not changed

_SCRIPT_SKIPPED = r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|`(?:\\.|[^`\\])*`|(?<=\()/(?:\\.|[^/\\\n])+/\w*"
_SCRIPT_CHANGES = {
    "===": "!==",
    "!==": "===",
    "&&": "||",
    "||": "&&",
    " + ": " - ",
    " - ": " + ",
    " * ": " / ",
    " / ": " * ",
    " < ": " <= ",
    " <= ": " < ",
    " > ": " >= ",
    " >= ": " > ",
    "true": "false",
    "false": "true",
    "Math.min": "Math.max",
    "Math.max": "Math.min",
}
_SCRIPT = re.compile(
    rf"(?P<skipped>{_SCRIPT_SKIPPED})|(?P<operator>{'|'.join(sorted(map(re.escape, _SCRIPT_CHANGES), key=len, reverse=True))})"
    r"|(?P<number>(?<![\w.#])\d+(?:\.\d+)?(?![\w.]))|(?P<negation>!(?=[\w(]))",
    re.DOTALL,
)


@dataclass(frozen=True)
class Mutation:
    """One change: `old` at byte `start` of the file becomes `new`."""

    line: int
    start: int
    old: str
    new: str

    def apply(self, source: bytes) -> bytes:
        """Return the file with the change in it."""
        end = self.start + len(self.old.encode())
        return source[: self.start] + self.new.encode() + source[end:]

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{old[:70]}  ->  {new[:70]}"


class _Finder:
    """The changes that the syntax tree of a Python file allows."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.lines = [0]
        for line in source.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.lines[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.lines[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.expr | ast.stmt) -> str:
        return self.source[self.start(node) : self.end(node)].decode()

    def change(self, start: int, end: int, new: str) -> Mutation:
        return Mutation(self.source[:start].count(b"\n") + 1, start, self.source[start:end].decode(), new)

    def replaced(self, node: ast.expr | ast.stmt, new: str) -> Mutation:
        return self.change(self.start(node), self.end(node), new)

    def between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[Mutation]:
        """Operators have no place of their own in the tree: they stand between their operands, with brackets and comments."""
        start = self.end(left)
        gap = re.sub(rb"#[^\n]*", lambda comment: b" " * len(comment.group()), self.source[start : self.start(right)])
        found = re.search(rb"\s+".join(re.escape(word.encode()) for word in old.split()), gap)
        if found:
            yield self.change(start + found.start(), start + found.end(), new)

    def below(self, node: ast.AST) -> Iterator[ast.AST]:
        """Children whose change is a change of behaviour: no annotations, no decorators, no docstrings."""
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(child, TEXTS):
                    yield child

    def walk(self, node: ast.AST) -> Iterator[Mutation]:
        yield from self.here(node)
        for child in self.below(node):
            yield from self.walk(child)

    def here(self, node: ast.AST) -> Iterator[Mutation]:
        match node:
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                for op, a, b in zip(ops, [left, *comparators], comparators, strict=False):
                    yield from self.between(a, b, *COMPARISONS[type(op)])
            case ast.BoolOp(op=operator, values=values):
                words = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                yield from self.between(values[0], values[1], *words)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC and not _is_text(left) and not _is_text(right):
                yield from self.between(left, right, *ARITHMETIC[type(op)])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self.replaced(node, f"({self.text(operand)})")
            case ast.Constant(value=bool(value)):
                yield self.replaced(node, str(not value))
            case ast.Constant(value=int() | float() as number):
                yield self.replaced(node, repr(number + 1))
            case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
                yield self.replaced(node, "return None")
            case ast.Expr(value=ast.Call()):
                yield self.replaced(node, "pass")
            case ast.Call():
                yield from self.called(node)

    def called(self, call: ast.Call) -> Iterator[Mutation]:
        """A call with its first two arguments exchanged, without one of its keywords, or of the other extreme."""
        if isinstance(call.func, ast.Name) and call.func.id in EXTREMES:
            yield self.replaced(call.func, EXTREMES[call.func.id])
        if len(call.args) > 1 and not any(isinstance(argument, ast.Starred) for argument in call.args[:2]):
            first, second = call.args[:2]
            between = self.source[self.end(first) : self.start(second)].decode()
            if self.text(first) != self.text(second) and not (isinstance(call.func, ast.Name) and call.func.id in EXTREMES):
                yield self.change(self.start(first), self.end(second), self.text(second) + between + self.text(first))
        for keyword in call.keywords:
            start = self.lines[keyword.lineno - 1] + keyword.col_offset
            end = self.end(keyword.value)
            comma = re.match(rb"\s*,", self.source[end:])
            if keyword.arg and (comma or self.source[end : end + 1] == b")"):
                yield self.change(start, end + (comma.end() if comma else 0), "")  # what it falls back to must matter


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def of_python(source: bytes) -> list[Mutation]:
    """List the changes of a Python file that still parse, by their place."""
    found = []
    for mutation in _Finder(source).walk(ast.parse(source)):
        try:
            ast.parse(mutation.apply(source))
        except SyntaxError:
            continue
        found.append(mutation)
    return sorted(found, key=lambda mutation: (mutation.start, mutation.new))


def of_script(source: bytes) -> list[Mutation]:
    """List the changes of a JavaScript file: of its text outside comments, strings and patterns; what does not parse fails its tests."""
    text = source.decode()
    found = []
    for match in _SCRIPT.finditer(text):
        old = match.group()
        if match["skipped"]:
            continue
        new = str(float(old) + 1 if "." in old else int(old) + 1) if match["number"] else _SCRIPT_CHANGES.get(old, "")
        found.append(Mutation(text.count("\n", 0, match.start()) + 1, len(text[: match.start()].encode()), old, new))
    return found
