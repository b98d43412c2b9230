"""What others printed, figure by figure, each beside its source and beside the plan."""

from __future__ import annotations

import pytest
from torchvision import models

from densenet import PRESETS, totals
from densenet.published import PUBLISHED, Published
from densenet.weights.known import WEIGHTS

IMAGENET = {  # params, GMACs at 224, top-1 and top-5 accuracy, the file's digits
    "densenet121": (7_978_856, 2.834, 74.434, 91.972, "a639ec97"),
    "densenet161": (28_681_000, 7.728, 77.138, 93.560, "8d451a50"),
    "densenet169": (14_149_480, 3.360, 75.600, 92.806, "b2777c0a"),
    "densenet201": (20_013_928, 4.291, 76.896, 93.370, "c1103571"),
}
CIFAR = {  # params exactly, params as printed in millions, C10+ and C100+ errors
    "densenet_40_12": (1_019_722, 1.0, 5.24, 24.42),
    "densenet_100_12": (6_979_642, 7.0, 4.10, 20.20),
    "densenet_100_24": (27_249_082, 27.2, 3.74, 19.25),
    "densenet_bc_100_12": (769_162, 0.8, 4.51, 22.27),
    "densenet_bc_250_24": (15_324_406, 15.3, 3.62, 17.60),
    "densenet_bc_190_40": (25_624_430, 25.6, 3.46, 17.18),
}
WEIGHTS_OF_TORCHVISION = {
    "densenet121": models.DenseNet121_Weights.IMAGENET1K_V1,
    "densenet161": models.DenseNet161_Weights.IMAGENET1K_V1,
    "densenet169": models.DenseNet169_Weights.IMAGENET1K_V1,
    "densenet201": models.DenseNet201_Weights.IMAGENET1K_V1,
}


def test_these_figures_and_no_others_were_printed() -> None:
    assert set(PUBLISHED) == {*IMAGENET, *CIFAR, "densenet264"}


@pytest.mark.parametrize("name", IMAGENET)
def test_imagenet_figures(name: str) -> None:
    params, gmacs, top1, top5, digits = IMAGENET[name]
    sums, published = totals(PRESETS[name], 224), PUBLISHED[name]
    assert sums.params == params
    assert round(sums.macs / 1e9, 3) == gmacs
    assert sums.depth == int(name.removeprefix("densenet"))
    assert (published.params, published.gmacs, published.top1_accuracy, published.top5_accuracy) == (params, gmacs, top1, top5)
    assert published.params_unit == 1
    assert published.agrees_on_params(sums.params)
    assert published.agrees_on_macs(sums.macs)
    assert not published.agrees_on_params(sums.params + 1)
    assert not published.agrees_on_macs(sums.macs + 2_000_000)
    assert WEIGHTS[name].sha256 == digits


@pytest.mark.parametrize("name", IMAGENET)
def test_imagenet_figures_are_torchvisions_own(name: str) -> None:
    theirs, ours, record = WEIGHTS_OF_TORCHVISION[name], PUBLISHED[name], WEIGHTS[name]
    accuracy = theirs.meta["_metrics"]["ImageNet-1K"]
    assert ours.params == record.params == theirs.meta["num_params"]
    assert ours.gmacs == theirs.meta["_ops"]
    assert ours.top1_accuracy == record.top1_accuracy == accuracy["acc@1"]
    assert ours.top5_accuracy == record.top5_accuracy == accuracy["acc@5"]
    assert record.url == theirs.url
    assert record.url.endswith(f"/{name}-{record.sha256}.pth")
    assert list(record.labels()) == theirs.meta["categories"]


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_figures(name: str) -> None:
    params, millions, cifar10_error, cifar100_error = CIFAR[name]
    sums, published = totals(PRESETS[name], 32), PUBLISHED[name]
    assert sums.params == params
    assert published.params == round(millions * 1e6)
    assert published.agrees_on_params(sums.params)
    assert not published.agrees_on_params(sums.params + 100_000)
    assert (published.cifar10_error, published.cifar100_error) == (cifar10_error, cifar100_error)
    assert sums.depth == int(name.split("_")[-2]), "the paper's L counts convolutions and the classifier"


def test_densenet264() -> None:
    published = PUBLISHED["densenet264"]
    assert round(totals(PRESETS["densenet264"]).macs / 1e9, 3) == 5.752
    assert published.top1_accuracy == pytest.approx(100 - 22.15)
    assert published.top5_accuracy == pytest.approx(100 - 6.12)
    assert published.params is None
    assert not published.agrees_on_params(33_337_704), "nothing was printed, so nothing agrees"
    assert not Published(source="nobody").agrees_on_macs(0)
