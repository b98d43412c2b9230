"""How events are wired: what waits, for whom, and what is left out."""

from __future__ import annotations

from explorer.app import create_app
from explorer.work.queues import KINDS, at_once, each_time, latest, one_at_a_time


def test_nobody_waits_for_what_is_known() -> None:
    assert at_once()["queue"] is False
    assert each_time() == at_once() | {"trigger_mode": "multiple"}


def test_heavy_work_goes_one_by_one_of_its_kind() -> None:
    for kind in KINDS:
        assert (one_at_a_time(kind)["concurrency_limit"], one_at_a_time(kind)["concurrency_id"]) == (1, kind)
        assert latest(kind) == one_at_a_time(kind) | {"trigger_mode": "always_last"}


def test_every_event_that_waits_is_of_one_of_the_kinds() -> None:
    asked = create_app().fns.values()
    waiting = [fn for fn in asked if fn.queue and fn.concurrency_id in KINDS]
    assert {fn.concurrency_id for fn in waiting} == set(KINDS)
    assert [fn.api_name for fn in waiting if fn.concurrency_limit != 1] == []
    endpoints = {fn.api_name: fn.concurrency_limit for fn in asked if fn.queue and fn.fn is not None}
    several = {name for name, limit in endpoints.items() if limit not in (1, "default")}  # the server's default is 1
    assert several == set(), "nothing that waits is done twice at once"
