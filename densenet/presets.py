"""The nets that people know by name, and what was published of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


@dataclass(frozen=True, kw_only=True)
class Published:
    """Figures that others published of one config; `None` where nothing was.

    `params` was printed to a multiple of `params_unit`, `gmacs` (1e9 multiply-accumulates at 224 x 224) to three decimals; accuracies and
    test errors are in percent.
    """

    source: str
    params: int | None = None
    params_unit: int = 1
    gmacs: float | None = None
    top1_accuracy: float | None = None
    top5_accuracy: float | None = None
    cifar10_error: float | None = None  # C10+, with standard augmentation
    cifar100_error: float | None = None  # C100+

    def agrees_on_params(self, params: int) -> bool:
        """Whether `params`, rounded as the publication rounds, is the published count."""
        return self.params is not None and round(params / self.params_unit) * self.params_unit == self.params

    def agrees_on_macs(self, macs: int) -> bool:
        """Whether `macs` at 224 x 224, rounded as the publication rounds, is the published figure."""
        return self.gmacs is not None and round(macs / 1e9, 3) == self.gmacs


def _torchvision(params: int, gmacs: float, top1_accuracy: float, top5_accuracy: float) -> Published:
    return Published(source="torchvision", params=params, gmacs=gmacs, top1_accuracy=top1_accuracy, top5_accuracy=top5_accuracy)


def _table_2(tenths_of_a_million: int, cifar10_error: float, cifar100_error: float) -> Published:
    return Published(
        source="arXiv 1608.06993, table 2",
        params=tenths_of_a_million * 100_000,
        params_unit=100_000,
        cifar10_error=cifar10_error,
        cifar100_error=cifar100_error,
    )


PUBLISHED: dict[str, Published] = {
    "densenet121": _torchvision(7_978_856, 2.834, 74.434, 91.972),
    "densenet161": _torchvision(28_681_000, 7.728, 77.138, 93.560),
    "densenet169": _torchvision(14_149_480, 3.360, 75.600, 92.806),
    "densenet201": _torchvision(20_013_928, 4.291, 76.896, 93.370),
    "densenet264": Published(source="arXiv 1608.06993, table 3", top1_accuracy=77.85, top5_accuracy=93.88),  # no count was printed
    "densenet_40_12": _table_2(10, 5.24, 24.42),
    "densenet_100_12": _table_2(70, 4.10, 20.20),
    "densenet_100_24": _table_2(272, 3.74, 19.25),
    "densenet_bc_100_12": _table_2(8, 4.51, 22.27),
    "densenet_bc_250_24": _table_2(153, 3.62, 17.60),
    "densenet_bc_190_40": _table_2(256, 3.46, 17.18),
}


def preset_of(config: DenseNetConfig) -> str | None:
    """Return the name of the preset that equals `config`, or None."""
    return next((name for name, preset in PRESETS.items() if preset == config), None)
