"""What it is worth to start from a trained net: few pictures of a class, from scratch and from loaded weights, accuracy and time.

python -m tests.benchmarks.fine_tuning FOLDER [--start cifar10] [--classes 10] [--per-class 50] [--size 32] [--epochs 20] [--seeds 2]

FOLDER holds a folder of pictures for each class; the first `--classes` by name are taken, `--per-class` of each to learn from, and up to
ten times as many, which nobody learns from, for the test. From scratch it is the same net, by the same recipe, and with twice the epochs.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

import torch

from densenet.model.net import DenseNet
from densenet.running.device import choose_device, native_bfloat16
from densenet.train import ImageSet, Recipe, evaluate, fit, hold_out, load_folder
from densenet.train.folders import class_folders, pictures_in, split_folders
from densenet.train.starting import loaded_start, scaled_as, started_config, started_net

_TIMES_FOR_THE_TEST = 10
_HELD_OUT_SHARE = 5  # of the pictures to learn from, one in so many chooses the epoch


def drawn(folder: Path, classes: int, per_class: int, size: int, seed: int) -> tuple[ImageSet, ImageSet]:
    """Return pictures to learn from, and those of the test, drawn from `folder`."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        parts = [Path(place) / name for name in ("learn", "test")]
        for one in class_folders(split_folders(folder)[0])[:classes]:
            files = pictures_in(one)
            draw.shuffle(files)
            for part, chosen in zip(parts, (files[:per_class], files[per_class : per_class * (1 + _TIMES_FOR_THE_TEST)]), strict=True):
                (part / one.name).mkdir(parents=True)
                for number, file in enumerate(chosen):
                    (part / one.name / f"{number}{file.suffix}").symlink_to(file.resolve())
        learn, test = (load_folder(part, size) for part in parts)
    return learn, test


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--start", default="cifar10")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--per-class", type=int, default=50)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=2)
    told = parser.parse_args()
    source = loaded_start(told.start)
    first = len(source.config.block_config) - 1
    most = f"blocks:1-{first}"
    precision = "bfloat16" if native_bfloat16(choose_device()) else "float32"
    common = {"batch_size": 32, "label_smoothing": 0.1, "crop": "shift", "precision": precision}
    ways: dict[str, tuple[bool, str, Recipe]] = {
        "from scratch": (False, "none", Recipe(epochs=told.epochs, lr=0.1, **common)),
        "from scratch, twice as long": (False, "none", Recipe(epochs=2 * told.epochs, lr=0.1, **common)),
        "loaded, all trained": (True, "none", Recipe(epochs=told.epochs, lr=0.02, head_lr=0.1, **common)),
        f"loaded, blocks 1 to {first} frozen": (True, most, Recipe(epochs=told.epochs, lr=0.02, head_lr=0.1, **common)),
        "loaded, only the head trained": (True, "features", Recipe(epochs=told.epochs, lr=0.1, **common)),
    }
    said = f"{told.classes} classes, {told.per_class} pictures each, {told.size} px, {told.epochs} epochs, {precision}"
    print(f"{said}; mean of {told.seeds} draws")
    print(f"{'start':<32}{'accuracy, %':>12}{'each draw':>24}{'seconds':>10}")
    for name, (loaded, frozen, recipe) in ways.items():
        accuracies, seconds = [], []
        for seed in range(told.seeds):
            learn, test = drawn(told.folder, told.classes, told.per_class, told.size, seed)
            torch.manual_seed(seed)
            config = started_config(source.config, channels=3, classes=told.classes, drop_rate=0.0)
            model = started_net(source, config, learn.classes)[0] if loaded else DenseNet(config)
            learn = scaled_as(source, learn) if loaded else learn
            train, valid = hold_out(learn, max(1, len(learn) // _HELD_OUT_SHARE), seed)
            started = time.perf_counter()
            result = fit(model, train, valid, recipe, frozen=frozen)
            if not result.finished:  # Ctrl-C, or SIGTERM: a training takes them as a wish to end
                raise SystemExit("stopped")
            seconds.append(time.perf_counter() - started)
            accuracies.append(100 * evaluate(result.model, test, train.preprocessing).accuracy)
        each = ", ".join(f"{one:.1f}" for one in accuracies)
        print(f"{name:<32}{statistics.mean(accuracies):>12.1f}{each:>24}{statistics.median(seconds):>10.1f}", flush=True)


if __name__ == "__main__":
    main()
