"""Other projects' DenseNets, small: each wired as its authors wired it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import DenseNet as TorchvisionDenseNet

from densenet.model.net import DenseNet
from densenet.weights.loading import load_file
from tests.conftest import randomised

LAYERS = (2, 3, 2)
K = 4


class Layer(nn.Module):
    """BN-ReLU-1x1-BN-ReLU-3x3, or without the bottleneck; `new_first` is kuangliu's order."""

    def __init__(self, channels: int, *, bottleneck: bool = True, new_first: bool = False, bias: bool = False) -> None:
        super().__init__()
        self.new_first = new_first
        self.bn1 = nn.BatchNorm2d(channels)
        if bottleneck:
            self.conv1 = nn.Conv2d(channels, 4 * K, 1, bias=bias)
            self.bn2 = nn.BatchNorm2d(4 * K)
            self.conv2 = nn.Conv2d(4 * K, K, 3, padding=1, bias=bias)
        else:
            self.conv1 = nn.Conv2d(channels, K, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(functional.relu(self.bn1(x)))
        if hasattr(self, "conv2"):
            new = self.conv2(functional.relu(self.bn2(new)))
        return torch.cat([new, x] if self.new_first else [x, new], 1)


class Down(nn.Module):
    """A transition whose parts are called `norm` and `conv`."""

    def __init__(self, channels: int, norm: str, conv: str, bias: bool = False) -> None:
        super().__init__()
        self.parts = (norm, conv)
        self.add_module(norm, nn.BatchNorm2d(channels))
        self.add_module(conv, nn.Conv2d(channels, channels // 2, 1, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        norm, conv = (getattr(self, name) for name in self.parts)
        return functional.avg_pool2d(conv(functional.relu(norm(x))), 2)


class Blocked(nn.Module):
    """andreasveit's blocks hold their layers in a part of their own."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layer = layers

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class OfCifar(nn.Module):
    """The nets for 32 pixels of kuangliu, bamos and andreasveit: they differ in names, and kuangliu in the order of features."""

    def __init__(self, family: str, *, bottleneck: bool = True, classes: int = 10) -> None:
        super().__init__()
        kuangliu, veit = family == "kuangliu", family == "andreasveit"
        norm, conv = ("bn", "conv") if kuangliu else ("bn1", "conv1")
        blocks = (*LAYERS, 2) if kuangliu else LAYERS
        channels = 2 * K
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.way: list[str] = []
        for i, count in enumerate(blocks, start=1):
            block = nn.Sequential(*(Layer(channels + n * K, bottleneck=bottleneck, new_first=kuangliu) for n in range(count)))
            self.way.append(f"block{i}" if veit else f"dense{i}")
            self.add_module(self.way[-1], Blocked(block) if veit else block)
            channels += count * K
            if i < len(blocks):
                self.way.append(f"trans{i}")
                self.add_module(self.way[-1], Down(channels, norm, conv))
                channels //= 2
        self.last, self.head = norm, "linear" if kuangliu else "fc"
        self.add_module(self.last, nn.BatchNorm2d(channels))
        self.add_module(self.head, nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for name in self.way:
            x = getattr(self, name)(x)
        x = functional.relu(getattr(self, self.last)(x))
        return getattr(self, self.head)(functional.avg_pool2d(x, x.shape[-1]).flatten(1))


class MonaiLayer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        parts = {"norm1": nn.BatchNorm2d(channels), "relu1": nn.ReLU(), "conv1": nn.Conv2d(channels, 4 * K, 1, bias=False)}
        parts |= {"norm2": nn.BatchNorm2d(4 * K), "relu2": nn.ReLU(), "conv2": nn.Conv2d(4 * K, K, 3, padding=1, bias=False)}
        self.layers = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


class Monai(nn.Module):
    """MONAI's DenseNet in two dimensions."""

    def __init__(self, in_channels: int = 1, classes: int = 5) -> None:
        super().__init__()
        channels = 8
        parts: dict[str, nn.Module] = {"conv0": nn.Conv2d(in_channels, channels, 7, 2, 3, bias=False), "norm0": nn.BatchNorm2d(channels)}
        parts |= {"relu0": nn.ReLU(), "pool0": nn.MaxPool2d(3, 2, 1)}
        for i, count in enumerate(LAYERS, start=1):
            parts[f"denseblock{i}"] = nn.Sequential(OrderedDict((f"denselayer{n + 1}", MonaiLayer(channels + n * K)) for n in range(count)))
            channels += count * K
            if i == len(LAYERS):
                parts["norm5"] = nn.BatchNorm2d(channels)
            else:
                down = {"norm": nn.BatchNorm2d(channels), "relu": nn.ReLU(), "conv": nn.Conv2d(channels, channels // 2, 1, bias=False)}
                parts[f"transition{i}"] = nn.Sequential(OrderedDict({**down, "pool": nn.AvgPool2d(2, 2)}))
                channels //= 2
        self.features = nn.Sequential(OrderedDict(parts))
        head = {"relu": nn.ReLU(), "pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(1), "out": nn.Linear(channels, classes)}
        self.class_layers = nn.Sequential(OrderedDict(head))

    def forward(self, x: Tensor) -> Tensor:
        return self.class_layers(self.features(x))


def torchvisions(classes: int = 14, in_channels: int = 3) -> TorchvisionDenseNet:
    net = TorchvisionDenseNet(growth_rate=K, block_config=LAYERS, num_init_features=8, num_classes=classes)
    if in_channels != 3:
        net.features.conv0 = nn.Conv2d(in_channels, 8, 7, 2, 3, bias=False)
    return net


class OfXRays(nn.Module):
    """TorchXRayVision's: torchvision's wiring for one channel, and a buffer of thresholds."""

    def __init__(self) -> None:
        super().__init__()
        net = torchvisions(18, 1)
        self.features, self.classifier = net.features, net.classifier
        self.register_buffer("op_threshs", torch.tensor([0.07] * 17 + [float("nan")]))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(functional.adaptive_avg_pool2d(functional.relu(self.features(x)), (1, 1)).flatten(1))


def of_huyvnphan(*, pooled: bool = True) -> TorchvisionDenseNet:
    """torchvision's net with a first convolution for small pictures, its pooling kept or, as others do it, taken out."""
    net = torchvisions(10)
    net.features.conv0 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
    if not pooled:
        del net.features.pool0
    return net


class NormAct(nn.BatchNorm2d):
    """timm's norm, with a ReLU in it."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(super().forward(x))


def of_timm(in_channels: int = 3) -> TorchvisionDenseNet:
    """timm's net with its deep stem: three convolutions, the inner ones k wide, and norms that hold their ReLUs."""
    net = torchvisions(1000)
    stem: list[tuple[str, nn.Module]] = []
    for i, (read, width) in enumerate(((in_channels, K), (K, K), (K, 8))):
        stem += [(f"conv{i}", nn.Conv2d(read, width, 3, 1 if i else 2, 1, bias=False)), (f"norm{i}", NormAct(width))]
    rest = list(net.features.named_children())[3:]  # behind the ReLU of the stem that it had
    net.features = nn.Sequential(OrderedDict([*stem, *rest]))
    return net


Upstream = Callable[[], tuple[nn.Module, tuple[int, ...]]]
UPSTREAM: dict[str, Upstream] = {
    "kuangliu": lambda: (OfCifar("kuangliu"), (2, 3, 32, 32)),
    "bamos": lambda: (OfCifar("bamos"), (2, 3, 32, 32)),
    "bamos, no bottleneck": lambda: (OfCifar("bamos", bottleneck=False), (2, 3, 32, 32)),
    "andreasveit": lambda: (OfCifar("andreasveit"), (2, 3, 32, 32)),
    "andreasveit, no bottleneck": lambda: (OfCifar("andreasveit", bottleneck=False, classes=100), (2, 3, 32, 32)),
    "monai, grey": lambda: (Monai(), (2, 1, 48, 48)),
    "monai, colour": lambda: (Monai(3, 2), (2, 3, 48, 48)),
    "torchxrayvision": lambda: (OfXRays(), (2, 1, 48, 48)),
    "torchvision": lambda: (torchvisions(), (2, 3, 48, 48)),
    "huyvnphan": lambda: (of_huyvnphan(), (2, 3, 32, 32)),
    "timm, deep": lambda: (of_timm(), (2, 3, 48, 48)),
    "timm, deep, grey": lambda: (of_timm(1), (2, 1, 48, 48)),
}


def of(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """An upstream net with norms like a trained one's, a batch, and its logits."""
    torch.manual_seed(0)
    net, shape = UPSTREAM[name]()
    net = randomised(net).eval()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return net, x, net(x)


def check_equal(path: Path, x: Tensor, expected: Tensor) -> DenseNet:
    model = load_file(path)
    with torch.inference_mode():
        seen = model(x)
    assert (seen - expected).abs().max() <= 1e-5 * max(1.0, expected.abs().max().item())
    assert expected.std() > 0.01, "random weights whose answers tell nets apart"
    return model
