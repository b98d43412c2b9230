"""What imports what: the library's first page is plain Python, plan and model are independent, nothing goes round in circles."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import densenet

LIBRARY = Path(densenet.__file__).resolve().parent
MODULES = {
    ".".join(["densenet", *path.relative_to(LIBRARY).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(LIBRARY.rglob("*.py"))
}
HEAVY = ("torch", "safetensors", "torchvision", "numpy", "PIL", "gradio", "captum", "plotly", "torchinfo", "pandas", "sklearn")


def loaded_by(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after `statement`."""
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=LIBRARY.parent, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree: ast.AST, *, inside_functions: bool) -> set[str]:
    """Full names of the modules that are imported at run time; imports under `if TYPE_CHECKING` aside."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            assert node.module is not None
            found |= {f"{node.module}.{name.name}" if f"{node.module}.{name.name}" in MODULES else node.module for name in node.names}
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found |= imports(node, inside_functions=inside_functions)
    return found


def imports_of(module: str, *, inside_functions: bool) -> set[str]:
    return imports(ast.parse(MODULES[module].read_text(encoding="utf-8")), inside_functions=inside_functions)


def reach(module: str) -> set[str]:
    """Every module of the library that `module` imports, directly or not, also inside functions."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for name in imports_of(waiting.pop(), inside_functions=True) & set(MODULES):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def test_the_modules_are_found() -> None:
    assert {"densenet", "densenet.config", "densenet.arithmetic.plan", "densenet.model", "densenet.weights", "densenet.attribution"} <= set(
        MODULES
    )
    assert "torch" in imports_of("densenet.model", inside_functions=False)
    assert "densenet.config" in reach("densenet.model")


@pytest.mark.parametrize(
    "module", ["densenet", "densenet.presets", "densenet.arithmetic.costs", "densenet.arithmetic.plan", "densenet.config"]
)
def test_the_first_page_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}") == set()


def test_using_the_first_page_loads_nothing_heavy() -> None:
    assert loaded_by("from densenet import *\nplan(PRESETS['densenet121']); totals(DenseNetConfig())") == set()


def test_the_list_of_weights_loads_no_torch() -> None:
    statement = "from densenet.weights import WEIGHTS, is_here\nfor name in WEIGHTS: is_here(name)"
    assert not loaded_by(statement) & {"torch", "torchvision", "numpy", "gradio", "captum"}


def test_the_list_of_devices_loads_no_torch() -> None:
    assert loaded_by("import densenet.running.device") == set()


def test_the_dense_mlp_needs_no_more_than_torch() -> None:
    assert not loaded_by("from densenet.dense_mlp import DenseMLP") & {"torchvision", "pandas", "sklearn"}


@pytest.mark.parametrize("module", [name for name in MODULES if name != "densenet"])
def test_a_module_says_what_it_is_for(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("module", MODULES)
def test_the_library_knows_nothing_of_the_app(module: str) -> None:
    packages = {name.split(".")[0] for name in imports_of(module, inside_functions=True)}
    assert not packages & {"gradio", "plotly", "explorer", "tests"}


def test_plan_and_model_are_independent() -> None:
    assert "densenet.model" not in reach("densenet.arithmetic.plan")
    assert "densenet.arithmetic.plan" not in reach("densenet.model")
    assert not {"torch", "numpy"} & {name.split(".")[0] for name in imports_of("densenet.arithmetic.plan", inside_functions=True)}


@pytest.mark.parametrize("inside_functions", [False, True])
def test_no_import_goes_round_in_circles(inside_functions: bool) -> None:
    graph = {module: (imports_of(module, inside_functions=inside_functions) & set(MODULES)) - {module} for module in MODULES}
    assert sum(map(len, graph.values())) > 10
    assert set(TopologicalSorter(graph).static_order()) == set(MODULES)  # raises CycleError


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_printed_by_the_library(module: str) -> None:
    if module.endswith(".__main__"):
        return  # a command line
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    mains = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "main"]
    allowed = {id(call) for main in mains for call in ast.walk(main)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"]
    assert all(id(call) in allowed for call in calls)
