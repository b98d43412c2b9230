"""One step by the processes that torchrun started; rank 0 leaves what it saw in a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from densenet.train import Event, Recipe, ask, fit, parallel
from tests.support.small_pictures import NET, net, pictures

RECIPE = Recipe(epochs=1, batch_size=16, lr=0.01, crop="none", flip=False)
CONFIG = replace(NET, drop_rate=0.0)


def stop_at(file: Path, step: int, event: Event) -> None:
    if event.kind == "progress" and event.step == step:
        ask(file, "stop")


def main() -> None:
    """Train one step on 16 pictures; then stop and go on in a longer training, which must end alike everywhere."""
    torch.set_num_threads(1)
    with parallel.process_group(torch.device("cpu")):
        model = net(CONFIG, seed=parallel.rank())  # DistributedDataParallel starts all from rank 0's
        fit(model, pictures(16), pictures(6), RECIPE, device="cpu")
        seen = {"gradients": {name: p.grad for name, p in model.named_parameters()}, "state": model.state_dict()}
        longer = replace(RECIPE, epochs=4, batch_size=8, ema_decay=0.9, crop="shift")
        file = Path(sys.argv[1]) / "run.pt"
        results = []
        for limit in (3, 8):
            again = net(CONFIG, seed=10 + parallel.rank())
            stop = partial(stop_at, file, limit)
            results.append(fit(again, pictures(16), pictures(6), longer, file, device="cpu", report=stop, report_seconds=0.0))
        ends = [result.steps for result in results]
        torch.save({**seen, "ends": ends, "final": again.state_dict()}, f"{sys.argv[1]}/rank{parallel.rank()}.pt")


if __name__ == "__main__":
    main()
