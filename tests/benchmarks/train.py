"""Images a second of our training step beside a plain PyTorch loop over torchvision's DenseNet of the same shape, taking turns in one run.

The plain loop has its batch ready: it augments nothing and averages nothing. Ours does all that a recipe can ask for.

python -m tests.benchmarks.train [--rounds 7] [--batch 128] [--threads 2] [--accuracy DIR [--pictures 15000] [--epochs 6]]

DIR holds CIFAR-10, as torchvision or as folders: a small net is then trained by both, whole, and both are scored on the test pictures.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that spin while they wait make a shared machine slow

import torch
import torchvision
from torch import nn

from densenet import PRESETS, DenseNetConfig, totals
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import Preprocessing
from densenet.running.device import native_bfloat16
from densenet.train import ImageSet, Recipe, fit, hold_out
from densenet.train.augment import normalise
from densenet.train.loop import Loop
from densenet.train.sources import load_split
from densenet.train.state import TrainingState

CONFIGS = {
    "embedded 1-3-6-4 k48": DenseNetConfig(growth_rate=48, block_config=(1, 3, 6, 4), num_init_features=48, num_classes=10, stem="cifar"),
    "slim 2-4-6-6 k24": DenseNetConfig(growth_rate=24, block_config=(2, 4, 6, 6), num_init_features=48, num_classes=10, stem="cifar"),
    "BC-100 k12": PRESETS["densenet_bc_100_12"],
}
SMALL = DenseNetConfig(growth_rate=16, block_config=(2, 3, 3), num_init_features=32, num_classes=10, stem="cifar")
FULL = Recipe(
    crop="resized", cutout_px=8, brightness=0.2, contrast=0.2, saturation=0.2, sharpness=0.5, label_smoothing=0.1, ema_decay=0.999
)
BARE = Recipe(crop="none", flip=False)
BFLOAT16 = {"precision": "bfloat16"}


def theirs(config: DenseNetConfig) -> nn.Module:
    """torchvision's net with the CIFAR stem."""
    net = torchvision.models.DenseNet(
        config.growth_rate, config.block_config, config.num_init_features, config.bn_size, num_classes=config.num_classes
    )
    net.features.conv0 = nn.Conv2d(3, config.num_init_features, 3, padding=1, bias=False)
    net.features.norm0 = net.features.relu0 = net.features.pool0 = nn.Identity()
    assert sum(p.numel() for p in net.parameters()) == totals(config, 32).params
    return net


def plain_step(net: nn.Module, batch: int) -> Callable[[], object]:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    x, labels = torch.rand(batch, 3, 32, 32), torch.randint(10, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()

    return step


def plain_training(net: nn.Module, train: ImageSet, epochs: int, batch: int, lr: float) -> float:
    """Train as one would by hand, in float32; return the images a second."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = len(train) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=epochs * steps, pct_start=0.3, cycle_momentum=False)
    started = time.perf_counter()
    for _ in range(epochs):
        order = torch.randperm(len(train))
        for i in range(steps):
            chosen = order[i * batch : (i + 1) * batch]
            x = normalise(train.images[chosen].float() / 255.0, train.preprocessing.mean, train.preprocessing.std)
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), train.labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    return epochs * steps * batch / (time.perf_counter() - started)


def right(net: nn.Module, data: ImageSet) -> float:
    """Return the share of `data` that `net` is right on, in float32."""
    net.eval()
    with torch.inference_mode():
        parts = data.images.split(500)
        scaling = data.preprocessing
        said = torch.cat([net(normalise(part.float() / 255.0, scaling.mean, scaling.std)).argmax(1) for part in parts])
    return float((said == data.labels).double().mean())


def accuracies(folder: str, pictures: int, epochs: int, batch: int) -> None:
    """Print what both ways of training the same small net end with."""
    data, test = load_split("cifar10", folder=folder)
    assert test is not None
    rest, train = hold_out(data, pictures, 0)
    test = replace(test, preprocessing=train.preprocessing)
    torch.manual_seed(0)
    plain = theirs(SMALL)
    speed = plain_training(plain, train, epochs, batch, lr=0.1)
    recipe = replace(BARE, batch_size=batch, epochs=epochs, lr=0.1, ema_decay=0.0, **BFLOAT16)  # type: ignore[arg-type]
    torch.manual_seed(0)
    ours = fit(DenseNet(SMALL), train, hold_out(rest, 1000, 0)[1], recipe)
    our_speed = epochs * (pictures // batch) * batch / ours.seconds
    print(f"\nk16 2-3-3, {pictures} pictures, {epochs} epochs, {len(test)} test pictures")
    print(f"torchvision's net, plain float32 loop: {right(plain, test):.4f} right, {speed:.0f} images/s")
    print(
        f"fit, bfloat16:                         {right(ours.model, test):.4f} right, {our_speed:.0f} images/s, {our_speed / speed:.2f} x"
    )


def our_step(config: DenseNetConfig, recipe: Recipe, batch: int) -> Callable[[], object]:
    scaling = Preprocessing(32, (0.5,) * 3, (0.25,) * 3)
    images = torch.randint(0, 256, (20 * batch, 3, 32, 32), dtype=torch.uint8)
    data = ImageSet(images, torch.arange(20 * batch) % 10, tuple("abcdefghij"), tuple(map(str, range(20 * batch))), scaling)
    model = DenseNet(config)
    model.to(memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format)  # type: ignore[call-overload]
    state = TrainingState(model, recipe)
    loop = Loop(state, (data, data), recipe, None, {}, lambda event: None, torch.device("cpu"))

    def step() -> None:
        model.train()
        loop.take_step()
        loop.advance()

    return step


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="timed steps of each; 0: no table")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--accuracy", metavar="DIR", help="where CIFAR-10 is: compare what both are right on, too")
    parser.add_argument("--pictures", type=int, default=15_000)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    native = "native" if native_bfloat16(torch.device("cpu")) else "no native"
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, {arguments.threads} threads, batch {arguments.batch}")
    print(f"{native} bfloat16")
    if arguments.rounds:
        print(f"{'net':<22} {'loop':<44} {'images/s':>9} {'ratio':>6} {'by processor time':>18}")
    for name, config in CONFIGS.items() if arguments.rounds else ():
        batch = arguments.batch
        steps = {
            "torchvision's net, plain loop": plain_step(theirs(config), batch),
            "our net, plain loop": plain_step(DenseNet(config), batch),
            "fit, nothing augmented, contiguous": our_step(config, replace(BARE, batch_size=batch, channels_last=False), batch),
            "fit, nothing augmented": our_step(config, replace(BARE, batch_size=batch), batch),
            "fit, everything augmented, averaged": our_step(config, replace(FULL, batch_size=batch), batch),
            "the same, bfloat16": our_step(config, replace(FULL, batch_size=batch, **BFLOAT16), batch),  # type: ignore[arg-type]
        }
        walls: dict[str, list[float]] = {kind: [] for kind in steps}
        processor: dict[str, list[float]] = {kind: [] for kind in steps}
        for round_number in range(arguments.rounds + 1):
            for kind, step in steps.items():
                wall, used = time.perf_counter(), time.process_time()
                step()
                if round_number:  # the first warms up
                    walls[kind].append(time.perf_counter() - wall)
                    processor[kind].append(time.process_time() - used)
        first = next(iter(steps))
        for kind in steps:
            seconds, ratio = statistics.median(walls[kind]), statistics.median(walls[first]) / statistics.median(walls[kind])
            used = statistics.median(processor[first]) / statistics.median(processor[kind])
            print(f"{name:<22} {kind:<44} {batch / seconds:9.1f} {ratio:6.2f} {used:18.2f}", flush=True)
    if arguments.accuracy:
        accuracies(arguments.accuracy, arguments.pictures, arguments.epochs, arguments.batch)


if __name__ == "__main__":
    main()
