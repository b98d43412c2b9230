"""HTML from templates that lie beside the Python which fills them; whatever is filled in is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def template_of(path: Path) -> Template:
    """Return the template in a file; one of several pieces has a macro for each, which `.module` gives as functions."""
    return _ENVIRONMENT.from_string(path.read_text(encoding="utf-8"))
