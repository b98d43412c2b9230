"""The command line: from a file of weights and a folder to a report, a table and a JSON file."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from densenet.evaluate.__main__ import main
from densenet.weights.known import ASSETS


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for sample, name in {"tabby": "CAT", "beagle": "dog"}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        shutil.copy(ASSETS / "samples" / f"{sample}.jpg", tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.mark.parametrize("net", ["cifar10", str(ASSETS / "cifar10.pth")])
def test_a_folder_is_reported(net: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "dog" / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    assert main([net, str(photos), "--csv", str(tmp_path / "a.csv"), "--json", str(tmp_path / "r.json")]) == 0
    said = capsys.readouterr().out
    assert "2 pictures\n" in said
    assert "accuracy 100.0 % (34.2 to 100.0)" in said
    assert "Cannot read broken.jpg as a photo" in said
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["file"], row["right"], row["answer"]) for row in rows] == [
        ("CAT/tabby.jpg", "cat", "cat"),
        ("dog/beagle.jpg", "dog", "dog"),
    ]
    for row in rows:
        assert float(row["probability"]) == pytest.approx(float(row[row["answer"]]))
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["pictures"], report["accuracy"][0]) == (2, 1.0)


def test_a_table_of_labels(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("file,cat,dog\nCAT/tabby.jpg,1,0\ndog/beagle.jpg,,1\n")
    assert main(["cifar10", str(photos), "--labels", str(tmp_path / "t.csv")]) == 0
    assert "accuracy 100.0 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.pth", "."], "the net must be one of"),
        (["cifar10", "no-such-folder"], "is not a folder"),
        (["cifar10", "."], "none of them is one of the net's 10 classes"),
        (["cifar10", ".", "--labels", "no-such-table.csv"], "no-such-table.csv"),
    ],
)
def test_bad_input_is_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) in (1, 2)
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""
