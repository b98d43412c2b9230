"""The four DenseNets of the paper (section 3, table 2) with the blocks and growth rate of one config: plain, B, C and BC."""

from __future__ import annotations

from dataclasses import replace

from densenet.config import DenseNetConfig

_BN_SIZE, _COMPRESSION = 4, 0.5  # the paper's, where the config itself has none


def ablation(config: DenseNetConfig) -> dict[str, DenseNetConfig]:
    """Return the net without and with bottleneck (B) and compression (C), everything else kept.

    Bottleneck and compression are the config's own where it has them, else the paper's: 4k channels, theta = 0.5. The paper gives its
    plain nets twice the layers; here all four have the same number, so that only B and C differ.
    """
    bn_size = config.bn_size or _BN_SIZE
    compression = config.compression if config.compression < 1 else _COMPRESSION
    return {
        "plain": replace(config, bn_size=0, compression=1.0),
        "B": replace(config, bn_size=bn_size, compression=1.0),
        "C": replace(config, bn_size=0, compression=compression),
        "BC": replace(config, bn_size=bn_size, compression=compression),
    }


def variant_of(config: DenseNetConfig) -> str:
    """Return which of the four `config` is."""
    return next(name for name, variant in ablation(config).items() if variant == config)
