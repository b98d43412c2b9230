"""What a finished training leaves: a card with all that was found out, each number as it is found again from the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from densenet.model.calibration import calibration_at
from densenet.model.familiarity import answers_and_features, strangeness
from densenet.train.__main__ import main
from densenet.train.run import Run
from densenet.train.sources import load_split
from densenet.weights.loading import load_file

NET = ("--growth-rate", "6", "--block-config", "2,2", "--num-init-features", "8", "--stem", "cifar", "--size", "8")
QUICK = ("--epochs", "4", "--batch-size", "32", "--lr", "0.05", "--crop", "none", "--device", "cpu", "--held-out", "60")
CLASSES = ("dark", "light", "noise")


def _write(folder: Path, count: int, seed: int, classes: tuple[str, ...] = CLASSES) -> Path:
    rng = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            low, high = {"dark": (0, 100), "light": (80, 256), "noise": (0, 256), "stripes": (0, 1)}[name]
            values = rng.integers(low, high, (8, 8, 3), dtype=np.uint8)
            if name == "stripes":
                values[::2] = 255
            Image.fromarray(values).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A net of small pictures, its data, and its run."""
    data = tmp_path_factory.mktemp("data")
    _write(data / "train", 100, 1)
    _write(data / "test", 40, 2)
    run = Run(tmp_path_factory.mktemp("run"))
    assert main([str(data), *NET, *QUICK, "--run-dir", str(run.folder)]) == 0
    return data, run


def test_the_accuracy_of_each_class_is_on_the_card(trained: tuple[Path, Run]) -> None:
    _, run = trained
    card, result = json.loads(run.net_card.read_text()), json.loads(run.result.read_text())
    assert list(card["accuracy_by_class"]) == list(CLASSES)
    for i, name in enumerate(CLASSES):
        assert card["accuracy_by_class"][name] == pytest.approx(result["confusion"][i][i] / 40, abs=1e-4)
    assert np.mean(list(card["accuracy_by_class"].values())) == pytest.approx(card["accuracy"]["top1"], abs=1e-3)


def test_the_calibration_on_the_card_is_that_of_the_test_pictures(trained: tuple[Path, Run]) -> None:
    data, run = trained
    model = load_file(run.net)
    assert model.weights is not None
    assert model.weights.calibrated is not None
    _, test = load_split(str(data), 8)
    assert test is not None
    scaling = model.weights.preprocessing
    x = (test.images / 255 - torch.tensor(scaling.mean).view(3, 1, 1)) / torch.tensor(scaling.std).view(3, 1, 1)
    with torch.inference_mode():
        logits = model(x).numpy()
    known = np.eye(3, dtype=np.int8)[test.labels.numpy()]
    said = model.weights.calibrated
    assert said.error_before == pytest.approx(calibration_at(logits, known, True).error, abs=1e-3)
    assert said.error == pytest.approx(calibration_at(logits, known, True, said.temperature).error, abs=1e-3)
    assert json.loads(run.net_card.read_text())["calibration"]["on"] == "the 120 test pictures"


def test_pictures_of_another_kind_are_foreign_to_it(trained: tuple[Path, Run], tmp_path: Path) -> None:
    data, run = trained
    model = load_file(run.net)
    assert model.weights is not None
    known = model.weights.familiar
    assert known is not None

    def seen(folder: Path) -> torch.Tensor:
        files = sorted(folder.rglob("*.png"))
        scaling = model.weights.preprocessing  # type: ignore[union-attr]
        x = torch.cat([scaling.tensor(scaling.view(Image.open(file).convert("RGB"))) for file in files])
        with torch.inference_mode():
            return strangeness(known, *answers_and_features(model, x))  # type: ignore[arg-type]

    assert (seen(data / "test") > known.limit).double().mean() < 0.15
    assert (seen(_write(tmp_path / "other", 20, 3, ("stripes",))) > known.limit).double().mean() > 0.9
