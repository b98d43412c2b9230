"""The page's JavaScript: files that lie beside the Python which uses them, after what several of them share."""

from __future__ import annotations

from pathlib import Path

_SHARED = (Path(__file__).parent / "page.js").read_text(encoding="utf-8")


def script_of(path: Path) -> str:
    """Return the script in a file, for a component's `js_on_load`; it can use what page.js defines."""
    return _SHARED + path.read_text(encoding="utf-8")


def function_of(path: Path, parameter: str) -> str:
    """Return the script in a file as a function of one `parameter`, for an event's `js`."""
    return f"({parameter}) => {{\n{script_of(path)}}}"
