"""python -m densenet.train: from a folder of pictures to a net with its card, over an interruption."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix

from densenet import PRESETS
from densenet.model.net import DenseNet
from densenet.predict import classify
from densenet.train import Event, ImageSet, Recipe
from densenet.train import __main__ as command
from densenet.train.job import Job, write_job
from densenet.train.run import Run
from densenet.weights.loading import load_file
from tests.support.small_pictures import written

NET = ["--growth-rate", "4", "--block-config", "2,2", "--num-init-features", "6", "--stem", "cifar", "--size", "8"]
QUICK = ["--epochs", "3", "--batch-size", "8", "--lr", "0.05", "--device", "cpu", "--held-out", "6"]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Pictures to learn from, with a broken one, and for the test, where three greens stand among the reds."""
    written(tmp_path / "data" / "train", 60)
    (tmp_path / "data" / "train" / "red" / "broken.png").write_bytes(b"?")
    written(tmp_path / "data" / "test", 15)
    for name in ("1", "4", "7"):
        (tmp_path / "data" / "test" / "green" / f"{name}.png").rename(tmp_path / "data" / "test" / "red" / f"green{name}.png")
    return tmp_path / "data"


def test_interrupted_and_gone_on_with(
    tmp_path: Path, split: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [str(split), *NET, *QUICK, "--epochs", "30", "--threads", "1", "--run-dir", str(tmp_path / "run")]
    line = command._line
    with monkeypatch.context() as patched:

        def interrupted(event: Event) -> str:
            if event.kind == "epoch":
                os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C
            return line(event)

        patched.setattr(command, "_line", interrupted)
        assert command.main(options) == 0
    said = capsys.readouterr().out
    assert said.count("\nepoch ") == 1
    assert "\nstopped" in said
    assert "skipped red/broken.png" in said
    run = Run(tmp_path / "run")
    assert not run.net.exists()
    half_way = load_file(run.checkpoint).weights
    assert half_way is not None
    assert half_way.labels() == ("blue", "green", "red")
    assert half_way.top1_accuracy is None

    assert command.main(options) == 0
    assert capsys.readouterr().out.count("\nepoch ") == 29
    card, result = (json.loads(path.read_text()) for path in (run.net_card, run.result))
    assert card["data"] == "data, 54 training pictures, 6 held out of train"
    assert set(card["accuracy"]) == {"top1", "on", "held_out_6"}
    assert card["accuracy"]["on"] == "the 15 test pictures"
    assert card["recipe"]["epochs"] == 30
    model = load_file(run.net)
    assert model.weights is not None
    assert (model.weights.label, model.config.block_config, model.weights.assumptions) == ("data", (2, 2), ())
    assert model.weights.top1_accuracy == pytest.approx(100 * card["accuracy"]["top1"])

    pictures = sorted((split / "test").rglob("*.png"))
    answers = {path: classify(model, Image.open(path))[0] for path in pictures}
    names = ["blue", "green", "red"]
    expected = confusion_matrix([path.parent.name for path in pictures], [answers[path].label for path in pictures], labels=names)
    assert result["on"] == "test"
    assert result["classes"] == names
    assert np.array_equal(result["confusion"], expected)
    assert (expected[2, 1], expected[1, 2]) == (3, 0), "reds taken for green, and no greens for red"
    assert result["accuracy"] == pytest.approx(expected.trace() / 15) == pytest.approx(card["accuracy"]["top1"], abs=1e-5)

    wrong = [path for path in pictures if answers[path].label != path.parent.name]
    wrong.sort(key=lambda path: -answers[path].probability)
    assert len(wrong) >= 3
    for path, mistake in zip(wrong, result["mistakes"], strict=True):
        assert mistake["name"] == str(path.relative_to(split / "test"))
        assert (names[mistake["label"]], names[mistake["predicted"]]) == (path.parent.name, answers[path].label)
        assert mistake["probability"] == pytest.approx(answers[path].probability, abs=1e-4)
        shown = Image.open(io.BytesIO(base64.b64decode(mistake["picture"].removeprefix("data:image/png;base64,"))))
        assert np.array_equal(np.asarray(shown), np.asarray(Image.open(path)))


def test_the_words_and_the_form_of_the_net_are_those_that_were_asked_for(tmp_path: Path) -> None:
    words = ["--label", "Colours", "--describe", "made up", "--licence", "MIT"]
    data = written(tmp_path / "data", 24)
    for name, more in (("plain", []), ("half", ["--half"])):
        run = Run(tmp_path / name)
        assert command.main([str(data), *NET, *QUICK, *words, *more, "--run-dir", str(run.folder)]) == 0
        card, state = json.loads(run.net_card.read_text()), torch.load(run.net, weights_only=True)
        assert (card["label"], card["licence"]) == ("Colours", "MIT")
        assert card["data"] == "made up, 18 training pictures, 6 held out of train"
        assert card["accuracy"]["on"] == "the 6 held-out pictures, by which the epoch was chosen"
        assert json.loads(run.result.read_text())["on"] == "held_out"
        assert state["features.conv0.weight"].dtype == (torch.float16 if more else torch.float32)
        assert state["features.norm5.weight"].dtype == torch.float32


def test_net_and_training_are_told_what_the_job_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[tuple[object, ...]] = []

    def fit(model: DenseNet, train: ImageSet, valid: ImageSet, recipe: Recipe, checkpoint: Path, **options: object) -> SimpleNamespace:
        seen = (model.config, model.checkpointing, recipe, checkpoint, options["device"], options["save_seconds"])
        fitted.append((*seen, len(train), len(valid), torch.get_num_threads(), model.classifier.weight.detach().clone()))
        return SimpleNamespace(finished=False)

    monkeypatch.setattr(command, "fit", fit)
    job = Job(
        data=str(written(tmp_path / "data", 24)),
        size=8,
        config=replace(PRESETS["tiny"], in_channels=1),
        checkpointing="layer",
        recipe=Recipe(seed=3),
        held_out=5,
        device="cpu",
        threads=1,
        save_seconds=7.0,
    )
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    write_job(run.job, job)
    assert command.main(["--job", str(run.job)]) == 0
    ((*told, weight),) = fitted
    assert told == [replace(PRESETS["tiny"], num_classes=3), "layer", Recipe(seed=3), run.checkpoint, torch.device("cpu"), 7.0, 19, 5, 1]
    torch.manual_seed(3)
    assert torch.equal(weight, DenseNet(replace(PRESETS["tiny"], num_classes=3)).classifier.weight), "the seed is the first weights' too"
    fitted.clear()
    assert command.main([job.data, "--size", "32", "--preset", "tiny", "--device", "cpu"]) == 0
    assert fitted[0][5] == 60.0, "a crash costs a minute at most"
    assert fitted[0][6:8] == (22, 2), "a tenth is held out"


def test_a_full_disk_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "fit", full)
    assert command.main([str(written(tmp_path / "data")), *NET, *QUICK]) == 1
    assert capsys.readouterr().err == "The training ended early: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr", "0"], "lr must be above 0 to 100, got 0.0"),
        (["--growth-rate", "0"], "growth_rate must be 1 to 512, got 0"),
        (["--held-out", "900"], "held_out must be 1 to 11, got 900"),
        (["--held-out", "0"], "held_out must be 1 to 1000000000, got 0"),
        (["--threads", "0"], "threads must be 1 to 1024, got 0"),
        (["--device", "tpu"], "device must be auto"),
        (["--in-channels", "1"], "in_channels must be 3"),
        (["--max-gib", "0"], "the limit is 0.0 GiB"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    status = command.main([str(written(tmp_path / "data")), *NET, *QUICK, "--run-dir", str(tmp_path / "run"), *options])
    said = capsys.readouterr().err
    assert status == 2
    assert message in said
    assert said.count("\n") == 1
