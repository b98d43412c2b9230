"""Heavy work steps back behind what answers at once: the priority is read inside the work of every handler that has some."""

from __future__ import annotations

import builtins
import contextvars
import json
import os
import shutil
import subprocess
import sys
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
from explorer.page import live
from explorer.page.shared import Seen
from explorer.settings import Settings
from explorer.tabs.compare import tab as compare
from explorer.tabs.layers import tab as layers
from explorer.tabs.memory import tab as memory
from explorer.tabs.predict import film, inside, lesion, maps, reuse, tab, trust
from explorer.tabs.train import progress
from explorer.tabs.train import tab as train
from explorer.work import background, nets, queues
from explorer.work import subject as subjects
from explorer.work.subject import Asked
from tests.support.trainings import RECIPE, START

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
TINY, SMALL = PRESETS["tiny"], Workload(image_size=32)
SEEN = Seen("tiny", TINY, SMALL, None, 0.8)
ON_OTHER_TABS: dict[str, Work] = {
    "live": lambda photo: list(live.follow(SETTINGS, TINY, SMALL, VISITOR)),
    "measure one step": lambda photo: list(memory.measure_one_step(SETTINGS, TINY, SMALL, (), VISITOR)),
    "measure all": lambda photo: next(compare.measure_all(VISITOR, SETTINGS, {}, "Other nets", *SEEN)),
    "other nets": lambda photo: compare.show_now({}, "Other nets", *SEEN),
    "tutorials": lambda photo: compare.show_now({}, "Tutorials", *SEEN),
    "torchinfo's summary": lambda photo: layers.summary(TINY, SMALL),
    "forecast": lambda photo: train.forecast(SETTINGS, TINY, "digits", "", 32, *START, *RECIPE),
    "trainings": lambda photo: progress.look(SETTINGS),
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

    for owner, name in ((nets, "load"), (nets, "load_file"), (DenseNet, "__call__"), (DenseNet, "pooled"), (reuse_module, "reuse")):
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


@pytest.fixture(scope="module")
def heavy() -> set[str]:
    """The names of the modules that come with the libraries of heavy work, and that an app which has started has not loaded."""
    lines = (
        "import sys, json, explorer.app",
        "from explorer.work import background",
        "before = {*sys.modules}",
        "background.import_libraries()",
        "print(json.dumps([*({*sys.modules} - before)]))",
    )
    told = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True).stdout
    return set(json.loads(told.splitlines()[-1]))


def test_the_app_starts_without_the_libraries_of_heavy_work(heavy: set[str]) -> None:
    assert {"torch", "torchvision", "captum", "densenet.predict", "densenet.train"} <= heavy


@pytest.mark.parametrize("name", [*WORKS, *ON_OTHER_TABS])
def test_no_handler_imports_what_another_may_be_importing(
    name: str, heavy: set[str], monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    """Two threads in the middle of one package can wait for each other, until Python hands one of them half a module."""
    real_import, import_libraries = builtins.__import__, background.import_libraries
    asked = threading.Event()
    early: list[str] = []

    def noting(module: str, *args: Any, **options: Any) -> Any:
        if module in heavy and not asked.is_set():
            early.append(module)
        return real_import(module, *args, **options)

    def all_of_them() -> None:
        import_libraries()
        asked.set()

    photo = Image.open(samples / "beagle.jpg").convert("RGB")
    subjects._kept.clear()
    with monkeypatch.context() as patched:
        patched.setattr(background, "import_libraries", all_of_them)
        patched.setattr(builtins, "__import__", noting)
        {**WORKS, **ON_OTHER_TABS}[name](photo)
    assert asked.is_set()
    assert early == []


def test_the_libraries_are_imported_by_one_thread_while_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = threading.Lock()
    seen: list[str] = []

    def slowly(module: str) -> None:
        with_nobody = alone.acquire(blocking=False)
        threading.Event().wait(0.001)
        if with_nobody:
            seen.append(module)
            alone.release()

    monkeypatch.setattr(background.importlib, "import_module", slowly)
    threads = [threading.Thread(target=background.import_libraries) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CEILING_S)
    assert seen == [*background.LIBRARIES] * 4


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
