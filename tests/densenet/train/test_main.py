"""python -m densenet.train: from a folder of pictures to a net with its card, over an interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from densenet.predict import classify
from densenet.train import __main__ as command
from densenet.weights.loading import load_file
from tests.support.small_pictures import written

ROOT = Path(__file__).resolve().parents[3]
NET = ["--growth-rate", "4", "--block-config", "2,2", "--num-init-features", "6", "--stem", "cifar", "--size", "8"]
QUICK = ["--epochs", "3", "--batch-size", "8", "--lr", "0.05", "--device", "cpu", "--held-out", "6"]


def test_interrupted_and_gone_on_with(tmp_path: Path) -> None:
    written(tmp_path / "data" / "train", 60)
    written(tmp_path / "data" / "test", 15)
    (tmp_path / "data" / "train" / "red" / "broken.png").write_bytes(b"?")
    options = [*NET, *QUICK, "--epochs", "40", "--threads", "1", "--run-dir", str(tmp_path / "run")]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "densenet.train", str(tmp_path / "data"), *options], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    early = []
    for line in running.stdout:
        early.append(line)
        if line.startswith("epoch"):
            break
    running.send_signal(signal.SIGINT)
    rest = running.communicate(timeout=60)[0]
    assert running.returncode == 0
    assert "stopped" in rest
    assert "skipped red/broken.png" in "".join(early)
    assert not (tmp_path / "run" / "net.pth").exists()
    half_way = load_file(tmp_path / "run" / "checkpoint.pt").weights
    assert half_way is not None
    assert half_way.labels() == ("blue", "green", "red")
    assert half_way.top1_accuracy is None

    threads = torch.get_num_threads()
    assert command.main([str(tmp_path / "data"), *options]) == 0
    torch.set_num_threads(threads)
    run = tmp_path / "run"
    card, result = (json.loads((run / name).read_text()) for name in ("net.json", "result.json"))
    assert card["data"] == "data, 54 training pictures, 6 held out of train"
    assert set(card["accuracy"]) == {"top1", "on", "held_out_6"}
    assert card["accuracy"]["on"] == "the 15 test pictures"
    assert card["recipe"]["epochs"] == 40
    assert result["on"] == "test"
    confusion = torch.tensor(result["confusion"])
    assert confusion.sum() == 15
    assert int(confusion.diag().sum()) / 15 == pytest.approx(card["accuracy"]["top1"], abs=1e-5)
    assert len(result["mistakes"]) == 15 - int(confusion.diag().sum())
    assert card["accuracy"]["top1"] > 0.6
    model = load_file(run / "net.pth")
    assert model.weights is not None
    assert (model.weights.label, model.config.block_config, model.weights.assumptions) == ("data", (2, 2), ())
    assert model.weights.top1_accuracy == pytest.approx(100 * card["accuracy"]["top1"])
    right = [classify(model, Image.open(path))[0].label == path.parent.name for path in (tmp_path / "data" / "test").rglob("*.png")]
    assert sum(right) / 15 == pytest.approx(card["accuracy"]["top1"], abs=1e-5)


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
