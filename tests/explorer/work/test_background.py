"""Heavy work steps back behind what answers at once: the priority is read inside the work of every handler that has some."""

from __future__ import annotations

import contextvars
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from densenet import PRESETS, Workload
from densenet.features import reuse as reuse_module
from densenet.model.net import DenseNet
from densenet.weights.known import ASSETS
from explorer import api
from explorer.settings import Settings
from explorer.tabs.predict import film, inside, lesion, maps, reuse, tab, trust
from explorer.work import background, nets, queues
from explorer.work import subject as subjects
from explorer.work.subject import Asked

SETTINGS = Settings(device="cpu", offline=True)
ASKED = Asked("a", "cifar10", 5)
NICENESS = 10
CEILING_S = 120
prioritised = pytest.mark.skipif(not hasattr(os, "setpriority"), reason="this system gives threads no priority of their own")


class Visitor:
    """What a handler reads of a gr.Request."""

    session_hash = "priorities"


VISITOR: Any = Visitor()
Work = Callable[[Image.Image], object]
WORKS: dict[str, Work] = {
    "predict": lambda photo: tab.predict(SETTINGS, photo, ["cifar10"]),
    "contrast choices": lambda photo: maps.contrast_choices(SETTINGS, photo, ASKED),
    "maps": lambda photo: list(maps.show(VISITOR, SETTINGS, photo, ASKED, ["grad_cam"], None, 8, "mean", 4, 0.1, 8, 0)),
    "film": lambda photo: film.show(SETTINGS, photo, ASKED),
    "trust": lambda photo: list(trust.show(SETTINGS, photo, ASKED, "grad_cam", VISITOR)),
    "inside": lambda photo: inside.show(SETTINGS, photo, ASKED, "features.conv0", inside.LARGEST),
    "lesion": lambda photo: list(lesion.show(SETTINGS, photo, ASKED, 1, "zero", None, VISITOR)),
    "each reader": lambda photo: list(lesion.each_reader(SETTINGS, photo, ASKED, 1, "zero", VISITOR)),
    "switch off": lambda photo: lesion.switch_off(SETTINGS, photo, ASKED, 1, "zero", 0),
    "reuse": lambda photo: reuse.show(SETTINGS, ASKED, reuse.ALL_BLOCKS, False),
    "api predict": lambda photo: api.predict(SETTINGS, photo, "cifar10", 5, 1.0),
    "api attribute": lambda photo: api.attribute(SETTINGS, photo, "cifar10", -1, "grad_cam", -1, {}),
    "api reuse": lambda photo: api.reuse(SETTINGS, "cifar10", False),
    "api compare": lambda photo: api.compare(PRESETS["tiny"], Workload(image_size=32)),
    "api instantiate": lambda photo: api._instantiate(SETTINGS)(PRESETS["tiny"], Workload(image_size=32)),
    "api measure": lambda photo: api._measure(SETTINGS)(PRESETS["tiny"], Workload(image_size=32)),
}


def niceness() -> int:
    """Of the thread that asks."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was done, and at which niceness: reading nets, passes of nets, sums over their weights."""
    noted: list[tuple[str, int]] = []

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def watched(*args: Any, **options: Any) -> Any:
            noted.append((name, niceness()))
            return real(*args, **options)

        monkeypatch.setattr(owner, name, watched)

    for owner, name in ((nets, "load"), (nets, "load_file"), (DenseNet, "__call__"), (reuse_module, "reuse")):
        watch(owner, name)
    subjects._kept.clear()
    return noted


@prioritised
@pytest.mark.parametrize("name", WORKS)
def test_the_heavy_part_of_a_handler_is_of_low_priority(name: str, seen: list[tuple[str, int]], samples: Path) -> None:
    before = niceness()
    WORKS[name](Image.open(samples / "beagle.jpg").convert("RGB"))
    assert seen or name == "api compare"
    assert {(what, nice) for what, nice in seen if nice < NICENESS} == set()
    assert niceness() == before, "and who answers the page keeps its own"


@prioritised
def test_a_file_that_is_brought_is_read_at_low_priority(tmp_path: Path, seen: list[tuple[str, int]]) -> None:
    shutil.copy(ASSETS / "cifar10.pth", tmp_path / "mine.pth")
    tab.bring(SETTINGS, ["cifar10"], [], [str(tmp_path / "mine.pth")])
    assert {what for what, _ in seen} == {"load_file"}
    assert all(nice >= NICENESS for _, nice in seen)


@prioritised
def test_counts_and_builds_of_nets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    monkeypatch.setattr("densenet.compare.peers.peer_counts", lambda *_: noted.append(niceness()) or api.totals(PRESETS["tiny"], 32))
    api.compare(PRESETS["tiny"], Workload(image_size=32))
    assert noted
    assert all(nice >= NICENESS for nice in noted)


def test_no_kind_of_work_waits_for_another() -> None:
    assert background._workers._max_workers == len(queues.KINDS) + 1
    together = threading.Barrier(len(queues.KINDS) + 1)
    ended: list[int] = []
    threads = [threading.Thread(target=lambda: ended.append(background.run(together.wait, CEILING_S))) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CEILING_S)
    assert sorted(ended) == list(range(together.parties)), "all of them ran at once, or none would have gone on"


def test_what_works_in_the_background_may_ask_for_more_of_it() -> None:
    assert background.run(partial(background.run, niceness)) >= 0
    depth = len(queues.KINDS) + 5

    def deeper(left: int) -> int:
        return background.run(deeper, left - 1) if left else depth

    assert background.run(deeper, depth) == depth, "work that waits for a free thread, and holds one, would wait for ever"


def test_work_knows_whose_it_is_and_its_errors_come_back() -> None:
    whose: contextvars.ContextVar[str] = contextvars.ContextVar("whose")
    whose.set("mine")
    assert background.run(whose.get) == "mine"
    with pytest.raises(ZeroDivisionError):
        background.run(lambda: 1 // 0)


def test_a_stream_yields_what_is_told_and_returns_what_is_made() -> None:
    step = threading.Semaphore(0)

    def work(tell: Callable[[int], None]) -> str:
        for i in range(3):
            assert step.acquire(timeout=CEILING_S)
            tell(i)
        return "made"

    told, made = [], []

    def read() -> Iterator[int]:
        made.append((yield from background.stream(work)))

    step.release()
    for news in read():
        told.append(news)
        step.release()
    assert made == ["made"]
    assert told == [0, 1, 2]
