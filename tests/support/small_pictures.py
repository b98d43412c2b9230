"""Small made-up pictures that a tiny net can learn in a moment: each class has a colour of its own, under noise."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from densenet import DenseNetConfig
from densenet.model.net import DenseNet
from densenet.train import ImageSet
from densenet.train.data import measure_preprocessing

COLOURS = torch.tensor([[200, 40, 40], [40, 200, 40], [40, 40, 200]])
CLASSES = ("red", "green", "blue")
NET = DenseNetConfig(growth_rate=4, block_config=(2, 2), num_init_features=6, num_classes=3, stem="cifar", drop_rate=0.2)


def pictures(count: int, size_px: int = 8, seed: int = 0) -> ImageSet:
    """`count` pictures, the classes in turn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    noise = torch.randint(-40, 41, (count, 3, size_px, size_px), generator=generator)
    images = (COLOURS[labels][:, :, None, None] + noise).clamp(0, 255).to(torch.uint8)
    names = tuple(f"{i}.png" for i in range(count))
    return ImageSet(images, labels, CLASSES, names, measure_preprocessing(images))


def net(config: DenseNetConfig = NET, seed: int = 0) -> DenseNet:
    torch.manual_seed(seed)
    return DenseNet(config)


def written(folder: Path, count: int = 12, size_px: int = 8) -> Path:
    """Write `pictures` as PNG files, a folder for each class."""
    data = pictures(count, size_px)
    for picture, label, name in zip(data.images, data.labels.tolist(), data.names, strict=True):
        place = folder / CLASSES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(place / name)
    return folder
