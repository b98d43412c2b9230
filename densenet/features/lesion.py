"""Switch one source of a dense block off, and see the prediction move: reuse as cause, beside the weights of `densenet.features.reuse`.

A source is the block's input or what one dense layer adds (`densenet.features.wiring`). Switched off means that its features are 0, for all
that read them in the block and after it, or for one reader alone. The BatchNorm after it then sees 0, not its channel's mean: what the
reader gets is "no such feature", not "nothing unusual". `by="mean"` puts each channel's mean over the photo in its place instead: the
feature still says how much of it there is, no longer where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from densenet.checks import checked_choice, checked_integer
from densenet.features.wiring import BlockWiring, Reader, Source, block_wiring
from densenet.model.inputs import check_class, check_input
from densenet.model.net import DenseBlock, DenseNet
from densenet.model.outputs import Points, activation_of, check_has_probabilities, points_of, shares, shares_of
from densenet.running.affordable import check_affordable
from densenet.running.batching import bounded_batch, seconds_per_image
from densenet.stopping import Progress, Stop, go_on, tell_nobody

REPLACEMENTS = ("zero", "mean")
MAX_EXPECTED_SECONDS = 300.0  # of a whole map


class Lesion(NamedTuple):
    """The logits of all classes, on the CPU, before and after one source was switched off."""

    logits_before: Tensor
    logits_after: Tensor
    activation: str = "softmax"
    points: Points = ()

    @property
    def probabilities_before(self) -> Tensor:
        """What the logits before say of each class."""
        return shares(self.logits_before, self.activation, points=self.points)

    @property
    def probabilities_after(self) -> Tensor:
        """What the logits after say of each class."""
        return shares(self.logits_after, self.activation, points=self.points)


class Change(NamedTuple):
    """After less before, for one class: below 0 where the source spoke for it."""

    logit: float
    probability: float


@dataclass(frozen=True)
class LesionMap:
    """What each source of a block does for one class.

    `everywhere` holds a change for each source, switched off for all its readers; `cells` a row for each reader and a change for each
    source that it sees (None: it does not), switched off for this reader alone; empty where cells were not asked for.
    """

    block: int
    target: int
    by: str
    logit: float  # of the target, with all sources on
    probability: float
    sources: tuple[Source, ...]
    readers: tuple[Reader, ...]
    everywhere: tuple[Change, ...]
    cells: tuple[tuple[Change | None, ...], ...]

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON; cells that do not exist are None."""
        return {
            "block": self.block,
            "target": self.target,
            "by": self.by,
            "logit": self.logit,
            "probability": self.probability,
            "sources": [s._asdict() for s in self.sources],
            "readers": [r._asdict() for r in self.readers],
            "everywhere": [c._asdict() for c in self.everywhere],
            "cells": [[c and c._asdict() for c in row] for row in self.cells],
        }


class _Cut(NamedTuple):
    """One source, by number, off for one reader, by number, or for all that see it (None)."""

    source: int
    reader: int | None

    @property
    def first_reader(self) -> int:
        """The first reader that sees something else than in the whole net."""
        return self.reader or self.source + 1

    def concerns(self, reader: int) -> bool:
        return self.reader == reader if self.reader else self.source < reader


class _Intact:
    """The net run once as it is, with what one block's sources said kept: cut nets take over from there."""

    def __init__(self, model: DenseNet, x: Tensor, wired: BlockWiring) -> None:
        self.wired = wired
        self.parts = dict(model.features.named_children())
        self.head = model.head
        names = list(self.parts)
        at = names.index(f"denseblock{wired.block}")
        for name in names[:at]:
            x = self.parts[name](x)
        block = self.parts[names[at]]
        assert isinstance(block, DenseBlock)
        self.layers = list(block.children())
        self.after = names[at + 1 :]
        self.features = list(block.sources(x))
        self.logits = self._rest(torch.cat(self.features, 1))

    def _rest(self, x: Tensor) -> Tensor:
        for name in self.after:
            x = self.parts[name](x)
        return self.head(x)

    def _read(self, features: Sequence[Tensor], reader: int, cuts: Sequence[_Cut], by: str) -> Tensor:
        """Concatenate what `reader` sees, N x C x H x W, each of the N with its own cut."""
        seen = torch.cat([f.expand(len(cuts), -1, -1, -1) for f in features], 1)
        for image, cut in zip(seen, cuts, strict=True):
            if cut.concerns(reader):
                source = self.wired.sources[cut.source]
                off = image[source.start : source.stop]
                off.copy_(off.mean((1, 2), keepdim=True) if by == "mean" else torch.zeros_like(off))
        return seen

    def cut(self, cuts: Sequence[_Cut], by: str) -> Tensor:
        """Return the logits, N x classes, with each of N `cuts` made; layers that see no difference are not run again."""
        first = min(cut.first_reader for cut in cuts)
        features = list(self.features[:first])
        for reader in range(first, len(self.layers) + 1):
            features.append(self.layers[reader - 1](self._read(features, reader, cuts, by)))
        return self._rest(self._read(features, len(self.layers) + 1, cuts, by))


def _check_asked(model: DenseNet, x: Tensor, block: int, by: str) -> BlockWiring:
    check_input(model, x)
    check_has_probabilities(model)
    checked_choice("by", by, REPLACEMENTS)
    wired = block_wiring(model.config, block)
    size, images = max(x.shape[2:]), bounded_batch(model.config, x.shape[2], x.shape[3], x.device)
    check_affordable(model.config, size, x.device, images=images + 1)  # a batch of cut nets, and the whole net's features beside it
    return wired


@torch.no_grad()
def lesion(model: DenseNet, x: Tensor, block: int, source: int, reader: int | None = None, *, by: str = "zero") -> Lesion:
    """Switch `source` of dense block `block` off for the photo `x`, 1 x C x H x W, and return the logits before and after.

    `source` 0 is the block's input, n the features of dense layer n. `reader` None: off for all that read it; n: for dense layer n alone;
    one more than the block has layers: for what follows the block alone. The model, in eval mode, is only read. ValueError names a value
    out of range.
    """
    wired = _check_asked(model, x, block, by)
    source = checked_integer("source", source, (0, len(wired.sources) - 1))
    if reader is not None:
        reader = checked_integer("reader", reader, (source + 1, len(wired.readers)))
    intact = _Intact(model, x, wired)
    after = intact.cut([_Cut(source, reader)], by)
    return Lesion(intact.logits[0].cpu(), after[0].cpu(), activation_of(model), points_of(model))


def _cuts(wired: BlockWiring, cells: bool) -> list[_Cut]:
    """All cuts of a block, those that change the same reader first side by side, so that a batch starts as late as it can."""
    cuts = [_Cut(source, None) for source in range(len(wired.sources))]
    if cells:
        cuts += [_Cut(source, reader) for reader in range(1, len(wired.readers) + 1) for source in range(reader)]
    return sorted(cuts, key=lambda cut: cut.first_reader)


def _batches(cuts: Sequence[_Cut], size: int) -> Iterator[Sequence[_Cut]]:
    for start in range(0, len(cuts), size):
        yield cuts[start : start + size]


@torch.no_grad()
def lesion_map(
    model: DenseNet,
    x: Tensor,
    target: int,
    block: int,
    *,
    cells: bool = True,
    by: str = "zero",
    stop: Stop = go_on,
    progress: Progress = tell_nobody,
) -> LesionMap:
    """Switch each source of dense block `block` off in turn and return how the logit and probability of class `target` move.

    With `cells` also for each reader alone: for a block of L layers (L + 1)(L + 2) / 2 runs more, where L + 1 are enough without. `stop`,
    which may raise, is called before each batch, which takes less than half a second on everyday devices; `progress` is told the runs
    done and their number. ValueError for what would take longer than some minutes, and for values out of range.
    """
    wired = _check_asked(model, x, block, by)
    check_class(model, target)
    cuts = _cuts(wired, cells)
    height, width = x.shape[2:]
    seconds = len(cuts) * seconds_per_image(model.config, height, width, x.device)
    if seconds > MAX_EXPECTED_SECONDS:
        raise ValueError(
            f"Not run: {len(cuts)} forward passes would take up to {seconds:.0f} s; the limit here is {MAX_EXPECTED_SECONDS:.0f} s. "
            "Choose another block, a smaller photo, or cells=False."
        )
    stop()
    progress(0, len(cuts))
    intact = _Intact(model, x, wired)
    changes: dict[_Cut, Change] = {}
    for batch in _batches(cuts, bounded_batch(model.config, height, width, x.device)):
        stop()
        logits = intact.cut(batch, by)
        moved = logits[:, target] - intact.logits[0, target]
        gained = shares_of(model, logits)[:, target] - shares_of(model, intact.logits)[0, target]
        changes.update(zip(batch, map(Change, moved.tolist(), gained.tolist()), strict=True))
        progress(len(changes), len(cuts))
    rows = range(1, len(wired.readers) + 1) if cells else ()
    return LesionMap(
        block=wired.block,
        target=target,
        by=by,
        logit=intact.logits[0, target].item(),
        probability=shares_of(model, intact.logits)[0, target].item(),
        sources=wired.sources,
        readers=wired.readers,
        everywhere=tuple(changes[_Cut(source, None)] for source in range(len(wired.sources))),
        cells=tuple(tuple(changes.get(_Cut(source, reader)) for source in range(len(wired.sources))) for reader in rows),
    )
