"""Peak memory of one step: this project's estimate and torchinfo's against the truth, then what checkpointing saves and costs.

python -m tests.benchmarks.memory [--cases 40] [--seed 0] [--rounds 3] [--batch 4] [--frozen] [--peers]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that spin while they wait make a shared machine slow

import torch
import torchinfo
import torchvision
from torch import nn

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory
from densenet.compare.peers import PEERS, estimate_peer_memory
from densenet.config import PRECISIONS, STEMS
from densenet.measure import measurement as measuring
from densenet.measure.allocator import allocated_peak
from densenet.measure.measurement import measure, measure_peer
from densenet.model.net import DenseNet
from tests.support.drawn import drawn

_SHORT = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


def torchinfo_bytes(config: DenseNetConfig, workload: Workload) -> int:
    """Torchinfo's estimated total size in bytes."""
    summary = torchinfo.summary(
        DenseNet(config),
        (workload.batch_size, config.in_channels, workload.image_size, workload.image_size),
        mode="train" if workload.mode == "train" else "eval",
        device="meta",
        verbose=0,
        cache_forward_pass=False,
    )
    return summary.total_input + summary.total_output_bytes + summary.total_param_bytes


def described(config: DenseNetConfig, workload: Workload) -> str:
    net = f"{config.stem[:3]} {config.num_init_features} k{config.growth_rate} {'-'.join(map(str, config.block_config))}"
    net += f" bn{config.bn_size} th{config.compression}" + (f" drop{config.drop_rate}" if config.drop_rate else "")
    work = f"{workload.batch_size}x{config.in_channels}x{workload.image_size} {workload.mode} {_SHORT[workload.precision]}"
    return f"{net:<45} {work:<24} " + (
        f"{workload.checkpointing:<6}{workload.optimizer} {workload.frozen:.10}" if workload.mode == "train" else ""
    )


def fine_tuned(config: DenseNetConfig, workload: Workload, draw: random.Random) -> tuple[DenseNetConfig, Workload]:
    """Return a case of fine-tuning: a stem, a precision and frozen parts of any kind."""
    frozen = draw.choice(("features", *(f"blocks:1-{n}" for n in range(1, len(config.block_config) + 1))))
    config = replace(config, stem=draw.choice(STEMS))
    size = max(workload.image_size, config.smallest_image_size)
    precision = draw.choice(PRECISIONS) if size <= 64 else "float32"  # others are slow on many processors
    more = {"image_size": size, "batch_size": max(2, workload.batch_size), "precision": precision, "frozen": frozen}
    return config, replace(workload, mode="train", **more)


def estimates(cases: int, seed: int, frozen: bool) -> None:
    """Print a row a case, then the mean and worst errors."""
    print(f"{cases} cases from seed {seed}; MiB")
    print(f"{'case':<87} {'truth':>9} {'ours':>9} {'error %':>8} {'torchinfo':>9} {'error %':>8}")
    ours, theirs, elapsed = [], [], []
    for case in range(cases):
        config, workload = drawn(1000 * seed + case)
        if frozen:
            config, workload = fine_tuned(config, workload, random.Random(1000 * seed + case))
        truth = measure(config, workload, "cpu").peak
        started = time.perf_counter()
        estimate = estimate_memory(config, workload).peak
        elapsed.append(time.perf_counter() - started)
        other = torchinfo_bytes(config, workload)
        errors = [100 * (value - truth) / truth for value in (estimate, other)]
        ours.append(abs(errors[0]))
        theirs.append(abs(errors[1]))
        row = f"{described(config, workload):<87} {truth / 2**20:9.2f} {estimate / 2**20:9.2f} {errors[0]:+8.3f}"
        print(f"{row} {other / 2**20:9.2f} {errors[1]:+8.1f}", flush=True)
    for name, errors in {"ours": ours, "torchinfo": theirs}.items():
        print(f"{name:<10} mean error {statistics.mean(errors):.4f} %, worst {max(errors):.4f} %")
    print(f"time of an estimate: median {1e3 * statistics.median(elapsed):.2f} ms")


def peers(cases: int, seed: int) -> None:
    """Print a row a case for a net that others are set beside, then the mean and worst errors."""
    print(f"{cases} cases of other nets from seed {seed}; MiB")
    print(f"{'net':<10} {'step':<34} {'truth':>9} {'ours':>9} {'error %':>8}")
    errors = []
    for case in range(cases):
        config, workload = drawn(1000 * seed + case)
        workload = replace(workload, batch_size=max(2, workload.batch_size))
        name = list(PEERS)[case % len(PEERS)]
        truth, estimate = measure_peer(name, config, workload, "cpu").peak, estimate_peer_memory(name, config, workload).peak
        errors.append(100 * (estimate - truth) / truth)
        work = described(config, workload)[46:70]
        print(f"{name:<10} {work:<34} {truth / 2**20:9.2f} {estimate / 2**20:9.2f} {errors[-1]:+8.3f}", flush=True)
    print(f"mean error {statistics.mean(map(abs, errors)):.4f} %, worst {max(map(abs, errors)):.4f} %")


def peaks(batch: int, rounds: int) -> None:
    """Print what a training step of DenseNet-121 allocates beyond what lives before it, and its time, the nets taking turns."""
    x, labels = torch.rand(batch, 3, 224, 224), torch.randint(1000, (batch,))
    nets: dict[str, nn.Module] = {
        "torchvision": torchvision.models.densenet121(),
        "torchvision memory_efficient": torchvision.models.densenet121(memory_efficient=True),
        **{f"ours {kind}": DenseNet(PRESETS["densenet121"], kind) for kind in ("none", "norm", "layer")},
    }

    def step(net: nn.Module) -> None:
        nn.functional.cross_entropy(net(x), labels).backward()

    allocated, times = {}, {name: [] for name in nets}
    for name, net in nets.items():
        step(net.train())
        net.zero_grad(set_to_none=True)
        allocated[name] = allocated_peak(lambda net=net: step(net)).tensors
    for _ in range(rounds):
        for name, net in nets.items():
            net.zero_grad(set_to_none=True)
            started = time.perf_counter()
            step(net)
            times[name].append(time.perf_counter() - started)
            net.zero_grad(set_to_none=True)
    print(f"\nDenseNet-121, training, batch {batch} at 224, fp32; parameters not counted, gradients counted; times: median of {rounds}")
    print(f"{'net':<30} {'MiB':>8} {'of plain':>9} {'of memory_efficient':>20} {'step s':>8} {'of plain':>9}")
    plain, efficient = allocated["torchvision"], allocated["torchvision memory_efficient"]
    reference = statistics.median(times["torchvision"])
    for name, peak in allocated.items():
        seconds = statistics.median(times[name])
        row = f"{name:<30} {peak / 2**20:8.1f} {peak / plain:9.3f} {peak / efficient:20.3f}"
        print(f"{row} {seconds:8.2f} {seconds / reference:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=40, help="nets and workloads to draw (0: none)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--frozen", action="store_true", help="of each net some parts are not trained, and its stem is any")
    parser.add_argument("--peers", action="store_true", help="the ResNets and the chain of the Compare tab in place of DenseNets")
    parser.add_argument("--rounds", type=int, default=3, help="timed steps of each net (0: no second table)")
    parser.add_argument("--batch", type=int, default=4, help="images in the second table's batch")
    arguments = parser.parse_args()
    print(
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, torchinfo {torchinfo.__version__}, "
        f"{torch.get_num_threads()} threads"
    )
    measuring.MAX_EXPECTED_SECONDS = float("inf")  # nobody waits
    if arguments.cases and arguments.peers:
        peers(arguments.cases, arguments.seed)
    elif arguments.cases:
        estimates(arguments.cases, arguments.seed, arguments.frozen)
    if arguments.rounds:
        peaks(arguments.batch, arguments.rounds)


if __name__ == "__main__":
    main()
