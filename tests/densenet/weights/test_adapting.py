"""Channels put in order and biases folded: the logits stay those of the authors' nets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import DenseNet as TorchvisionDenseNet

from densenet.weights.loading import load_file
from densenet.weights.reading import reading_of
from tests.support.upstream import check_equal, of


def test_a_plain_renaming_of_new_features_first_would_answer_wrongly(tmp_path: Path) -> None:
    """The trap: no shape shows the order. If this were equal, the test of the order would prove nothing."""
    net, x, expected = of("kuangliu")
    reading = reading_of({name: tuple(tensor.shape) for name, tensor in net.state_dict().items()})
    torch.save({new: net.state_dict()[name] for name, new in reading.names.items()}, tmp_path / "net.pth")
    with torch.inference_mode():
        assert (load_file(tmp_path / "net.pth")(x) - expected).abs().max() > 0.01


def test_a_head_without_a_bias(tmp_path: Path) -> None:
    net, x, _ = of("torchvision")
    assert isinstance(net, TorchvisionDenseNet)
    net.classifier = nn.Linear(net.classifier.in_features, 7, bias=False)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    with torch.inference_mode():
        check_equal(tmp_path / "net.pth", x, net(x))


def biased(net: nn.Module, names: Callable[[str], bool]) -> None:
    """Give the convolutions that `names` chooses a bias."""
    for path, module in list(net.named_modules()):
        if isinstance(module, nn.Conv2d) and names(path):
            module.bias = nn.Parameter(torch.randn(module.out_channels, generator=torch.Generator().manual_seed(len(path))))


@pytest.mark.parametrize("which", ["conv0", "conv1", "conv2", ".conv", ""])
@pytest.mark.parametrize("name", ["torchvision", "bamos, no bottleneck", "kuangliu", "monai, grey"])
def test_biases_of_convolutions_become_part_of_the_norms(name: str, which: str, tmp_path: Path) -> None:
    net, x, before = of(name)
    biased(net, lambda path: which in path)
    with torch.inference_mode():
        expected = net(x)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    check_equal(tmp_path / "net.pth", x, expected)
    if any(which in path for path, module in net.named_modules() if isinstance(module, nn.Conv2d)):
        assert (expected - before).abs().max() > 1e-3


def test_a_bias_of_another_length_is_left_over(tmp_path: Path) -> None:
    net, _, _ = of("torchvision")
    torch.save(net.state_dict() | {"features.conv0.bias": torch.zeros(3)}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"1 left over: features\.conv0\.bias"):
        load_file(tmp_path / "net.pth")
