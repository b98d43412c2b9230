"""Who reads whom inside a dense block, in plain Python: the concatenation of equation 2, cut into its pieces.

Sources are numbered from 0, the block's input; source n is what dense layer n adds. Readers are numbered from 1: reader n is dense layer n,
and the one past the last layer is whatever reads the whole block, a transition or the classifier. Reader n sees the sources below n.
"""

from __future__ import annotations

from typing import NamedTuple

from densenet.checks import checked_integer
from densenet.config import STEM_OF, DenseNetConfig, transition_channels


class Source(NamedTuple):
    """A piece of the concatenation: channels `start` to below `stop`, as every reader of the block numbers them."""

    name: str  # "input", or "denselayerN"
    module: str  # the module that makes it
    start: int
    stop: int


class Reader(NamedTuple):
    """What reads a concatenation: the first weights that it meets, and the norm before them."""

    name: str  # "denselayerN", "transitionN" or "classifier"
    module: str  # the convolution, or the classifier
    norm: str
    channels: int  # that it reads


class BlockWiring(NamedTuple):
    """One dense block: its sources in the order of their channels, its readers in the order of execution."""

    block: int  # 1 for the first
    sources: tuple[Source, ...]
    readers: tuple[Reader, ...]

    @property
    def connections(self) -> int:
        """L (L + 1) / 2 of L layers (section 1 of the paper): layer n reads the block's input and the n - 1 layers before it."""
        layers = len(self.sources) - 1
        return layers * (layers + 1) // 2


def _wire(config: DenseNetConfig, block: int, channels: int) -> BlockWiring:
    path, last = f"features.denseblock{block}", len(config.block_config)
    maker = f"features.transition{block - 1}" if block > 1 else f"features.{STEM_OF[config.stem].last}"
    sources, readers = [Source("input", maker, 0, channels)], []
    for layer in range(1, config.block_config[block - 1] + 1):
        name, start = f"denselayer{layer}", sources[-1].stop
        readers.append(Reader(name, f"{path}.{name}.conv1", f"{path}.{name}.norm1", start))
        sources.append(Source(name, f"{path}.{name}", start, start + config.growth_rate))
    if block < last:
        end = f"features.transition{block}"
        readers.append(Reader(f"transition{block}", f"{end}.conv", f"{end}.norm", sources[-1].stop))
    else:
        readers.append(Reader("classifier", "classifier", "features.norm5", sources[-1].stop))
    return BlockWiring(block, tuple(sources), tuple(readers))


def wiring(config: DenseNetConfig) -> tuple[BlockWiring, ...]:
    """Return the sources and readers of each dense block of `config`."""
    blocks: list[BlockWiring] = []
    channels = config.num_init_features
    for block in range(1, len(config.block_config) + 1):
        blocks.append(_wire(config, block, channels))
        channels = transition_channels(blocks[-1].sources[-1].stop, config.compression)
    return tuple(blocks)


def block_wiring(config: DenseNetConfig, block: int) -> BlockWiring:
    """Return the sources and readers of dense block `block`, 1 for the first; ValueError for one that is not there."""
    return wiring(config)[checked_integer("block", block, (1, len(config.block_config))) - 1]
