"""How nets of 32 pixels do on ordinary photos: the embedded net beside others, on the samples and on folders of one's own.

python -m tests.benchmarks.photos [DIR ...] [--net my.pth ...] [--no-samples]

A DIR holds a folder of photos for each class, under the names that the embedded net has for its ten. A net is any file that
`densenet.weights.load_file` reads; each photo is cut and scaled as the net's own record says. First a line a photo, then accuracy and the
mean probability of the right class, overall and for each class. Few photos say little: the 95 % interval (Wilson's) is printed beside.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

import torch

from densenet.model.net import DenseNet
from densenet.pictures.images import read_image
from densenet.predict import logits_of
from densenet.weights.known import ASSETS, WEIGHTS
from densenet.weights.loading import load, load_file

CLASSES = WEIGHTS["cifar10"].classes
SAMPLES = {"beagle": "dog", "tabby": "cat", "chelsea_cat": "cat", "horse": "horse", "taxis": "automobile", "shuttle": "airplane"}
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".avif")


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval that a share of `right` of `count` speaks for (E. B. Wilson 1927)."""
    share, weight = right / count, z * z / count
    middle, half = share + weight / 2, z * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return (middle - half) / (1 + weight), (middle + half) / (1 + weight)


def photos_in(folder: Path) -> list[tuple[Path, str]]:
    """Return the photos of each class in `folder`; ValueError where another folder lies among them, or nothing."""
    foreign = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in CLASSES)
    if foreign:
        raise ValueError(f"{folder} must hold folders named {', '.join(CLASSES)}, got {foreign[0]}")
    found = [(path, name) for name in CLASSES for path in sorted((folder / name).rglob("*")) if path.suffix.lower() in _ENDINGS]
    if not found:
        raise ValueError(f"{folder} must hold photos in folders named {', '.join(CLASSES)}, got none")
    return found


def probabilities(model: DenseNet, photos: Iterable[tuple[Path, str]]) -> torch.Tensor:
    """Return N x 10 probabilities, in the order of `CLASSES`; ValueError for a net of other classes."""
    assert model.weights is not None
    labels = model.weights.labels()
    if set(labels) != set(CLASSES):
        raise ValueError(f"{model.weights.name} must have the classes {', '.join(CLASSES)}, got {', '.join(labels[:10])}")
    order = [labels.index(name) for name in CLASSES]
    return torch.stack([logits_of(model, read_image(path)).softmax(0)[order] for path, _ in photos])


def show(nets: dict[str, DenseNet], photos: list[tuple[Path, str]]) -> None:
    """Print what each net says of each photo, and how often it is right."""
    answers = {name: probabilities(model, photos) for name, model in nets.items()}
    truth = torch.tensor([CLASSES.index(label) for _, label in photos])
    width = max(30, *(len(name) + 2 for name in nets))
    print(f"{'photo':<28}{'class':<12}" + "".join(f"{name:<{width}}" for name in nets))
    for row, (path, label) in enumerate(photos):
        best = [(CLASSES[int(p[row].argmax())], float(p[row].max())) for p in answers.values()]
        said = "".join(f"{f'{name} {share:.2f}' + ('' if name == label else '  <-'):<{width}}" for name, share in best)
        print(f"{path.stem[:26]:<28}{label:<12}{said}")
    print()
    for label in (*CLASSES, "all"):
        rows = torch.arange(len(truth)) if label == "all" else (truth == CLASSES.index(label)).nonzero().flatten()
        if not len(rows):
            continue
        cells = []
        for p in answers.values():
            right = int((p[rows].argmax(1) == truth[rows]).sum())
            low, high = wilson(right, len(rows))
            cells.append(f"{right}/{len(rows)} ({low:.0%} to {high:.0%}), {float(p[rows, truth[rows]].mean()):.2f}")
        print(f"{label:<40}" + "".join(f"{cell:<{width}}" for cell in cells))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR")
    parser.add_argument("--net", nargs="*", type=Path, default=[], help="files of nets to put beside the embedded one")
    parser.add_argument("--no-samples", action="store_true", help="leave the sample photos out")
    arguments = parser.parse_args()
    samples = [] if arguments.no_samples else [(ASSETS / "samples" / f"{stem}.jpg", label) for stem, label in SAMPLES.items()]
    try:
        photos = samples + [photo for folder in arguments.folders for photo in photos_in(folder)]
        if not photos:
            parser.error("no photos: give a DIR, or leave --no-samples out")
        show({"embedded": load("cifar10"), **{path.name: load_file(path) for path in arguments.net}}, photos)
    except (ValueError, OSError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
