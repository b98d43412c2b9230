"""A job is a value that is written and read back, and checked like any other."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from densenet import PRESETS, DenseNetConfig
from densenet.train import Recipe
from densenet.train.job import Job, read_job, write_job

OTHER = Job(  # nothing in it is as usual
    data="/pictures/Собаки",
    data_folder="/data",
    download=True,
    size=48,
    max_gib=0.5,
    held_out=7,
    start_from="cifar10",
    frozen="blocks:1-2",
    config=replace(PRESETS["tiny"], growth_rate=6, drop_rate=0.1),
    in_channels=1,
    checkpointing="norm",
    recipe=Recipe(epochs=3, minutes=2.5, steps_at=(0.2, 0.4), flip=False, crop_area=(0.1, 0.9), precision="bfloat16"),
    device="cpu",
    threads=2,
    half=True,
    label="Dogs",
    describe="dogs, and more dogs",
    licence="MIT",
    save_seconds=5.0,
)


@pytest.mark.parametrize("job", [Job(data="photos"), OTHER])
def test_a_job_is_read_as_it_was_written(tmp_path: Path, job: Job) -> None:
    write_job(tmp_path / "job.json", job)
    assert read_job(tmp_path / "job.json") == job
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


def test_the_example_differs_from_the_usual_in_each_field() -> None:
    assert [field.name for field in fields(Job) if getattr(OTHER, field.name) == getattr(Job(data="photos"), field.name)] == []


def test_what_a_job_leaves_out_is_as_usual(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"data": "photos", "recipe": {"epochs": 2}}')
    assert read_job(file) == Job(data="photos", recipe=Recipe(epochs=2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("", "can be read"),
        ("\xff", "can be read"),
        ("[]", "must be a JSON object, got \\[\\]"),
        ("{}", "data"),
        ('{"data": "x", "colour": 1}', "Job has no field 'colour'"),
        ('{"data": "x", "recipe": {"lr": -1}}', "lr must be above 0 to 100, got -1"),
        ('{"data": "x", "recipe": 5}', "Recipe must be a JSON object, got 5"),
        ('{"data": "x", "config": {"k": 5}}', "DenseNetConfig has no field 'k'"),
        ('{"data": "x", "held_out": 0}', "held_out must be 1 to 1000000000, got 0"),
    ],
)
def test_another_file_is_refused_in_a_sentence(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "job.json"
    if content is not None:
        file.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match=message) as caught:
        read_job(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": " "}, "data must be a folder or the name of a dataset, got ' '"),
        ({"data_folder": 3}, "data_folder must be"),
        ({"size": None, "held_out": 0}, "held_out must be 1 to"),
        ({"size": 5000}, "size must be 1 to 4096, got 5000"),
        ({"max_gib": -1}, "max_gib must be 0 to"),
        ({"in_channels": 0}, "in_channels must be 1 to 64, got 0"),
        ({"checkpointing": "all"}, "checkpointing must be one of none, norm, layer"),
        ({"threads": 0}, "threads must be 1 to 1024, got 0"),
        ({"half": 1}, "half must be True or False, got 1"),
        ({"label": None}, "label must be text, got None"),
        ({"save_seconds": float("nan")}, "save_seconds must be 0 to"),
    ],
)
def test_a_bad_value_is_named_with_its_range(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Job(**{"data": "photos", **change})  # type: ignore[arg-type]


def test_the_net_has_the_channels_and_classes_of_the_pictures() -> None:
    job = Job(data="photos", config=PRESETS["classroom"])
    assert job.net(3, 7) == replace(PRESETS["classroom"], in_channels=3, num_classes=7)
    assert replace(job, in_channels=3).net(3, 7) == job.net(3, 7)
    with pytest.raises(ValueError, match="in_channels must be 3, as the pictures have, got 1"):
        replace(job, in_channels=1).net(3, 7)


def test_a_net_is_called_after_its_data() -> None:
    assert Job(data="/pictures/Собаки/").name == "Собаки"
    assert Job(data="/pictures/Собаки", label="Dogs").name == "Dogs"
    assert Job(data="/").name == "/"


def test_a_job_is_plain_json(tmp_path: Path) -> None:
    write_job(tmp_path / "job.json", OTHER)
    read = json.loads((tmp_path / "job.json").read_text(encoding="utf-8"))
    assert read["data"] == "/pictures/Собаки"
    assert DenseNetConfig(**read["config"]) == OTHER.config
