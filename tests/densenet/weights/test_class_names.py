"""Names of classes as other programs write them, in a checkpoint or in a JSON beside it: shown, and what is not used is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from densenet.model.net import DenseNet
from densenet.record import Weights
from densenet.weights.class_names import names_in, names_of
from densenet.weights.loading import load_file

ANIMALS = tuple(f"animal {i}" for i in range(10))


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (["a", "b"], ("a", "b")),
        (("a", "b"), ("a", "b")),
        ({"b": 1, "a": 0}, ("a", "b")),
        ({1: "b", 0: "a"}, ("a", "b")),
        ({"1": "b", "0": "a"}, ("a", "b")),
        ({"0": 1, "1": 0}, ("1", "0")),  # names that look like numbers
        ({"10": 0, "7": 1}, ("10", "7")),
        ([], None),
        ({}, None),
        ("ab", None),
        ([1, 2], None),
        (["a", ""], None),
        (["a" * 501], None),
        ({"a": 0, "b": 2}, None),
        ({"a": 0, "b": 0}, None),
        ({"a": True, "b": False}, None),
        ({"x": "y"}, None),
        ({0: "a", "0": "b"}, None),
        (None, None),
    ],
    ids=str,
)
def test_lists_names_by_index_and_indices_by_name(value: object, names: tuple[str, ...] | None) -> None:
    assert names_of(value) == names


def test_they_are_found_at_any_of_three_depths_the_plainest_first() -> None:
    found = names_in({"hyper_parameters": {"data": {"class_to_idx": {"a": 0, "b": 1}}}})
    assert found is not None
    assert (found.source, found.names) == ("hyper_parameters.data.class_to_idx", ("a", "b"))
    outer = names_in({"args": {"classes": ["x"]}, "class_to_idx": {"y": 0}})
    assert outer is not None
    assert outer.source == "class_to_idx"
    assert names_in({"a": {"b": {"c": {"classes": ["x"]}}}}) is None
    assert names_in([1]) is None


def record_of(tmp_path: Path, net: DenseNet, more: dict[str, object], beside: object = None) -> Weights:
    torch.save({"state_dict": net.state_dict(), **more}, tmp_path / "net.pth.tar")
    if beside is not None:
        (tmp_path / "net.pth.json").write_text(json.dumps(beside), encoding="utf-8")
    record = load_file(tmp_path / "net.pth.tar").weights
    assert record is not None
    return record


@pytest.mark.parametrize(
    "more",
    [
        {"classes": list(ANIMALS)},
        {"class_to_idx": {name: i for i, name in enumerate(ANIMALS)}},
        {"hyper_parameters": {"class_names": list(ANIMALS), "lr": 0.1}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_names_in_the_file_are_shown(more: dict[str, object], tiny: DenseNet, tmp_path: Path) -> None:
    record = record_of(tmp_path, tiny, more)
    assert record.labels() == ANIMALS
    assert any(sentence.startswith("The names of the classes are those of the file (") for sentence in record.assumptions)
    assert "The classes are numbered, their names are not known." not in record.assumptions


@pytest.mark.parametrize(
    "beside",
    [
        list(ANIMALS),
        {str(i): name for i, name in enumerate(ANIMALS)},
        {name: i for i, name in enumerate(ANIMALS)},
        {"id2label": {str(i): name for i, name in enumerate(ANIMALS)}},
        {"label_names": list(ANIMALS)},
    ],
    ids=["list", "by index", "by name", "id2label", "label_names"],
)
def test_names_in_a_json_beside_it_are_shown(beside: object, tiny: DenseNet, tmp_path: Path) -> None:
    record = record_of(tmp_path, tiny, {"classes": ["other"] * 10}, beside)
    assert record.labels() == ANIMALS, "what lies beside the file counts more than what is in it"
    assert not any(sentence.startswith("Not used") for sentence in record.assumptions)


def test_what_is_not_used_is_said(tiny: DenseNet, tmp_path: Path) -> None:
    timm = {"architecture": "densenet121", "label_names": list(ANIMALS), "num_features": 1024}
    assert "Not used of the JSON beside it: architecture, num_features." in record_of(tmp_path, tiny, {}, timm).assumptions
    record = record_of(tmp_path, tiny, {"classes": ["a", "b"]}, {"architecture": "densenet121"})
    assert record.labels()[0] == "class 0"
    assert "Not used: classes in the file are 2, and the net has 10 classes." in record.assumptions
    assert "Not used of the JSON beside it: architecture." in record.assumptions


@pytest.mark.parametrize("beside", [3, "names", [1, 2], [[]]], ids=str)
def test_a_json_that_says_nothing_of_the_kind_is_refused(beside: object, make_net: Callable[..., DenseNet], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its card is not a JSON object"):
        record_of(tmp_path, make_net(), {}, beside)
