"""Does the suite fail when it should? Small wrong changes, one at a time, each with the tests nearest to it.

python -m tests.benchmarks.mutants [MODULE ...] [--sample 12] [--minutes 30] [--resume /tmp/mutants.jsonl] [--workers 2]

MODULE is a dotted name (`densenet.arithmetic.costs`) or a path of a `.js` file; without one, all of both packages. A change that no test
notices has "lived": either a test is missing, or the change makes no difference. One that never ends counts as caught. Results are added to
the file of `--resume`, and what stands there of the same text is not run again; `--minutes 0` prints its table and runs nothing.

A program of its own, because mutmut 3 changes only what stands inside functions (no defaults of a frozen value, no table of constants),
begins with a run of the whole suite, browser and all, to learn which test touches what, and knows no JavaScript.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import queue
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.benchmarks.mutations import Mutation, of_python, of_script

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("densenet", "explorer")
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", ".*_cache", ".hypothesis", "__pycache__", "node_modules", "runs")
_WIRING = "tests/explorer/test_app.py::test_every_event_is_asked_by_what_is_written_down"
# Tests of a module beside those at the mirrored path; a script has no such path.
ALSO_TESTED_BY = {
    "densenet.arithmetic.ends": ("tests/densenet/arithmetic/test_memory.py", "tests/densenet/arithmetic/test_residual.py"),
    "densenet.arithmetic.liveness": ("tests/densenet/arithmetic/test_memory.py",),
    "densenet.arithmetic.step": ("tests/densenet/arithmetic/test_memory.py",),
    "densenet.train.ready": ("tests/explorer/work/test_standby.py",),
    "densenet.train.sources": ("tests/densenet/train/test_data.py",),
    "densenet.weights.tensor_files": ("tests/densenet/weights/test_net_files.py",),
    "explorer.api": ("tests/explorer/work/test_background.py",),
    "explorer.page.pin": (
        _WIRING,
        "tests/browser/test_compare.py::test_pinned_and_compared",
    ),
    "explorer.tabs.compare.tab": (_WIRING,),
    "explorer.tabs.layers.tab": (_WIRING,),
    "explorer.tabs.memory.tab": (
        _WIRING,
        "tests/browser/test_memory.py",
    ),
    **{f"explorer.tabs.predict.{view}": (_WIRING,) for view in ("film", "inside", "lesion", "maps", "reuse", "trust")},
    "explorer.tabs.train.tab": (_WIRING,),
    "explorer.tabs.structure.tab": (_WIRING,),
    "explorer/tabs/structure/connections.js": ("tests/browser/test_structure.py",),
    "explorer/tabs/structure/diagram.js": ("tests/browser/test_structure.py",),
    "explorer/tabs/structure/save.js": ("tests/browser/test_structure.py",),
    "explorer/page/layer_card.js": ("tests/browser/test_structure.py",),
    "explorer/tabs/predict/inside.js": ("tests/browser/test_structure.py",),
    "explorer.page.controls": ("tests/explorer/page/test_fields.py", "tests/explorer/page/test_live.py"),
    "explorer.page.headline": ("tests/explorer/page/test_numbers.py",),
    "explorer.tabs.architecture.tab": ("tests/explorer/test_app.py",),
    "explorer.tabs.predict.stage": ("tests/explorer/tabs/predict/test_tab.py",),
    "explorer.tabs.predict.tab": (
        "tests/explorer/test_api.py",
        _WIRING,
    ),
    "explorer/components/chart_panel.js": (
        "tests/browser/test_sliders.py::test_zoom_survives_an_update",
        "tests/browser/test_sliders.py::test_titles_stand_over_their_chart_and_in_the_middle_of_their_axis",
        "tests/browser/test_look.py",
        "tests/browser/test_compare.py::test_pinned_and_compared",
        "tests/browser/test_structure.py",
    ),
    "explorer/components/map_panel.js": ("tests/explorer/components/test_map_panel.py", "tests/browser/test_maps.py"),
    "explorer/page/headline.js": ("tests/browser/test_sliders.py::test_preset_and_reset", "tests/browser/test_first_page.py"),
    "explorer/page/sidebar.js": ("tests/browser/test_screens.py",),
    "explorer/tabs/predict/answers.js": ("tests/explorer/tabs/predict/test_answers.py", "tests/browser/test_predict.py"),
    "explorer/tabs/predict/drawing.js": ("tests/browser/test_train.py::test_digits_from_start_to_a_drawing",),
    "explorer.work.nets": ("tests/explorer/work/test_subject.py", "tests/explorer/tabs/predict/test_tab.py"),
}
LIBRARIES = (
    "captum.attr gradio hypothesis jinja2 pandas plotly psutil pytest safetensors.torch scipy.stats sklearn torch torchinfo torchvision"
)
WARM = multiprocessing.get_context("forkserver")  # one process imports the libraries, and each run of tests is a fork of it
LONGEST_SECONDS = 1800  # for a run without a change
SLOWER = 3  # a changed program may take so many times as long as the unchanged one,
GRACE_SECONDS = 30  # and so much more: another program may have begun meanwhile


@dataclass(frozen=True)
class Module:
    """A file that is changed, and the tests that must notice."""

    name: str
    path: str
    tests: tuple[str, ...]
    source: bytes
    mutations: tuple[Mutation, ...]

    def key(self, mutation: Mutation) -> str:
        """Name a change by the text that it is made in: of another text, it is another change."""
        return f"{self.name}:{hashlib.sha256(self.source).hexdigest()[:12]}:{mutation.start}:{mutation.old}:{mutation.new}"


def path_of(name: str) -> str:
    """Turn a dotted name or a path into a path below the root; ValueError if nothing lies there."""
    if name.endswith(".js"):
        path = name
    else:
        stem = name.replace(".", "/")
        path = stem + ("/__init__.py" if (ROOT / stem).is_dir() else ".py")
    if not (ROOT / path).is_file():
        raise ValueError(f"MODULE must be a module or a .js file of this project, got {name!r}")
    return path


def tests_of(name: str, path: str) -> tuple[str, ...]:
    """List the tests nearest to a module: the mirrored one and those of the table; else all that import it, or that mention the script."""
    at = Path(path)
    stem = at.stem.strip("_")
    mirrored = [f"tests/{at.parent}/test_{stem}.py"] if at.suffix == ".py" else []
    near = [test for test in (*mirrored, *ALSO_TESTED_BY.get(name, ())) if (ROOT / test.partition("::")[0]).is_file()]
    if near:
        return tuple(near)
    parent, _, last = name.rpartition(".")
    words = (at.name,) if at.suffix == ".js" else (f"from {name} import", f"import {name}", f"from {parent} import {last}")
    mentions = []
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        text = test.read_text(encoding="utf-8")
        if any(word in text for word in words):
            mentions.append(str(test.relative_to(ROOT)))
    return tuple(mentions)


def module_of(name: str, sample: int, seed: int) -> Module:
    """Read a module; keep `sample` of its changes (0: all), the same ones for the same seed."""
    path = path_of(name)
    source = (ROOT / path).read_bytes()
    mutations = of_script(source) if path.endswith(".js") else of_python(source)
    if 0 < sample < len(mutations):
        drawn = sorted(random.Random(f"{seed} {name}").sample(range(len(mutations)), sample))
        mutations = [mutations[i] for i in drawn]
    return Module(name, path, tests_of(name, path), source, tuple(mutations))


def all_names() -> list[str]:
    """Name every module and script of both packages that is more than a face."""
    names = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            at = path.relative_to(ROOT)
            if path.suffix == ".js":
                names.append(str(at))
            elif path.suffix == ".py" and path.name != "__init__.py":
                names.append(".".join(at.with_suffix("").parts))
    return names


def run_in_fork(copy: Path, tests: Sequence[str]) -> None:
    """Run pytest in a copy until the first failure; in a process that has imported the libraries but nothing of the project."""
    os.setsid()
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    for name in list(sys.modules):
        if name.partition(".")[0] in ("tests", *PACKAGES):
            del sys.modules[name]
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    sys.dont_write_bytecode = True  # that of the text before might be taken for the new one's
    sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))


def run_tests(copy: Path, tests: Sequence[str], limit_s: float) -> str:
    """Run the tests in a copy: "lived" if nothing failed, "caught", or "hung" past the limit."""
    process = WARM.Process(target=run_in_fork, args=(copy, tests))
    process.start()
    try:
        process.join(limit_s)
        return "hung" if process.exitcode is None else "caught" if process.exitcode else "lived"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.ident, signal.SIGKILL)  # what the tests left behind: a server, a training
        process.join()


class Results:
    """What became of each change, kept in a file of JSON lines, if there is one."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.lock = threading.Lock()
        lines = file.read_text(encoding="utf-8").splitlines() if file and file.exists() else []
        self.known: dict[str, str] = {line["key"]: line["state"] for line in map(json.loads, lines)}

    def add(self, module: Module, mutation: Mutation, state: str) -> None:
        """Note a result at once: whenever the program ends, nothing is lost."""
        entry = {"key": module.key(mutation), "state": state, "at": f"{module.path}:{mutation.line}", "change": str(mutation)}
        with self.lock:
            self.known[entry["key"]] = state
            if self.file:
                with self.file.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(entry) + "\n")


@contextmanager
def copies(count: int) -> Iterator[queue.Queue[Path]]:
    """Hold as many copies of the project as there are workers, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        free: queue.Queue[Path] = queue.Queue()
        for number in range(count):
            free.put(Path(shutil.copytree(ROOT, Path(folder) / str(number), ignore=LEFT_OUT)))
        yield free


def try_module(module: Module, results: Results, free: queue.Queue[Path], workers: int, ends_at: float) -> str:
    """Run the tests without a change, then with each; return what is to be said of the module in a word or two."""
    left = [mutation for mutation in module.mutations if module.key(mutation) not in results.known]
    if not module.tests:
        return "no test"
    if not left or time.monotonic() > ends_at:
        return ""
    copy = free.get()
    (copy / module.path).write_bytes(module.source)
    began = time.monotonic()
    unchanged = run_tests(copy, module.tests, LONGEST_SECONDS)
    limit_s = SLOWER * (time.monotonic() - began) + GRACE_SECONDS
    free.put(copy)
    if unchanged != "lived":
        return "fails unchanged"

    def try_one(mutation: Mutation) -> None:
        if time.monotonic() > ends_at:
            return
        mine = free.get()
        (mine / module.path).write_bytes(mutation.apply(module.source))
        try:
            results.add(module, mutation, run_tests(mine, module.tests, limit_s))
        finally:
            (mine / module.path).write_bytes(module.source)
            free.put(mine)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(try_one, left))
    return ""


def print_table(modules: Sequence[Module], results: Results, remarks: dict[str, str]) -> None:
    """Print a row for each module, then each change that lived."""
    print(f"{'module':<44}{'mutants':>8}{'tried':>7}{'caught':>8}{'lived':>7}{'%':>6}")
    lived = []
    sums = [0, 0, 0]
    for module in modules:
        states = [(mutation, results.known[module.key(mutation)]) for mutation in module.mutations if module.key(mutation) in results.known]
        alive = [mutation for mutation, state in states if state == "lived"]
        lived += [f"{module.path}:{mutation.line}  {mutation}" for mutation in alive]
        numbers = [len(states), len(states) - len(alive), len(alive)]
        sums = [total + number for total, number in zip(sums, numbers, strict=True)]
        print(f"{module.name:<44}{len(module.mutations):>8}{row(*numbers)}  {remarks.get(module.name, '')}".rstrip())
    print(f"{'all':<44}{sum(len(module.mutations) for module in modules):>8}{row(*sums)}")
    print("\nlived:", *lived, sep="\n  ", flush=True)


def row(tried: int, caught: int, lived: int) -> str:
    """Format the counts of a row, and what share of the tried ones was caught."""
    return f"{tried:>7}{caught:>8}{lived:>7}{f'{100 * caught / tried:.0f}' if tried else '-':>6}"


def main() -> None:
    """Try the changes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--sample", type=int, default=0, help="changes drawn from each module; 0: all of them")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no further change after so long")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="JSON lines of the results, outside the checkout")
    parser.add_argument("--workers", type=int, default=2, help="copies of the project that are tested at the same time")
    told = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    WARM.set_forkserver_preload(LIBRARIES.split())
    modules = [module_of(name, told.sample, told.seed) for name in told.modules or all_names()]
    results, remarks, ends_at = Results(told.resume), {}, time.monotonic() + 60 * told.minutes
    with copies(told.workers) as free:
        for module in modules:
            remarks[module.name] = try_module(module, results, free, told.workers, ends_at)
            print(f"{module.name} {remarks[module.name]}".rstrip(), file=sys.stderr, flush=True)
    print_table(modules, results, remarks)


if __name__ == "__main__":
    main()
