"""Two processes train as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from densenet.train import fit
from densenet.train.events import read_log
from tests.support.parallel_process import CONFIG, RECIPE
from tests.support.small_pictures import net, pictures

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """What both processes saw; gloo over this machine's loopback."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "-m", "tests.support.parallel_process", str(folder)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_gradients_are_the_mean_of_both_halves(ranks: tuple[Path, list[dict]]) -> None:
    data = pictures(16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (data.preprocessing.mean, data.preprocessing.std))
    halves, statistics = [], []
    for half in order.split(8):
        model = net(CONFIG).train()
        nn.functional.cross_entropy(model((data.images[half] / 255 - mean) / std), data.labels[half]).backward()
        halves.append({name: p.grad for name, p in model.named_parameters()})
        statistics.append(dict(model.named_buffers()))
    for seen in ranks[1]:
        for name, gradient in seen["gradients"].items():
            torch.testing.assert_close(gradient, (halves[0][name] + halves[1][name]) / 2, atol=1e-6, rtol=1e-4)
    differ = 0
    for name, value in statistics[0].items():  # rank 0's own, and not the other's
        torch.testing.assert_close(ranks[1][0]["state"][name], value)
        differ += not torch.equal(value, statistics[1][name])
    assert differ > 4


def test_all_processes_end_with_the_same_net(ranks: tuple[Path, list[dict]]) -> None:
    folder, (first, second) = ranks
    assert first["ends"] == second["ends"] == [3, 8]
    for part in ("state", "final"):
        assert all(torch.equal(value, second[part][name]) for name, value in first[part].items())
    events = read_log(folder / "run.pt")
    assert [event.step for event in events if event.kind == "start"] == [0, 3]
    assert sum(event.kind == "epoch" for event in events) == 4


def test_a_batch_is_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    from densenet.train import parallel

    monkeypatch.setattr(parallel, "world_size", lambda: 3)
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 3 processes, got 16"):
        fit(net(CONFIG), pictures(16), pictures(6), RECIPE, device="cpu")
