"""The four variants of a net, against what the paper says of bottleneck and compression."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from densenet import PRESETS, DenseNetConfig, totals
from densenet.compare.variants import ablation, variant_of
from tests.explorer.page.test_address import configs


@given(configs)
def test_a_net_is_one_of_its_own_variants(config: DenseNetConfig) -> None:
    variants = ablation(config)
    assert list(variants) == ["plain", "B", "C", "BC"]
    assert variants[variant_of(config)] == config
    assert all(v.block_config == config.block_config and v.growth_rate == config.growth_rate for v in variants.values())
    assert all((v.bn_size > 0, v.compression < 1) == ("B" in name, "C" in name) for name, v in variants.items())


def test_presets_are_what_the_paper_calls_them() -> None:
    assert variant_of(PRESETS["densenet_40_12"]) == "plain"
    assert variant_of(PRESETS["densenet_bc_100_12"]) == "BC"
    assert variant_of(PRESETS["classroom"]) == "C"
    assert ablation(PRESETS["densenet_40_12"])["BC"] == replace(PRESETS["densenet_40_12"], bn_size=4, compression=0.5)


def test_bottleneck_and_compression_save_parameters() -> None:
    params = {name: totals(config).params for name, config in ablation(PRESETS["densenet121"]).items()}
    assert params["plain"] > params["B"] > params["BC"]
    assert params["plain"] > params["C"] > params["BC"]
