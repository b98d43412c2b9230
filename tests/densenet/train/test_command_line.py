"""The options of the command line make a job, and the help says what each is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser as torchrun_parser

from densenet import PRESETS, DenseNetConfig
from densenet.train import Recipe
from densenet.train.command_line import parser, read_arguments
from densenet.train.job import Job, write_job
from densenet.train.run import Run

EVERYTHING = """
    --growth-rate 5 --block-config 3,4 --num-init-features 7 --bn-size 2 --compression 0.7 --drop-rate 0.1 --in-channels 1 --stem cifar
    --epochs 4 --minutes 2 --batch-size 9 --optimizer adam --lr 0.3 --momentum 0.8 --weight-decay 0.1 --schedule steps --warmup 0.2
    --steps-at 0.1,0.2,0.3 --step-factor 0.5 --label-smoothing 0.2 --ema-decay 0.99 --no-flip --crop resized --shift-px 2 --cutout-px 3
    --crop-area 0.2,1 --crop-aspect 1,2 --brightness 0.1 --contrast 0.2 --saturation 0.3 --sharpness 0.4 --precision bfloat16
    --no-channels-last --early-px 8 --early-share 0.3 --seed 3
    --data-folder DATA --download --size 24 --max-gib 1.5 --held-out 12 --device cpu --threads 3 --half --label Mine --describe words
    --licence MIT --save-seconds 7 --checkpointing layer --freeze features --head-lr 0.7
"""


def test_every_field_is_an_option() -> None:
    job, run = read_arguments(["photos", "--run-dir", "here", *EVERYTHING.split()])
    assert run == Run(Path("here"))
    for made, usual, decided_by_pictures in (
        (job, Job(data="data"), ("start_from",)),  # whose net has a config of its own
        (job.config, DenseNetConfig(), ("num_classes",)),
        (job.recipe, Recipe(), ()),
    ):
        for field in fields(made):
            if field.name not in decided_by_pictures:
                assert getattr(made, field.name) != getattr(usual, field.name), field.name
    assert job.config.block_config == (3, 4)
    assert job.recipe.steps_at == (0.1, 0.2, 0.3)
    assert job.in_channels == job.config.in_channels == 1
    started, _ = read_arguments(["photos", "--from", "cifar10", "--drop-rate", "0.2"])
    assert (started.start_from, started.config.drop_rate) == ("cifar10", 0.2)


def test_what_is_not_given_is_as_usual() -> None:
    assert read_arguments(["some/photos"]) == (Job(data="some/photos"), Run(Path("runs/photos")))
    assert read_arguments(["photos", "--preset", "classroom"])[0] == Job(data="photos", config=PRESETS["classroom"])


def test_torchrun_hands_every_option_on() -> None:
    """argparse refuses an option that two of torchrun's own begin with, although it comes after the module's name."""
    for action in parser()._actions:
        for flag in action.option_strings:
            given = ["-m", "densenet.train", "data", flag, "1"]
            assert torchrun_parser().parse_args(given).training_script_args == ["data", flag, "1"]


def test_a_job_file_takes_the_place_of_all_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job, _ = read_arguments(["photos", *EVERYTHING.split()])
    write_job(tmp_path / "job.json", job)
    assert read_arguments(["--job", str(tmp_path / "job.json")]) == (job, Run(tmp_path.resolve()))
    for more in (["photos"], ["--lr", "0.1"], ["--half"]):
        with pytest.raises(SystemExit):
            read_arguments(["--job", str(tmp_path / "job.json"), *more])
        assert "--job takes the place of all other options" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        read_arguments([])
    assert "DATA is needed, or --job" in capsys.readouterr().err


def test_zero_is_a_number_that_was_given() -> None:
    for option, message in (
        ("--held-out", "held_out must be 1 to"),
        ("--threads", "threads must be 1 to"),
        ("--minutes", "minutes must be"),
    ):
        with pytest.raises(ValueError, match=message):
            read_arguments(["photos", option, "0"])


def test_the_help_says_what_a_person_must_type() -> None:
    """No names of Python's types, and for each option that takes a value a word for it."""
    said = parser().format_help()
    assert re.findall(r"\b(NONETYPE|TUPLE|STR|INT|FLOAT|BOOL)\b", said) == []
    for expected in (
        "--minutes MINUTES",
        "--lr NUMBER",
        "--epochs N",
        "--block-config N,N,...",
        "--steps-at NUMBER,NUMBER,...",
        "--crop-area NUMBER,NUMBER ",
        "--optimizer sgd|adam",
        "--stem imagenet|cifar",
        "--size PIXELS",
        "--run-dir FOLDER",
        "--preset NAME",
    ):
        assert expected in " ".join(said.split()), expected
    for action in parser()._actions:
        name = action.option_strings[-1].lstrip("-").replace("-", "_").upper() if action.option_strings else ""
        assert action.metavar != name or name == "MINUTES", f"{name} says nothing"
    assert all(action.metavar or action.choices or action.nargs == 0 for action in parser()._actions if action.option_strings)
