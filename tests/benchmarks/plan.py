"""Our plan and totals beside torchinfo's summary of the real module (built on the meta device, batch 1), on every preset.

python -m tests.benchmarks.plan [--runs 30]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torchinfo

from densenet import PRESETS, DenseNetConfig, totals
from densenet.arithmetic.plan import plan
from densenet.model.net import DenseNet
from densenet.presets import PRESET_IMAGE_SIZE


def _median_ms(work: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def ours(config: DenseNetConfig, image_size: int) -> tuple[int, int]:
    """Plan and totals from scratch: the cache that serves the page's several views is emptied first."""
    sys.modules["densenet.arithmetic.plan"]._plan.cache_clear()  # type: ignore[attr-defined]
    plan(config, image_size)
    sums = totals(config, image_size)
    return sums.params, sums.macs


def theirs(config: DenseNetConfig, image_size: int) -> int:
    """torchinfo needs the module."""
    with torch.device("meta"):
        model = DenseNet(config)
    shape = (1, config.in_channels, image_size, image_size)
    return torchinfo.summary(model, input_size=shape, device="meta", verbose=0, mode="eval").total_params


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    print(f"{'preset':<20}{'operations':>12}{'ours ms':>10}{'torchinfo ms':>14}{'times as fast':>15}{'same params':>13}")
    ratios = []
    theirs(PRESETS["tiny"], 32)  # its imports
    for name, config in PRESETS.items():
        size = PRESET_IMAGE_SIZE[name]
        mine = _median_ms(lambda c=config, s=size: ours(c, s), runs)  # type: ignore[misc]
        other = _median_ms(lambda c=config, s=size: theirs(c, s), 3)  # type: ignore[misc]
        ratios.append(other / mine)
        same = ours(config, size)[0] == theirs(config, size)
        print(f"{name:<20}{len(plan(config, size)):>12}{mine:>10.2f}{other:>14.0f}{other / mine:>15.0f}{'yes' if same else 'NO':>13}")
    print(f"times as fast: median {statistics.median(ratios):.0f}, smallest {min(ratios):.0f}")


if __name__ == "__main__":
    main()
