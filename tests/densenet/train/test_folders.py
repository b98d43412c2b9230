"""Which folders are classes, and which files are pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from densenet.pictures.images import FORMATS, readable_formats
from densenet.train.data import load_folder
from densenet.train.folders import Contents, class_folders, contents_of, endings, pictures_in, split_folders


def tree(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return root


def test_endings_are_pillows_own_of_the_formats_that_are_read() -> None:
    assert {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"} <= endings()
    assert ".heic" in endings()
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


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("TRAIN", "VAL"),
        ("train_set", "test_set"),
        ("training-data", "validation-data"),
        ("seg_train", "seg_test"),
        ("trainset", "Valid"),
    ],
)
def test_parts_are_known_by_the_names_that_people_give(tmp_path: Path, train: str, test: str) -> None:
    tree(tmp_path, *(f"{part}/{name}/1.png" for part in (train, test) for name in ("glioma", "meningioma", "pituitary")))
    assert split_folders(tmp_path) == (tmp_path / train, tmp_path / test)
    tree(tmp_path, "seg_pred/1.png", "notes.txt")
    assert split_folders(tmp_path) == (tmp_path / train, tmp_path / test)


def test_a_part_in_a_part_of_its_name_stands_for_it(tmp_path: Path) -> None:
    tree(tmp_path, *(f"seg_{part}/seg_{part}/{name}/1.png" for part in ("train", "test") for name in ("sea", "forest")))
    assert split_folders(tmp_path) == (tmp_path / "seg_train" / "seg_train", tmp_path / "seg_test" / "seg_test")


def test_a_class_that_is_called_train_is_a_class(tmp_path: Path) -> None:
    tree(tmp_path, "train/1.png", "bus/2.png")
    assert split_folders(tmp_path) == (tmp_path, None)
    assert contents_of(tmp_path, 100) == Contents(("bus", "train"), 2)


def test_a_test_part_without_classes_is_none(tmp_path: Path) -> None:
    tree(tmp_path, "train/a/1.png", "train/b/2.png", "test/1.jpg", "test/2.jpg")
    assert split_folders(tmp_path) == (tmp_path / "train", None)


@pytest.mark.parametrize("parts", [("fold1", "fold2"), ("A", "B", "C"), ("Training", "Holdout")])
def test_parts_of_unknown_names_are_not_learnt_as_classes(tmp_path: Path, parts: tuple[str, ...]) -> None:
    tree(tmp_path, *(f"{part}/{name}/1.png" for part in parts for name in ("cat", "dog")))
    if parts[0] == "Training":
        assert split_folders(tmp_path) == (tmp_path / "Training", None)
        return
    with pytest.raises(ValueError, match=r"and each of these the same folders, cat, dog: name the one that holds the classes"):
        contents_of(tmp_path, 100)
    with pytest.raises(ValueError, match="the same folders"):
        load_folder(tmp_path, 16)


def test_folders_in_classes_that_differ_stay(tmp_path: Path) -> None:
    tree(tmp_path, "cat/indoor/1.png", "cat/outdoor/2.png", "dog/garden/3.png", "dog/park/4.png", "dog/5.png")
    assert contents_of(tmp_path, 100) == Contents(("cat", "dog"), 5)
    tree(tmp_path / "one", "cat/in/1.png", "dog/in/2.png")
    assert contents_of(tmp_path / "one", 100) == Contents(("cat", "dog"), 2), "one folder in each may be anything"


def test_what_systems_leave_is_neither_class_nor_picture(tmp_path: Path) -> None:
    tree(tmp_path, "cat/1.png", "dog/2.png", ".ipynb_checkpoints/3.png", ".git/4.png", "__MACOSX/cat/5.png")
    tree(tmp_path, "cat/.ipynb_checkpoints/1-checkpoint.png", "cat/@eaDir/1.png/SYNOPHOTO_THUMB.png", "dog/._2.png")
    assert contents_of(tmp_path, 100) == Contents(("cat", "dog"), 2)
    assert [path.name for path in pictures_in(tmp_path / "cat")] == ["1.png"]


def test_pictures_are_known_by_content_where_the_name_says_nothing(tmp_path: Path) -> None:
    """Of 38 files of such names 14 were read, and nothing was said of the others."""
    assert "HEIF" in readable_formats()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    picture = Image.effect_noise((20, 20), 60).convert("RGB")
    names = ("1.jfif", "2.jpe", "3.pgm", "4.ppm", "5.HEIC", "6", "7.JPG_large", "8.avif", "9.mpo")
    kinds = ("JPEG", "JPEG", "PPM", "PPM", "HEIF", "PNG", "JPEG", "AVIF", "JPEG")
    for name, kind in zip(names, kinds, strict=True):
        picture.convert("L" if name.endswith("pgm") else "RGB").save(tmp_path / "a" / name, kind)
        picture.save(tmp_path / "b" / name, kind)
    tree(tmp_path, "a/notes.txt", "a/labels.csv", "b/page.html", "b/empty")
    assert [path.name for path in pictures_in(tmp_path / "a")] == sorted(names)
    assert contents_of(tmp_path, 100) == Contents(("a", "b"), 18)
    data = load_folder(tmp_path, 16)
    assert len(data) == 18, "the forecast and the training count alike"
    assert data.skipped == ("4 files are no pictures: labels.csv, notes.txt, empty and 1 more",)
