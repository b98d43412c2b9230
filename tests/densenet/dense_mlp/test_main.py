"""python -m densenet.dense_mlp: what it prints, of which net and recipe, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes

from densenet.dense_mlp import __main__ as command
from densenet.dense_mlp.cross_validation import TUTORIAL_RECIPE, Fold, Recipe
from densenet.dense_mlp.mlp import SMALL, TUTORIAL, DenseMLP, DenseMLPConfig
from densenet.dense_mlp.table import Table, read_table

LAST_LINE = re.compile(r"train (\d+\.\d{4}) valid (\d+\.\d{4})")


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "diabetes.csv"
    load_diabetes(as_frame=True).frame.to_csv(path, index=False)
    return path


Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command and returns its exit code, its lines and what it says of errors."""

    def answer(*arguments: object) -> tuple[int, list[str], str]:
        threads = torch.get_num_threads()
        try:
            code = command.main([str(argument) for argument in arguments])
        finally:
            torch.set_num_threads(threads)
        out, err = capsys.readouterr()
        return code, out.splitlines(), err

    return answer


def test_the_command_beats_the_mean_on_diabetes(run: Run, diabetes: Path) -> None:
    code, lines, err = run("--csv", diabetes, "--target", "target", "--folds", 2, "--epochs", 15, "--nets", 2)
    assert (code, err) == (0, "")
    assert len(lines) == 1 + 2 + 1
    last = LAST_LINE.fullmatch(lines[-1])
    assert last
    folds = [LAST_LINE.search(line) for line in lines[1:3]]
    for part in (1, 2):  # the last line is the mean of the folds', up to their rounding
        assert float(last[part]) == pytest.approx(np.mean([float(fold[part]) for fold in folds if fold]), abs=1.1e-4)
    spread = np.log(load_diabetes().target).std()  # the log-RMSE of predicting the mean
    assert float(last[2]) < 0.9 * spread
    assert float(last[1]) < float(last[2])


def test_the_same_command_gives_the_same_figures(run: Run, diabetes: Path) -> None:
    small = ("--csv", diabetes, "--target", "target", "--folds", 2, "--epochs", 1, "--nets", 1, "--growth-rate", 4, "--blocks", 1)
    first = run(*small)
    assert run(*small) == first
    assert run(*small, "--seed", 1)[1] != first[1]


def test_net_and_recipe_are_those_that_were_asked_for(run: Run, diabetes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[DenseMLPConfig, Recipe, int, int]] = []

    def cross_validate(table: Table, make_net: Callable[[int], DenseMLP], recipe: Recipe, folds: int, seed: int) -> list[Fold]:
        asked.append((make_net(7).config, recipe, folds, seed))
        return [Fold(0.1, 0.2)]

    monkeypatch.setattr(command, "cross_validate", cross_validate)
    plain = ("--csv", diabetes, "--target", "target")
    changes = ("--folds", 3, "--seed", 4, "--epochs", 5, "--batch-size", 6, "--learning-rate", 0.7, "--nets", 2)
    for options in (
        (),
        ("--recipe", "tutorial"),
        ("--recipe", "tutorial", *changes, "--growth-rate", 8, "--blocks", 1, 2),
    ):
        assert run(*plain, *options)[0] == 0
    told = {"epochs": 5, "batch_size": 6, "learning_rate": 0.7, "nets": 2}
    assert asked == [
        (replace(SMALL, in_features=7), Recipe(), 5, 0),
        (replace(TUTORIAL, in_features=7), TUTORIAL_RECIPE, 5, 0),
        (replace(TUTORIAL, in_features=7, growth_rate=8, block_config=(1, 2)), replace(TUTORIAL_RECIPE, **told), 3, 4),
    ]


def test_columns_that_say_nothing_are_left_out_and_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    rows = [f"{i},name{i},,same,{i * i % 7},{1 + i}" for i in range(1, 13)]
    path.write_text("\n".join(["id,name,nothing,constant,a,y", *rows]))
    code, lines, _ = run("--csv", path, "--target", "y", "--folds", 2, "--epochs", 1, "--nets", 1)
    assert code == 0
    left_out = read_table(path, "y").left_out
    assert set(left_out) == {"id", "name", "nothing", "constant"}
    assert lines[0] == "12 rows, 1 features" + "".join(f"; without {name} ({reason})" for name, reason in left_out.items())


def test_the_help_says_what_a_person_must_type(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for expected in ("--csv FILE", "--target COLUMN", "--folds N", "--learning-rate NUMBER", "--blocks N [N ...]", "--batch-size N"):
        assert expected in said
    assert not re.findall(r"\b(CSV|TARGET|FOLDS|EPOCHS|BATCH_SIZE|LEARNING_RATE|BLOCK_CONFIG|GROWTH_RATE)\b", said)


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, (), "there is no file"),
        ("", (), "is no CSV file"),
        ("a,y\n", (), "has no rows"),
        ("a,y\n1,2\n1,2,3\n", (), "is no CSV file"),
        ("a,y\n1,2,3\n1,2,3\n", (), "more values than columns"),
        ("a,y,y\n1,2,3\n2,3,4\n", (), "column 'y' twice"),
        ("a,b\n1,2\n", (), r"target must be a column of .*\(a, b\), got 'y'"),
        ("a,y\n1,2\n2,x\n", (), "target y must be numbers above 0, .* got 'x' in row 2"),
        ("a,y\n1,2\n2,\n", (), "target y must be numbers above 0, .* got nothing in row 2"),
        ("a,y\n1,2\n2,-3\n", (), "target y must be numbers above 0, .* got '-3' in row 2"),
        ("a,y\n1,2\n2,inf\n", (), "target y must be numbers above 0, .* got 'inf' in row 2"),
        ("a,y\n,2\n,3\n,4\n", (), "must have a column to learn from beside its target, got {'a': 'empty'}"),
        ("y\n2\n3\n", (), "must have a column to learn from beside its target, got none"),
        ("a,y\n1,2\n2,3\n4,4\n", ("--folds", "2"), "the table must have at least 4 rows, got 3"),
        ("a,y\n1,2\n2,3\n4,4\n1,1\n", (), "folds must be 2 to 2 for a table of 4 rows, got 5"),
        ("a,y\n1,2\n2,3\n4,4\n1,1\n", ("--folds", "1"), "folds must be 2 to 1000, got 1"),
        ("a,y\n1,2\n2,3\n4,4\n1,1\n", ("--growth-rate", "0"), "growth_rate must be 1 to 512, got 0"),
        ("a,y\n1,2\n2,3\n4,4\n1,1\n", ("--epochs", "0"), "epochs must be 1 to 10000, got 0"),
        ("a,y\n1,2\n2,3\n4,4\n1,1\n", ("--seed", "-1"), "seed must be 0 to 2147483647, got -1"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, tmp_path: Path, content: str | None, arguments: tuple[str, ...], message: str) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_text(content)
    code, lines, err = run("--csv", path, "--target", "y", *arguments)
    assert code == 2
    assert not [line for line in lines if line.startswith(("train", "fold"))]
    assert err.count("\n") == 1
    assert re.search(message, err), err


def test_a_binary_file_and_a_folder_are_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(bytes(range(128, 256)) * 20)
    assert "is no CSV file" in run("--csv", path, "--target", "y")[2]
    assert run("--csv", tmp_path, "--target", "y")[0] == 2
