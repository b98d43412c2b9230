"""The mutants benchmark: which tests stand by a module, and what a run of them says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import mutants
from tests.benchmarks.mutants import ALSO_TESTED_BY, ROOT, Results, all_names, module_of, path_of, row, run_tests
from tests.support.patience import PATIENCE_SECONDS


def test_every_module_has_tests_that_could_notice() -> None:
    without = [name for name in all_names() if not mutants.tests_of(name, path_of(name))]
    assert [name for name in without if module_of(name, 0, seed=0).mutations] == []


def test_the_table_of_tests_is_of_this_project() -> None:
    assert set(ALSO_TESTED_BY) <= set(all_names())
    for tests in ALSO_TESTED_BY.values():
        for test in tests:
            file, _, function = test.partition("::")
            assert not function or f"def {function}(" in (ROOT / file).read_text(encoding="utf-8")
            assert (ROOT / file).is_file()


def test_the_mirrored_tests_are_the_nearest() -> None:
    name = "densenet.arithmetic.costs"
    assert mutants.tests_of(name, path_of(name)) == ("tests/densenet/arithmetic/test_costs.py",)
    with pytest.raises(ValueError, match=r"^MODULE must be a module or a \.js file of this project, got 'densenet\.nothing'$"):
        path_of("densenet.nothing")


@pytest.mark.parametrize(("body", "said"), [("pass", "lived"), ("assert False", "caught"), ("import time; time.sleep(999)", "hung")])
def test_a_run_says_whether_anything_failed(tmp_path: Path, body: str, said: str) -> None:
    (tmp_path / "test_one.py").write_text(f"def test_one():\n    {body}\n")
    assert run_tests(tmp_path, ["test_one.py"], 3.0 if said == "hung" else PATIENCE_SECONDS) == said


def test_results_are_kept_and_not_tried_again(tmp_path: Path) -> None:
    module = module_of("densenet.stopping", 0, seed=0)
    mutation = module.mutations[0]
    Results(tmp_path / "results.jsonl").add(module, mutation, "lived")
    again = Results(tmp_path / "results.jsonl")
    assert again.known == {module.key(mutation): "lived"}
    (line,) = (tmp_path / "results.jsonl").read_text().splitlines()
    assert json.loads(line)["at"] == f"densenet/stopping.py:{mutation.line}"


def test_a_row_counts() -> None:
    assert row(10, 9, 1).split() == ["10", "9", "1", "90"]
    assert row(0, 0, 0).split() == ["0", "0", "0", "-"]
