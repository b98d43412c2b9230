"""The shape of the house: who may import whom, what is heavy, where a module's test lies, and that the README shows what is on the disk."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("densenet", "explorer")
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in PATHS.items()}
FACES = {module for module, path in PATHS.items() if path.name == "__init__.py"}
LINES_AT_MOST = 250
FACE_LINES_AT_MOST = 30

# What each room may import beside itself. A room is a folder of the library or the app, a file that stands beside them, or a tab.
LIBRARY = {
    "checks": "",
    "files": "",
    "kept": "",
    "pictures": "checks stopping",
    "published": "",
    "stopping": "",
    "config": "checks",
    "presets": "config",
    "record": "config pictures",
    "arithmetic": "checks config",
    "model": "checks config record",
    "running": "checks config stopping arithmetic model",
    "compare": "checks config presets published arithmetic model",
    "weights": "checks config presets published record files kept pictures stopping model",
    "predict": "checks config record pictures model running arithmetic",
    "attribution": "checks config stopping arithmetic model running",
    "features": "checks config stopping arithmetic model running",
    "measure": "checks config stopping arithmetic model running compare",
    "train": "checks config presets files pictures record stopping arithmetic model running weights",
    "evaluate": "checks files pictures stopping model running weights train predict",
    "dense_mlp": "checks config",
}
BEHIND_THE_PAGE = "settings components work"
APP = {
    "settings": "",
    "fetching": "components",
    "components": "",
    "work": "settings components",
    "page": BEHIND_THE_PAGE,
    "tabs": "",
    **{
        f"tabs.{tab}": f"{BEHIND_THE_PAGE} page" for tab in ("architecture", "structure", "memory", "compare", "layers", "train", "predict")
    },
    "api": BEHIND_THE_PAGE,
    "app": f"{BEHIND_THE_PAGE} page api tabs",
    "__main__": "settings fetching app",
}
# Inside Predict a view stands alone: what several of them share is in these.
SHARED_BY_VIEWS = {"stage", "ticks", "answers"}
OWN_CHARTS = {"lesion": {"lesion_charts"}}

HEAVY = ("torch", "safetensors", "torchvision", "numpy", "PIL", "gradio", "captum", "plotly", "torchinfo", "pandas", "sklearn", "scipy")
TORCH_FREE = {  # what a fresh interpreter imports, and what it must not have loaded then
    "import densenet": HEAVY,
    "from densenet import *\nplan(PRESETS['densenet121']); totals(DenseNetConfig())": HEAVY,
    "import densenet.arithmetic.step, densenet.arithmetic.seconds, densenet.presets, densenet.published": HEAVY,
    "import densenet.running.device": HEAVY,
    "from densenet.weights import WEIGHTS, is_here\nfor name in WEIGHTS: is_here(name)": ("torch", "torchvision", "numpy", "gradio"),
    "from densenet.attribution import METHODS\nlen(METHODS)": ("torch", "torchvision", "numpy", "captum", "scipy"),
    "from densenet.dense_mlp import DenseMLP": ("torchvision", "pandas", "sklearn", "scipy"),
    "from explorer.app import create_app\ncreate_app()": ("torch", "torchvision", "captum", "torchinfo", "sklearn", "scipy"),
}
CONTRACT = """
from densenet import DenseNetConfig, Workload, PRESETS, plan, totals, estimate_memory
from densenet.model import DenseNet
from densenet.weights import WEIGHTS, load, load_file
from densenet.predict import classify
from densenet.attribution import METHODS, attribute
from densenet.measure import measure
from densenet.train import fit
from densenet.dense_mlp import DenseMLP
from explorer.app import create_app
"""
TESTED_ELSEWHERE = {  # module without a test file at its own path -> where it is tested, or why it needs none
    "densenet.arithmetic.ends": "test_step.py, test_chain.py and test_residual.py: every net's step begins and ends with them",
    "densenet.arithmetic.liveness": "test_step.py and test_memory.py: its rules are seen in a step's moments",
    "densenet.train.ready": "tests/explorer/work/test_standby.py, which starts it",
    "explorer.settings": "a value without behaviour",
}


def module_of(name: str) -> str:
    """The module that a dotted name is, or lies in."""
    while name not in PATHS and "." in name:
        name = name.rpartition(".")[0]
    return name


def imported_by(module: str) -> set[str]:
    """The project's modules that `module` imports: at its top, in functions, and for type checkers only."""
    found: set[str] = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {module_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: absolute imports only"
            found |= {module_of(f"{node.module}.{alias.name}") for alias in node.names}
    return {name for name in found if name in PATHS} - {module}


def room_of(module: str) -> str:
    """The room of a module, within its package: `arithmetic`, `config`, `tabs.memory`, ...; empty for a package's front page."""
    parts = module.split(".")[1:]
    return ".".join(parts[:2]) if parts[:1] == ["tabs"] else "".join(parts[:1])


@pytest.mark.parametrize("package", PACKAGES)
def test_each_room_imports_only_what_it_may(package: str) -> None:
    table = {"densenet": LIBRARY, "explorer": APP}[package]
    wrong = []
    for module in PATHS:
        room = room_of(module)
        if module.split(".")[0] != package or not room:
            continue
        assert room in table, f"{module} is in no room of the table"
        for other in imported_by(module):
            mine, theirs = other.split(".")[0] == package, room_of(other)
            allowed = {room, *table[room].split()}
            if package == "explorer" and not mine:
                continue  # every part of the app may use the library
            if not mine or (theirs and not {theirs, theirs.split(".")[0]} & (allowed if "." not in room else allowed - {"tabs"})):
                wrong.append(f"{module} imports {other}")
    assert not wrong


def test_components_know_nothing_of_nets() -> None:
    modules = [module for module in PATHS if room_of(module) == "components" and module.startswith("explorer.")]
    used = {other for module in modules for other in imported_by(module) if other.startswith("densenet")}
    assert used <= {"densenet.pictures.images", "densenet.stopping", "densenet.kept"}


def test_no_view_of_a_photo_imports_another() -> None:
    folder = "explorer.tabs.predict."
    shared = {folder + name for name in ("tab", *SHARED_BY_VIEWS)}
    views = [module for module in PATHS if module.startswith(folder) and module not in shared]
    for module in views:
        others = {other.removeprefix(folder) for other in imported_by(module) if other.startswith(folder)}
        assert others <= SHARED_BY_VIEWS | OWN_CHARTS.get(module.removeprefix(folder), set()), module


def test_no_import_goes_round_in_circles() -> None:
    graph = {module: imported_by(module) - FACES for module in PATHS if module not in FACES}
    assert sum(map(len, graph.values())) > 200
    assert set(TopologicalSorter(graph).static_order()) == set(graph)  # raises CycleError


def test_plan_and_model_are_independent() -> None:
    for room, other_room in (("arithmetic", "model"), ("model", "arithmetic")):
        modules = [module for module in PATHS if module.startswith(f"densenet.{room}")]
        assert modules
        assert not any(room_of(other) == other_room for module in modules for other in imported_by(module))


@pytest.mark.parametrize("statement", TORCH_FREE, ids=lambda statement: statement.split("\n")[0])
def test_what_a_page_does_not_need_at_once_is_not_loaded(statement: str) -> None:
    code = f"import sys\n{statement}\nprint(*[name for name in {TORCH_FREE[statement]!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_contract_holds() -> None:
    exec(CONTRACT, {})  # the lines that others outside the project use


def test_the_library_knows_nothing_of_the_app() -> None:
    for module in PATHS:
        if module.startswith("densenet"):
            names = {alias.name for node in ast.walk(TREES[module]) if isinstance(node, ast.Import) for alias in node.names}
            names |= {str(node.module) for node in ast.walk(TREES[module]) if isinstance(node, ast.ImportFrom)}
            assert not {name.split(".")[0] for name in names} & {"gradio", "plotly", "explorer", "tests"}, module


def test_the_library_prints_nothing() -> None:
    for module, tree in TREES.items():
        if module.startswith("densenet") and not module.endswith("__main__"):
            calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print"]
            assert not calls, module


def test_a_face_only_hands_names_on() -> None:
    for face in FACES:
        tree, inside = TREES[face], {module.rpartition(".")[2] for module in PATHS if module.rpartition(".")[0] == face}
        defined = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name != "__getattr__"]
        handed = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not defined, face
        assert not handed & inside, f"{face} hands on a name that one of its modules bears"
        assert len(PATHS[face].read_text(encoding="utf-8").splitlines()) <= FACE_LINES_AT_MOST, face


def test_a_name_stands_for_one_module() -> None:
    library = Counter(module.rpartition(".")[2] for module in PATHS if module.startswith("densenet.") and module not in FACES)
    library.pop("__main__")
    assert [stem for stem, count in library.items() if count > 1] == []
    app = Counter(m.rpartition(".")[2] for m in PATHS if m.startswith("explorer.") and m not in FACES)
    views = {module.rpartition(".")[2] for module in PATHS if module.startswith("explorer.tabs.predict.")}
    assert [stem for stem, count in app.items() if count > 1 and stem not in ("tab", "charts", "tables")] == []
    assert [stem for stem in app if stem in library and stem not in views | {"__main__", "predict"}] == []


@pytest.mark.parametrize("suffix", ["py", "js", "css"])
def test_no_file_is_longer_than_one_reads(suffix: str) -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob(f"*.{suffix}")]
    assert files
    assert [path for path in files if len(path.read_text(encoding="utf-8").splitlines()) > LINES_AT_MOST] == []


def test_javascript_and_css_lie_in_files_that_a_module_loads() -> None:
    literal = []
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in ("js", "js_on_load") and isinstance(node.value, ast.Constant | ast.JoinedStr):
                literal.append(f"{module}:{node.value.lineno}")
    assert literal == []
    sources = "\n".join(PATHS[module].read_text(encoding="utf-8") for module in PATHS if module.startswith("explorer"))
    for path in sorted((ROOT / "explorer").rglob("*.*")):
        if path.suffix in (".js", ".css", ".html"):
            twin = path.with_suffix(".py")
            beside = twin.is_file() and f'with_suffix("{path.suffix}")' in twin.read_text(encoding="utf-8")
            assert beside or path.name in sources, f"nothing loads {path.relative_to(ROOT)}"


def test_each_module_says_what_it_is_for() -> None:
    assert [module for module in PATHS if not ast.get_docstring(TREES[module])] == []


def mirrored(path: Path) -> Path:
    """The test file of a module: `densenet/files.py` -> `tests/densenet/test_files.py`, `__main__.py` -> `test_main.py`."""
    return ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.stem.strip('_')}.py")


def test_each_module_has_its_test() -> None:
    wanted = {module: mirrored(path) for module, path in PATHS.items() if module not in FACES | set(TESTED_ELSEWHERE)}
    assert [module for module, path in wanted.items() if not path.is_file()] == []
    assert [module for module in TESTED_ELSEWHERE if module not in PATHS or mirrored(PATHS[module]).is_file()] == []


def test_each_test_has_its_module() -> None:
    known = {mirrored(path) for path in PATHS.values()}
    assert [path for package in PACKAGES for path in (ROOT / "tests" / package).rglob("test_*.py") if path not in known] == []


def test_names_in_docstrings_exist() -> None:
    unknown = []
    for module, path in PATHS.items():
        for name in set(re.findall(r"`((?:densenet|explorer)(?:\.\w+)+)`", path.read_text(encoding="utf-8"))):
            owner = module_of(name)
            rest = name.removeprefix(owner).strip(".")
            value = importlib.import_module(owner)
            for part in rest.split(".") if rest else ():
                value = getattr(value, part, None)  # type: ignore[assignment]
            if value is None:
                unknown.append(f"{module}: {name}")
    assert unknown == []


def test_the_readme_shows_the_tree_on_disk() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```\n(densenet/ .*?)^```", text, re.M | re.S)
    assert block, "README.md has no tree that begins with densenet/"
    shown, folders = set(), [Path()]
    for line in block[1].splitlines():
        entry = re.match(r"( *)(.*?)(?:  +.*)?$", line)
        assert entry
        depth = len(entry[1]) // 2
        if not entry[2]:
            continue
        for name in entry[2].split():
            if name.endswith("/"):
                folders[depth + 1 :] = [folders[depth] / name]
            else:
                shown.add((folders[depth] / name).as_posix())
    on_disk = {path.relative_to(ROOT).as_posix() for path in PATHS.values() if path.name != "__init__.py"}
    on_disk |= {p.relative_to(ROOT).as_posix() for p in (ROOT / "explorer").rglob("*.*") if p.suffix in (".js", ".css", ".html")}
    assert shown == on_disk
