"""The nets that people know by name, and what was published of them."""

from __future__ import annotations

from dataclasses import replace

from densenet.config import DenseNetConfig


def _cifar(growth_rate: int, layers: int, *, bottleneck: bool) -> DenseNetConfig:
    """Three equal blocks for 32 x 32 images (paper, section 4.2 and table 2), ten classes."""
    return DenseNetConfig(
        growth_rate=growth_rate,
        block_config=(layers, layers, layers),
        num_init_features=2 * growth_rate if bottleneck else 16,
        bn_size=4 if bottleneck else 0,
        compression=0.5 if bottleneck else 1.0,
        num_classes=10,
        stem="cifar",
    )


def _grey(config: DenseNetConfig) -> DenseNetConfig:
    """As tutorial A trains torchvision's nets: one input channel, the ten classes of Fashion-MNIST."""
    return replace(config, in_channels=1, num_classes=10)


_GREY = ("densenet121", "densenet169", "densenet201")
PRESETS: dict[str, DenseNetConfig] = {
    # ImageNet (paper, table 1; torchvision)
    "densenet121": DenseNetConfig(),
    "densenet161": DenseNetConfig(growth_rate=48, block_config=(6, 12, 36, 24), num_init_features=96),
    "densenet169": DenseNetConfig(block_config=(6, 12, 32, 32)),
    "densenet201": DenseNetConfig(block_config=(6, 12, 48, 32)),
    "densenet264": DenseNetConfig(block_config=(6, 12, 64, 48)),
    # CIFAR and SVHN (paper, table 2): depth L, growth rate k
    "densenet_40_12": _cifar(12, 12, bottleneck=False),
    "densenet_100_12": _cifar(12, 32, bottleneck=False),
    "densenet_100_24": _cifar(24, 32, bottleneck=False),
    "densenet_bc_100_12": _cifar(12, 16, bottleneck=True),
    "densenet_bc_250_24": _cifar(24, 41, bottleneck=True),
    "densenet_bc_190_40": _cifar(40, 31, bottleneck=True),
    # teaching nets: tutorial A's classroom net for Fashion-MNIST, tutorial B's slim DenseNet, and one that every test can afford; last,
    # tutorial A's versions of torchvision's
    "classroom": DenseNetConfig(block_config=(4, 4, 4, 4), bn_size=0, num_classes=10, in_channels=1),
    "compact": DenseNetConfig(growth_rate=12, num_init_features=32, num_classes=10),
    "tiny": DenseNetConfig(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=10, stem="cifar"),
}
PRESETS |= {f"{name}_grey": _grey(PRESETS[name]) for name in _GREY}

PRESET_LABELS: dict[str, str] = {
    "densenet121": "DenseNet-121",
    "densenet161": "DenseNet-161",
    "densenet169": "DenseNet-169",
    "densenet201": "DenseNet-201",
    "densenet264": "DenseNet-264",
    "densenet_40_12": "CIFAR, L=40, k=12",
    "densenet_100_12": "CIFAR, L=100, k=12",
    "densenet_100_24": "CIFAR, L=100, k=24",
    "densenet_bc_100_12": "CIFAR-BC, L=100, k=12",
    "densenet_bc_250_24": "CIFAR-BC, L=250, k=24",
    "densenet_bc_190_40": "CIFAR-BC, L=190, k=40",
    "classroom": "Classroom (Fashion-MNIST)",
    "compact": "Compact, k=12",
    "tiny": "Tiny, 2 blocks of 2",
    "densenet121_grey": "DenseNet-121, grey (tutorial A)",
    "densenet169_grey": "DenseNet-169, grey (tutorial A)",
    "densenet201_grey": "DenseNet-201, grey (tutorial A)",
}

PRESET_IMAGE_SIZE: dict[str, int] = {  # pixels a side of the images that each net was made for
    name: 96 if config.in_channels == 1 else 32 if config.stem == "cifar" else 224 for name, config in PRESETS.items()
}


def preset_of(config: DenseNetConfig) -> str | None:
    """Return the name of the preset that equals `config`, or None."""
    return next((name for name, preset in PRESETS.items() if preset == config), None)
