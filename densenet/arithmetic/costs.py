"""Sums over a plan: of the whole net, and of each step that a chart shows.

Conventions are those of `densenet.arithmetic.plan`: `macs` are multiply-accumulates of one image, half of what torch's FlopCounterMode
reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from densenet.arithmetic.plan import Layer, parts, plan
from densenet.config import DenseNetConfig


class Totals(NamedTuple):
    """What one net costs; `macs` for one image."""

    params: int
    macs: int
    depth: int  # convolutions and the classifier on the longest path: the 121 of DenseNet-121
    features_out: int  # channels that the classifier sees
    final_size: int  # side in pixels of the last feature map
    buffer_bytes: int  # BatchNorm's running statistics and step counters


class Step(NamedTuple):
    """One stage of the channel count: the stem, a dense layer, a transition or the classifier."""

    label: str
    kind: str  # stem, dense, transition, classifier
    block: int  # as in Layer.block
    layer: int  # as in Layer.position
    inherited: int  # channels that it receives and passes on (dense), or receives (others: 0)
    new: int  # channels that it adds (dense) or puts out (stem, transition); for the classifier the features that it reads
    received: int  # channels that it receives
    first: int  # channels at the start of its block
    size: int  # side in pixels of its output map
    params: int
    macs: int
    rows: tuple[Layer, ...]  # the operations that it sums

    @property
    def output_bytes(self) -> int:
        """What its operations put out for one image in float32, added up."""
        return sum(row.output_bytes for row in self.rows)


class Stage(NamedTuple):
    """The steps of one stage, summed: the stem, a dense block, a transition or the classifier."""

    label: str
    params: int
    macs: int


def totals(config: DenseNetConfig, image_size: int = 224) -> Totals:
    """Return the sums of `plan(config, image_size)`; raises what `plan` raises."""
    rows = plan(config, image_size)
    params = macs = buffer_bytes = depth = final_size = 0
    for row in rows:
        params += row.params
        macs += row.macs
        buffer_bytes += row.buffer_bytes
        depth += row.op in ("conv", "linear")
        final_size = row.out_size if row.op == "norm" else final_size  # the last norm's, before the pooling
    return Totals(params, macs, depth, rows[-1].in_channels, final_size, buffer_bytes)


def steps(config: DenseNetConfig, image_size: int = 224) -> tuple[Step, ...]:
    """Return the net's plan summed by step: stem, every dense layer, every transition, the classifier with the last norm."""
    result: list[Step] = []
    first = 0
    for (block, layer), rows in parts(config, image_size).items():
        params, macs = sum(r.params for r in rows), sum(r.macs for r in rows)
        received, out, size = rows[0].in_channels, rows[-1].out_channels, rows[-1].out_size
        if layer:
            first = received if layer == 1 else first
            label = f"block {block}, layer {layer}"
            step = Step(label, "dense", block, layer, received, out - received, received, first, size, params, macs, rows)
        elif block == 0:
            step = Step("stem", "stem", 0, 0, 0, out, received, 0, size, params, macs, rows)
        elif block <= len(config.block_config):
            step = Step(f"transition {block}", "transition", block, 0, 0, out, received, 0, size, params, macs, rows)
        else:
            step = Step("classifier", "classifier", block, 0, 0, received, received, 0, rows[0].in_size, params, macs, rows)
        result.append(step)
    return tuple(result)


def stages(config: DenseNetConfig, image_size: int = 224) -> tuple[Stage, ...]:
    """Return the net's steps summed by stage, in the order of the net."""
    sums: dict[str, Stage] = {}
    for step in steps(config, image_size):
        label = f"block {step.block}" if step.kind == "dense" else step.label
        before = sums.get(label, Stage(label, 0, 0))
        sums[label] = Stage(label, before.params + step.params, before.macs + step.macs)
    return tuple(sums.values())


def block_spans(of: Sequence[Step]) -> tuple[tuple[int, int], ...]:
    """Return the places of the first and the last dense layer of each block among the steps of a net.

    What stands before the first makes the block's input, what stands behind the last reads the whole block: a transition or the classifier.
    """
    places: dict[int, list[int]] = {}
    for i, step in enumerate(of):
        if step.kind == "dense":
            places.setdefault(step.block, []).append(i)
    return tuple((found[0], found[-1]) for found in places.values())
