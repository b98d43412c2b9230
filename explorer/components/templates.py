"""HTML from templates that lie beside the Python which fills them; whatever is filled in is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def template_of(module_file: str) -> Template:
    """Return the template beside a module, under its stem: `tables.html` for the `__file__` of `tables.py`.

    A template of several pieces has a macro for each, which `.module` gives as functions.
    """
    return _ENVIRONMENT.from_string(Path(module_file).with_suffix(".html").read_text(encoding="utf-8"))
