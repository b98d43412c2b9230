"""Which earlier features a dense layer really uses: figure 5 of the DenseNet paper (arXiv 1608.06993, section 5), for any net.

For each dense block, a reader's mean absolute weight over the channels that came from each source: a dense layer's first convolution (the
1x1 of a bottleneck, else the 3x3), the transition's 1x1 convolution, or the classifier after the last block. As in the paper these are
the raw weights: the BatchNorm before them has a scale per channel of its own, which can make up for a small weight or undo a large one.
`weighted` multiplies it in: BatchNorm hands on features of standard deviation |gamma|, so |gamma w| is how far one standard deviation
of a feature moves the reader, the ReLU between them aside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from densenet.checks import checked_integer
from densenet.features.wiring import BlockWiring, Reader, Source, wiring
from densenet.model.net import DenseNet

Row = tuple[float | None, ...]  # a value for each source; None for what the reader does not see


@dataclass(frozen=True)
class BlockReuse:
    """Mean absolute weights of one dense block: a row for each reader (the paper's target layer), a column for each source."""

    block: int  # 1 for the first
    weighted: bool  # by the BatchNorm's |gamma|
    sources: tuple[Source, ...]
    readers: tuple[Reader, ...]
    matrix: tuple[Row, ...]

    @cached_property
    def normalised(self) -> tuple[Row, ...]:
        """`matrix`, each row divided by its largest value, as the paper draws it; a row of zeros stays one."""
        largest = [max(value for value in row if value is not None) or 1.0 for row in self.matrix]
        return tuple(tuple(None if v is None else v / most for v in row) for row, most in zip(self.matrix, largest, strict=True))

    def formula(self, reader: int, source: int) -> str:
        """Say what stands in one cell: `reader` 1 for the first dense layer, `source` 0 for the block's input, below `reader`."""
        reader = checked_integer("reader", reader, (1, len(self.readers)))
        source = checked_integer("source", source, (0, reader - 1))
        value, share = self.matrix[reader - 1][source], self.normalised[reader - 1][source]
        made = self.sources[source]
        weights = "|γ w|" if self.weighted else "|w|"
        by = made.name if source else f"{made.module}, the block's input"
        return (
            f"mean {weights} of {self.readers[reader - 1].module} over channels {made.start} to {made.stop - 1}, made by {by}: "
            f"{value:.3g}; {share:.2f} of its row's largest"
        )

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON; cells that do not exist are None."""
        return {
            "block": self.block,
            "weighted": self.weighted,
            "sources": [{**s._asdict(), "channels": s.stop - s.start} for s in self.sources],
            "readers": [r._asdict() for r in self.readers],
            "matrix": [list(row) for row in self.matrix],
            "normalised": [list(row) for row in self.normalised],
        }


def _channel_means(model: DenseNet, reader: Reader, weighted: bool) -> Tensor:
    """Mean absolute weight of each channel that `reader` reads, float64."""
    weight: Tensor = model.get_submodule(reader.module).weight  # type: ignore[assignment]
    means = weight.detach().abs().double().transpose(0, 1).flatten(1).mean(1)
    if weighted:
        scale: Tensor = model.get_submodule(reader.norm).weight  # type: ignore[assignment]
        means = means * scale.detach().abs().double()
    return means.cpu()


def _block_reuse(model: DenseNet, block: BlockWiring, weighted: bool) -> BlockReuse:
    first, growth_rate = block.sources[0].stop, model.config.growth_rate
    rows: list[Row] = []
    for number, reader in enumerate(block.readers, start=1):
        channels = _channel_means(model, reader, weighted)
        seen = torch.cat([channels[:first].mean()[None], channels[first:].view(-1, growth_rate).mean(1)])
        rows.append((*seen.tolist(), *[None] * (len(block.sources) - number)))
    return BlockReuse(block.block, weighted, block.sources, block.readers, tuple(rows))


def reuse(model: DenseNet, weighted: bool = False) -> tuple[BlockReuse, ...]:
    """Return the mean absolute weights by source, for each dense block of `model`, which is only read."""
    return tuple(_block_reuse(model, block, weighted) for block in wiring(model.config))


class InputRead(NamedTuple):
    """How much the outputs of transitions are read, which are the inputs of all blocks but the first; beside the other sources.

    Rows are readers. Those that see nothing else are left out.
    """

    least: int  # rows in which no other source has a smaller share
    rows: int
    share: float  # mean over the rows
    others: float  # mean share of all other sources


def input_read(blocks: tuple[BlockReuse, ...]) -> InputRead | None:
    """Return how much the inputs of all blocks but the first are read; None for a net of one block.

    In the paper's figure a transition's output is read least by the layers of the second and third block (section 5).
    """
    rows = [[v for v in row if v is not None] for block in blocks[1:] for row in block.normalised[1:]]
    if not rows:
        return None
    least = sum(row[0] == min(row) for row in rows)
    return InputRead(least, len(rows), fmean(row[0] for row in rows), fmean(v for row in rows for v in row[1:]))


def late_over_early(blocks: tuple[BlockReuse, ...]) -> float | None:
    """Return how many times as large the classifier's weights on the later half of its sources are as on the earlier half.

    In the paper's figure the classifier leans on late features (section 5). A source in the middle is in neither half; None where the
    earlier half weighs nothing.
    """
    row = [v or 0.0 for v in blocks[-1].matrix[-1]]
    half = len(row) // 2
    early, late = fmean(row[:half]), fmean(row[-half:])
    return late / early if early else None
