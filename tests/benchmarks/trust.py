"""The checks of maps on the sample photos, and how long they, reuse, feature maps and lesions take.

python -m tests.benchmarks.trust [--no-large] [--methods grad_cam ...]

First table: the embedded net, the most probable class of each sample, every attribution method at its defaults; how many of the maps are
flagged by each check. Second: seconds on the embedded net and on DenseNet-121 at 224 with random weights.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from densenet import PRESETS
from densenet.attribution import METHODS, attribute
from densenet.attribution.insertion import curves, random_controls
from densenet.attribution.trust import completeness, randomised_weights
from densenet.features.inside import feature_maps
from densenet.features.lesion import lesion, lesion_map
from densenet.features.reuse import reuse
from densenet.model.net import DenseNet
from densenet.predict import input_of, view_of
from densenet.weights.known import ASSETS
from densenet.weights.loading import load

_COLUMNS = {"complete": 9, "ins px": 8, "del px": 8, "ins sh": 8, "del sh": 8, "weights": 9}  # heads and their widths


def _most_probable(model: DenseNet, x: Tensor) -> int:
    with torch.inference_mode():
        return int(model(x).argmax())


def flags(methods: list[str]) -> None:
    """Print how many maps each check flags."""
    model = load("cifar10")
    photos = [input_of(model, view_of(model, Image.open(path))) for path in sorted((ASSETS / "samples").glob("*.jpg"))]
    controls = [random_controls(model, x) for x in photos]
    print(f"Flagged of {len(photos)} maps; curves beside random pixels (px) and beside the map itself shifted (sh)")
    heads = "".join(f"{head:>{width}}" for head, width in _COLUMNS.items())
    print(f"{'method':<22}{heads}   |rho| with one untrained net: mean, least, most")
    for name in methods:
        counts = dict.fromkeys(_COLUMNS, 0)
        single: list[float] = []
        for x, shared in zip(photos, controls, strict=True):
            target = _most_probable(model, x)

            def explain(net: DenseNet, x: Tensor = x, target: int = target, name: str = name):  # type: ignore[no-untyped-def]
                return attribute(net, x, target, name)

            made = explain(model)
            complete = completeness(made)
            pixels = curves(model, x, target, made.map, controls=shared)
            shifted = curves(model, x, target, made.map, control="shifted")
            weights = randomised_weights(model, x, made.map, explain, nets=3)
            single += [value for value in weights.absolute if value is not None]
            seen = (
                bool(complete and complete.flagged),
                pixels.insertion_flagged,
                pixels.deletion_flagged,
                shifted.insertion_flagged,
                shifted.deletion_flagged,
                bool(weights.flagged),
            )
            for key, flagged in zip(counts, seen, strict=True):
                counts[key] += flagged
        shown = "".join(f"{counts[head]:>{width}}" for head, width in _COLUMNS.items())
        print(f"{name:<22}{shown}   {statistics.mean(single):+.2f} {min(single):+.2f} {max(single):+.2f}", flush=True)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def times(large: bool) -> None:
    """Print how long each view takes."""
    embedded = load("cifar10")
    photo = input_of(embedded, view_of(embedded, Image.open(ASSETS / "samples" / "beagle.jpg")))
    nets = {"embedded, 32": (embedded, photo)}
    if large:
        torch.manual_seed(0)
        nets["densenet121, 224"] = (DenseNet(PRESETS["densenet121"]).eval().requires_grad_(False), torch.randn(1, 3, 224, 224))
    for name, (model, x) in nets.items():
        target = _most_probable(model, x)
        cam = attribute(model, x, target, "grad_cam")
        controls = random_controls(model, x)
        work: dict[str, Callable[[], object]] = {
            "one forward pass": lambda m=model, x=x: _most_probable(m, x),  # type: ignore[misc]
            "random controls, 3 maps of 20 steps": lambda m=model, x=x: random_controls(m, x),  # type: ignore[misc]
            "curves, controls shared": lambda m=model, x=x, t=target, c=cam, r=controls: curves(m, x, t, c.map, controls=r),  # type: ignore[misc]
            "curves, 3 shifted maps": lambda m=model, x=x, t=target, c=cam: curves(m, x, t, c.map, control="shifted"),  # type: ignore[misc]
            "randomised weights, Grad-CAM, 5 nets": lambda m=model, x=x, t=target, c=cam: randomised_weights(  # type: ignore[misc]
                m, x, c.map, lambda net: attribute(net, x, t, "grad_cam")
            ),
            "reuse": lambda m=model: reuse(m),  # type: ignore[misc]
            "feature maps, the last layer": lambda m=model, x=x: feature_maps(m, x, "relu5"),  # type: ignore[misc]
            "lesion": lambda m=model, x=x: lesion(m, x, 1, 0),  # type: ignore[misc]
        }
        for block, layers in enumerate(model.config.block_config, start=1):
            for cells in (False, True):
                label = f"lesion map, block {block} ({layers} layers), {'every cell' if cells else 'every source'}"
                work[label] = lambda m=model, x=x, t=target, b=block, c=cells: lesion_map(m, x, t, b, cells=c)  # type: ignore[misc]
        print(f"\n{name}: seconds, on {torch.get_num_threads()} thread(s)")
        for label, run in work.items():
            print(f"{label:<55}{_seconds(run):8.3f}", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-large", action="store_true", help="leave DenseNet-121 out")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    arguments = parser.parse_args()
    flags(arguments.methods)
    times(not arguments.no_large)


if __name__ == "__main__":
    main()
