"""A training's folder: the same names for who writes it and who reads it."""

from __future__ import annotations

from pathlib import Path

from densenet.train.run import Run


def test_the_names_are_those_of_old_runs(tmp_path: Path) -> None:
    """Folders of earlier versions, and what the README says of them, stay true."""
    run = Run(tmp_path / "mine")
    names = {name: getattr(run, name) for name, value in vars(Run).items() if isinstance(value, property) and name != "name"}
    assert run.name == "mine"
    assert {name: path.name for name, path in names.items()} == {
        "job": "job.json",
        "checkpoint": "checkpoint.pt",
        "checkpoint_card": "checkpoint.json",
        "log": "checkpoint.jsonl",
        "looks": "checkpoint.looks.jsonl",
        "wish": "checkpoint.ask",
        "lock": "checkpoint.lock",
        "process": "process.json",
        "output": "output.txt",
        "net": "net.pth",
        "net_card": "net.json",
        "result": "result.json",
    }
    assert {path.parent for path in names.values()} == {tmp_path / "mine"}
