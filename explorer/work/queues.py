"""How the page's own events are wired: at once, or one at a time in a queue of their kind."""

from __future__ import annotations

from typing import Any

LIVE, MEASURING, PREDICTING, EXPLAINING, TRYING, TRAINING, DOWNLOADING = KINDS = (
    "live",
    "measuring",
    "model",
    "explaining",
    "trying",
    "train",
    "download",
)  # queues


def at_once() -> dict[str, Any]:
    """For events that only show what is known: they wait for nobody."""
    return {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def each_time() -> dict[str, Any]:
    """For events that others follow: none is left out while the one before is under way."""
    return at_once() | {"trigger_mode": "multiple"}


def one_at_a_time(kind: str) -> dict[str, Any]:
    """For work that takes its time, in the queue of its `kind`, apart from other kinds."""
    return {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 1, "concurrency_id": kind}


def latest(kind: str) -> dict[str, Any]:
    """The same, of which only the latest asked for matters."""
    return one_at_a_time(kind) | {"trigger_mode": "always_last"}
