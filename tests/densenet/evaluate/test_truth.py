"""What is right of each picture, from folders and from tables, as people have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from densenet.evaluate import truth as module
from densenet.evaluate.truth import UNKNOWN, truth_of_csv, truth_of_folders

LABELS = ("pleural thickening", "Edema", "no_finding")


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(root / name)
    return root


def test_folders_are_matched_by_name_whatever_their_writing(tmp_path: Path) -> None:
    put(tmp_path, "Pleural_Thickening/a.png", "EDEMA/b.png", "EDEMA/c.png", "No Finding/d.png", "Hernia/e.png")
    truth = truth_of_folders(tmp_path, LABELS)
    assert [file.name for file in truth.files] == ["b.png", "c.png", "d.png", "a.png"]
    assert truth.values.tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert truth.exclusive
    assert truth.said == ("Left out, as the net has no such class: Hernia.",)


def test_the_part_for_the_test_is_looked_at(tmp_path: Path) -> None:
    put(tmp_path, "Training/edema/a.png", "Training/no finding/b.png", "Testing/edema/c.png", "Testing/no finding/d.png")
    truth = truth_of_folders(tmp_path, LABELS)
    assert [file.name for file in truth.files] == ["c.png", "d.png"]
    assert truth.said == (f"Of {tmp_path.name}, Testing is looked at.",)


def test_a_net_without_names_takes_folders_in_order(tmp_path: Path) -> None:
    put(tmp_path, "b/1.png", "a/2.png")
    truth = truth_of_folders(tmp_path, ("class 0", "class 1"))
    assert truth.values.tolist() == [[1, 0], [0, 1]]
    assert truth.said == ("The net's classes have no names: the folders are taken in alphabetical order.",)
    with pytest.raises(ValueError, match="holds a, b, and none of them is one of the net's 3 classes"):
        truth_of_folders(tmp_path, ("class 0", "class 1", "class 2"))


@pytest.mark.parametrize("labels", [("x", "y"), ()])
def test_folders_that_the_net_does_not_know_are_named(labels: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none of them is one of"):
        truth_of_folders(put(tmp_path, "a/1.png"), labels)


def test_a_table_says_what_is_known(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "in/b.png", "c.png")
    table = tmp_path / "labels.csv"
    table.write_text("\ufeffImage;Edema;Pleural Thickening;Age\na.png;1;0;50\nin/b.png;;1.0;7\nc.png;0;-1;9\ngone.png;1;1;2\n\n")
    truth = truth_of_csv(tmp_path, table, LABELS)
    assert [file.name for file in truth.files] == ["a.png", "b.png", "c.png"]
    assert truth.values.tolist() == [[0, 1, UNKNOWN], [1, UNKNOWN, UNKNOWN], [UNKNOWN, 0, UNKNOWN]]
    assert truth.values.dtype == np.int8
    assert not truth.exclusive
    assert truth.said == (
        "Left out, as the net has no such label: Age.",
        "1 of the table's pictures are not in the folder: gone.png.",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must have a row of names and a row for each picture"),
        ("file,Edema\n", "must have a row of names and a row for each picture"),
        ("file,Age\na.png,3\n", "none of the columns Age is one of the net's labels"),
        ("file,Edema\na.png,perhaps\n", "row 2, Edema must be 1, 0 or blank for unknown, got 'perhaps'"),
        ("file,Edema\n../outside.png,1\n", "holds no pictures that the net has a class for"),
        ("file,Edema\n/etc/hostname,1\n", "holds no pictures that the net has a class for"),
    ],
)
def test_a_bad_table_is_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    put(tmp_path, "in/a.png", "outside.png")
    (tmp_path / "in" / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        truth_of_csv(tmp_path / "in", tmp_path / "in" / "labels.csv", LABELS)


def test_a_table_of_bytes_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(ValueError, match="is no table of text"):
        truth_of_csv(tmp_path, tmp_path / "t.csv", LABELS)


def test_more_pictures_than_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PICTURES", 1)
    with pytest.raises(ValueError, match="holds 2 pictures, and 1 is the limit"):
        truth_of_folders(put(tmp_path, "edema/a.png", "edema/b.png"), LABELS)
