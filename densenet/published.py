"""What others printed of DenseNets and ResNets: counts, accuracies, test errors."""

from __future__ import annotations

from dataclasses import dataclass


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


_V1 = "torchvision, IMAGENET1K_V1"


RESNETS: dict[str, Published] = {  # trained with the recipe of torchvision's DenseNets (a newer one, V2, gives more to the deeper ones)
    "resnet18": Published(source=_V1, params=11_689_512, gmacs=1.814, top1_accuracy=69.758, top5_accuracy=89.078),
    "resnet34": Published(source=_V1, params=21_797_672, gmacs=3.664, top1_accuracy=73.314, top5_accuracy=91.420),
    "resnet50": Published(source=_V1, params=25_557_032, gmacs=4.089, top1_accuracy=76.130, top5_accuracy=92.862),
    "resnet101": Published(source=_V1, params=44_549_160, gmacs=7.801, top1_accuracy=77.374, top5_accuracy=93.546),
    "resnet152": Published(source=_V1, params=60_192_808, gmacs=11.514, top1_accuracy=78.312, top5_accuracy=94.046),
}
