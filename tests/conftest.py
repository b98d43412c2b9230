"""What more than one test file needs: small nets whose BatchNorm statistics are not trivial, and the app."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that spin while they wait make a shared machine slow
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the nets are small: sharing one among the cores costs more than it saves

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import nn

from densenet import PRESETS, DenseNetConfig
from densenet.model.net import DenseNet
from tests.support.serving import served

settings.register_profile("project", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("project")


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every norm scales, shifts and statistics like those of a trained net: at 1 and 0 many mistakes cannot be seen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.uniform_(-0.3, 0.3, generator=generator)
                module.running_mean.uniform_(-0.5, 0.5, generator=generator)
                module.running_var.uniform_(0.5, 2.0, generator=generator)
    return model


@pytest.fixture
def make_net() -> Callable[..., DenseNet]:
    """Return a function that builds a net of a config in eval mode, from a seed, with randomised norms."""

    def make(config: DenseNetConfig = PRESETS["tiny"], seed: int = 0) -> DenseNet:
        torch.manual_seed(seed)
        model = DenseNet(config)
        randomised(model, seed)
        return model.eval()

    return make


@pytest.fixture
def tiny(make_net: Callable[..., DenseNet]) -> DenseNet:
    return make_net()


@pytest.fixture(scope="session")
def samples() -> Path:
    return Path(__file__).resolve().parent.parent / "assets" / "samples"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Address and process id of the app, started as its users start it, without a network and with an empty weights folder."""
    folder = tmp_path_factory.mktemp("weights")
    env = {"GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("uploads"))}
    folders = ("--weights-dir", str(folder), "--runs-dir", str(tmp_path_factory.mktemp("runs")))
    with served("-m", "explorer", "--offline", "--device", "cpu", *folders, env=env) as (url, pid):
        yield url, pid
