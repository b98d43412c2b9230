"""The time of each attribution method at its defaults, beside a forward pass and Captum's own call for the same map.

python -m tests.benchmarks.attribution [--runs 3] [--threads 2]
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial

import torch
from captum import attr as captum
from torch import Tensor

from densenet import PRESETS
from densenet.attribution import METHODS, attribute, film_strip
from densenet.model.net import DenseNet
from densenet.running.batching import stoppable_batch
from densenet.stopping import Cancelled, stop_when
from densenet.weights.loading import load
from tests.conftest import randomised

_TARGET = 1


def seconds(runs: int, *calls: Callable[[], object]) -> list[float]:
    """Median of each of `calls`, made in turn `runs` times after one of warm-up; calls of more than 5 s are made once, all in all."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(runs + 1):
        for call, taken in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
        if max(map(max, times)) > 5:
            break
        if turn == 0:
            times = [[] for _ in calls]
    return [statistics.median(taken) for taken in times]


def captums(model: DenseNet, x: Tensor) -> dict[str, Callable[[], object]]:
    """Captum's public calls with the parameters and the batches of our defaults; with all images at once memory would run out."""
    forward, backward = (stoppable_batch(model.config, x.shape[-2], x.shape[-1], x.device, gradients=g) for g in (False, True))
    window = x.shape[-1] // 8
    deviation = 0.15 * (x.max() - x.min()).item()

    def leaf() -> Tensor:
        return x.clone().requires_grad_()

    def guided() -> Tensor:
        return captum.GuidedGradCam(model, model.relu5).attribute(leaf(), target=_TARGET, interpolate_mode="bilinear")

    def noisy() -> Tensor:
        tunnel = captum.NoiseTunnel(captum.Saliency(model))
        return tunnel.attribute(x, nt_samples=50, nt_samples_batch_size=backward, stdevs=deviation, target=_TARGET, abs=False)

    def path() -> object:
        return captum.IntegratedGradients(model).attribute(
            x, target=_TARGET, n_steps=50, internal_batch_size=backward, return_convergence_delta=True
        )

    def squares() -> Tensor:
        return captum.Occlusion(model).attribute(
            x, (3, window, window), (3, window // 2, window // 2), target=_TARGET, perturbations_per_eval=forward
        )

    return {
        "saliency": lambda: captum.Saliency(model).attribute(leaf(), target=_TARGET, abs=False),
        "input_x_gradient": lambda: captum.InputXGradient(model).attribute(leaf(), target=_TARGET),
        "integrated_gradients": path,
        "smoothgrad": noisy,
        "grad_cam": lambda: captum.LayerGradCam(model, model.relu5).attribute(leaf(), target=_TARGET),
        "guided_grad_cam": guided,
        "deep_lift": lambda: captum.DeepLift(model).attribute(leaf(), target=_TARGET, return_convergence_delta=True),
        "occlusion": squares,
    }


def seconds_to_stop(model: DenseNet, x: Tensor, method: str) -> float:
    """From the wish to give up, somewhere in the middle of a batch, to the end of the call."""
    wish = threading.Event()
    wished: list[float] = []

    def wishing() -> None:
        wished.append(time.perf_counter())
        wish.set()

    threading.Timer(0.3 if x.shape[-1] == 32 else 1.5, wishing).start()
    try:
        attribute(model, x, _TARGET, method, stop=stop_when(wish.is_set))
    except Cancelled:
        return time.perf_counter() - wished[0]
    return 0.0


def table(title: str, model: DenseNet, x: Tensor, runs: int) -> None:
    with torch.inference_mode():
        [forward] = seconds(2 * runs, lambda: model(x))
    print(f"\n{title}: a forward pass takes {forward * 1e3:.0f} ms\n")
    print("| method | ms | forward passes | Captum's own call, ms | ratio | given up after, ms |")
    print("|---|---|---|---|---|---|")
    theirs = captums(model, x)
    for name in METHODS:
        ours, other = seconds(runs, partial(attribute, model, x, _TARGET, name), theirs[name])
        stopped = f"{seconds_to_stop(model, x, name) * 1e3:.0f}" if METHODS[name].slow else ""
        print(f"| {name} | {ours * 1e3:.0f} | {ours / forward:.1f} | {other * 1e3:.0f} | {ours / other:.2f} | {stopped} |", flush=True)
    blocks = range(1, len(model.config.block_config) + 1)
    strip, alone = seconds(
        runs,
        lambda: film_strip(model, x, _TARGET),
        lambda: [attribute(model, x, _TARGET, "grad_cam", block=block) for block in blocks],
    )
    print(f"| film_strip | {strip * 1e3:.0f} | {strip / forward:.1f} | {alone * 1e3:.0f} (grad_cam per block) | {strip / alone:.2f} | |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", "Setting")
    torch.manual_seed(0)
    large = randomised(DenseNet(PRESETS["densenet121"])).eval().requires_grad_(False)
    table("cifar10, embedded, 32 x 32", load("cifar10"), torch.randn(1, 3, 32, 32), options.runs)
    table("densenet121, random weights, 224 x 224", large, torch.randn(1, 3, 224, 224), options.runs)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
