"""The looks into the net of the latest training, as all pages read them."""

from __future__ import annotations

from densenet.train.events import append_line
from explorer.settings import Settings
from explorer.work.looks import looks
from tests.support.trainings import RIGHT, finished_run, watched_run


def test_a_run_without_has_none(run_settings: Settings) -> None:
    assert looks(finished_run(run_settings)) == (None, ())


def test_looks_are_read_on_and_each_run_has_its_own(run_settings: Settings) -> None:
    run = watched_run(run_settings, [(RIGHT, RIGHT)] * 2)
    watched, seen = looks(run)
    assert watched is not None
    assert [picture.name for picture in watched.pictures] == ["0.png", "1.png"]
    assert [look.epoch for look in seen] == [1, 2]
    other = watched_run(run_settings, [(RIGHT, RIGHT)], "other")
    assert len(looks(other)[1]) == 1
    assert len(looks(run)[1]) == 2
    append_line(run.looks, {"step": 30, "torn": True})
    assert len(looks(run)[1]) == 2


def test_looks_without_their_pictures_are_not_shown(run_settings: Settings) -> None:
    run = watched_run(run_settings, [(RIGHT, RIGHT)])
    run.looks.write_bytes(b"".join(run.looks.read_bytes().splitlines(keepends=True)[1:]))
    assert looks(run) == (None, ())
