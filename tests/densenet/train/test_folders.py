"""Which folders are classes, and which files are pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from densenet.pictures.images import FORMATS
from densenet.train.folders import Contents, class_folders, contents_of, endings, pictures_in, split_folders


def tree(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return root


def test_endings_are_pillows_own_of_the_formats_that_are_read() -> None:
    assert {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"} <= endings()
    assert {Image.registered_extensions()[ending] for ending in endings()} == set(FORMATS)
    assert not endings() & {".pdf", ".eps", ".psd", ".svg", ".txt", ""}


def test_what_is_hidden_or_no_picture_does_not_count(tmp_path: Path) -> None:
    tree(tmp_path, "b/1.png", "b/deep/er/2.JPG", "b/.hidden.png", "b/.cache/3.png", "b/notes.txt", "a/4.avif", ".git/5.png", "6.png")
    (tmp_path / "a" / "folder.png").mkdir()
    assert [path.name for path in class_folders(tmp_path)] == ["a", "b"]
    assert pictures_in(tmp_path / "b") == [tmp_path / "b" / "1.png", tmp_path / "b" / "deep" / "er" / "2.JPG"]
    assert contents_of(tmp_path, 100) == Contents(("a", "b"), 3)


def test_links_lead_to_a_class_and_not_in_circles(tmp_path: Path) -> None:
    tree(tmp_path / "elsewhere", "1.png", "2.png")
    tree(tmp_path / "data", "a/3.png")
    (tmp_path / "data" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "a" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "a" / "4.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    (tmp_path / "data" / "a" / "broken.png").symlink_to(tmp_path / "nowhere")
    assert contents_of(tmp_path / "data", 100) == Contents(("a", "b"), 4)


def test_it_is_given_up_where_there_is_no_end(tmp_path: Path) -> None:
    tree(tmp_path, *(f"a/{i}.txt" for i in range(20)), *(f"b/{i}/x.png" for i in range(20)))
    assert contents_of(tmp_path, 60) == Contents(("a", "b"), 20)
    with pytest.raises(ValueError, match="holds more than 59 files and folders"):
        contents_of(tmp_path, 59)


@pytest.mark.parametrize("name", ["nowhere", "x" * 300, "file"])
def test_what_is_no_folder_is_a_sentence(tmp_path: Path, name: str) -> None:
    tree(tmp_path, "file")
    with pytest.raises(ValueError, match="is not a folder"):
        class_folders(tmp_path / name)


def test_a_folder_that_may_not_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    tree(tmp_path, "a/1.png")
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match="cannot be read: Permission denied"):
        class_folders(tmp_path)


def test_a_test_part_lies_beside_the_part_to_learn_from(tmp_path: Path) -> None:
    assert split_folders(tmp_path) == (tmp_path, None)
    tree(tmp_path, "train/a/1.png")
    assert split_folders(tmp_path) == (tmp_path / "train", None)
    for name in ("validation", "valid", "val", "test"):
        tree(tmp_path, f"{name}/a/1.png")
        assert split_folders(tmp_path) == (tmp_path / "train", tmp_path / name)
