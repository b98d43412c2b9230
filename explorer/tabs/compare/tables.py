"""The compare tab's tables as HTML: two nets, a net and its peers, the four variants, what the tutorials say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from densenet import DenseNetConfig, Workload, totals
from densenet.arithmetic.memory import estimate_memory, peaks
from densenet.compare.peers import PEERS, estimate_peer_memory, peer_counts
from densenet.compare.tutorials import (
    A_SHOWN_MIB,
    A_WORKLOAD,
    B_SAID_LOSSES,
    B_SHOWN_MIB,
    B_WORKLOAD,
    batch_sizes_of_b,
    claims,
    classes_guessed_among,
)
from densenet.compare.variants import ablation, variant_of
from densenet.config import CHECKPOINTING, MODES
from densenet.presets import PRESETS
from explorer.components.bar_table import Cell, Row, bar_table
from explorer.components.formatting import difference, error, exact, memory, short, side, signed
from explorer.components.templates import template_of
from explorer.page.address import to_query
from explorer.page.page_state import PageState, label_of
from explorer.work import background

_HTML = template_of(Path(__file__).with_suffix(".html"))
OURS = "densenet"  # beside the names of `densenet.compare.peers`
Key = tuple[str, DenseNetConfig, Workload]  # what was measured: OURS or a peer, beside which net, in which step
Measurements = Mapping[Key, int | str]  # bytes at the peak, or why there are none


def _table(name: str, *values: object, **named: object) -> str:
    """One of the tables of `tables.html`, filled."""
    return str(getattr(_HTML.module, name)(*values, **named))


def key(name: str, state: PageState, mode: str) -> Key:
    """Return what stands for one measurement; what plays no part in it is put to its default."""
    workload = replace(state.workload, mode=mode)
    if name != OURS:
        workload = replace(workload, checkpointing="none", frozen="none")
    if mode == "infer":
        workload = replace(workload, checkpointing="none", frozen="none", optimizer="sgd")
    return name, state.config, workload


def _fields(state: PageState) -> dict[str, Any]:
    config, workload = state.config, state.workload
    return {
        "growth rate k": config.growth_rate,
        "blocks": "-".join(map(str, config.block_config)),
        "bottleneck bn_size": config.bn_size or "none",
        "compression θ": f"{config.compression:g}",
        "stem": f"{'7×7/2, pool' if config.stem == 'imagenet' else '3×3'}, {config.num_init_features} wide",
        "dropout": f"{config.drop_rate:g}",
        "input": f"{config.in_channels} × {side(workload.image_size)}",
        "classes": exact(config.num_classes),
        "batch": exact(workload.batch_size),
        "optimizer": workload.optimizer,
        "precision": workload.precision,
    }


def difference_table(a: PageState, b: PageState) -> str:
    """Return what distinguishes A from B: the fields that differ, and every count and peak."""
    ours, theirs = totals(b.config, b.workload.image_size), totals(a.config, a.workload.image_size)
    rows = [(name, str(old), str(new), "") for (name, old), new in zip(_fields(a).items(), _fields(b).values(), strict=True) if old != new]
    if not rows:
        rows.append(("fields", "all", "the same", "="))
    rows.append(("parameters", exact(theirs.params), exact(ours.params), difference(ours.params, theirs.params)))
    rows.append(("MACs of one image", exact(theirs.macs), exact(ours.macs), difference(ours.macs, theirs.macs)))
    rows.append(("depth", str(theirs.depth), str(ours.depth), signed(ours.depth - theirs.depth)))
    rows.append(("features out", exact(theirs.features_out), exact(ours.features_out), signed(ours.features_out - theirs.features_out)))
    kinds = [("inference peak", {"mode": "infer"})]
    kinds += [
        (f"training peak{words}", {"mode": "train", "checkpointing": c})
        for c, words in zip(CHECKPOINTING, ("", ", norms", ", layers"), strict=True)
    ]
    for words, fields in kinds:
        old, new = (peaks(s.config, replace(s.workload, **fields), [s.workload.batch_size])[0] for s in (a, b))  # type: ignore[arg-type]
        rows.append((words, memory(old), memory(new), difference(new, old)))
    return _table("difference", label_of(a), label_of(b), rows)


def _memory_cell(name: str, state: PageState, mode: str, measured: Measurements) -> Cell:
    seen = measured.get(key(name, state, mode))
    workload = replace(state.workload, mode=mode)
    if name == OURS:
        estimate = peaks(state.config, workload, [workload.batch_size])[0]
    else:
        estimate = estimate_peer_memory(name, state.config, workload).peak
    if seen is None:
        return Cell(memory(estimate), float(estimate), "estimated")
    if isinstance(seen, str):
        return Cell(memory(estimate), float(estimate), "estimated; refused", title=seen)
    both = f"measured {exact(seen)} bytes, estimated {exact(estimate)}"
    return Cell(memory(seen), float(seen), f"measured; estimate {error(estimate, seen)}", title=both)


def peers_table(state: PageState, pinned: PageState | None, measured: Measurements) -> str:
    """Return the net beside its peers: parameters, multiply-accumulates, and the memory of both kinds of step."""
    nets = [(f"this net: {label_of(state)}", state, "mine")] + ([(f"A: {label_of(pinned)}", pinned, "pinned")] if pinned else [])
    rows = []
    for name, net, style in nets:
        sums = totals(net.config, net.workload.image_size)
        cells = [Cell(short(sums.params), sums.params, title=exact(sums.params)), Cell(short(sums.macs), sums.macs, title=exact(sums.macs))]
        rows.append(Row(name, [*cells, *(_memory_cell(OURS, net, mode, measured) for mode in MODES)], style))
    says = {"chain": "each layer sees only the one before it, k channels wide; everything else is the same"}
    for name, label in PEERS.items():
        counts = background.run(peer_counts, name, state.config, state.workload.image_size)
        cells = [
            Cell(short(counts.params), counts.params, title=exact(counts.params)),
            Cell(short(counts.macs), counts.macs, title=exact(counts.macs)),
        ]
        rows.append(
            Row(
                label,
                [*cells, *(_memory_cell(name, state, mode, measured) for mode in MODES)],
                "",
                says.get(name, "torchvision's, as it comes"),
            )
        )
    workload = state.workload
    images = f"{workload.batch_size} image{'s' * (workload.batch_size != 1)} of {side(workload.image_size)}"
    columns = ["net", "parameters", "MACs per image", "inference memory", "training memory"]
    channels, classes = state.config.in_channels, exact(state.config.num_classes)
    return _table("peers", Markup(bar_table(columns, rows)), channels, classes, images, workload.precision)


def ablation_table(state: PageState) -> str:
    """Return the four-way ablation: plain, B, C and BC of the net's blocks and growth rate."""
    rows, own = [], variant_of(state.config)
    words = {"plain": "plain DenseNet", "B": "B: bottleneck", "C": "C: compression", "BC": "BC: both"}
    for name, config in ablation(state.config).items():
        sums = totals(config, state.workload.image_size)
        kinds = [{"mode": "infer"}, {"mode": "train", "checkpointing": "none"}, {"mode": "train", "checkpointing": "layer"}]
        held = [estimate_memory(config, replace(state.workload, **kind)).peak for kind in kinds]  # type: ignore[arg-type]
        cells = [Cell(short(sums.params), sums.params, title=exact(sums.params)), Cell(short(sums.macs), sums.macs, title=exact(sums.macs))]
        cells += [Cell(str(sums.depth), sums.depth), Cell(exact(sums.features_out), sums.features_out)]
        cells += [Cell(memory(value), value) for value in held]
        rows.append(Row(words[name] + (" (this net)" if name == own else ""), cells, "mine" if name == own else ""))
    columns = ["variant", "parameters", "MACs", "depth", "features", "inference", "training", "training, layers checkpointed"]
    both = ablation(state.config)["BC"]
    return _table("ablation", Markup(bar_table(columns, rows)), both.bn_size, both.bottleneck_channels, f"{both.compression:g}")


def tutorial_a() -> PageState:
    """Return tutorial A's classroom net in the step that its memory is compared in."""
    return PageState("classroom", PRESETS["classroom"], A_WORKLOAD)


def _losses_of_b() -> str:
    first, last = B_SAID_LOSSES
    classes = PRESETS["compact"].num_classes
    return (
        f"Its loss falls from {first} to {last} in four epochs: {first} is a guess among {classes_guessed_among(first):.0f} classes. "
        f"Among its {classes} a guess costs {math.log(classes):.3f}, so it had some 40 classes, or none of its ten was right."
    )


def _asked_by_b(allowance_bytes: float) -> PageState:
    """The page that shows tutorial B's question on the Memory tab."""
    batch_size = max(1, batch_sizes_of_b(B_SHOWN_MIB[0], allowance_bytes))
    return PageState("compact", PRESETS["compact"], replace(B_WORKLOAD, batch_size=batch_size))


def tutorials_table(allowance_bytes: float, measured: Measurements) -> str:
    """Return the tutorials' claims beside what is counted, estimated and measured here."""
    a = tutorial_a()
    nets = (("DenseNet (classroom)", "classroom", OURS), ("ResNet-18", "resnet18", "resnet18"))
    return _table(
        "tutorials",
        claims=background.run(claims),  # torchinfo counts its ResNet
        memory_of_a=[(label, A_SHOWN_MIB[shown], _memory_cell(name, a, "train", measured)) for label, shown, name in nets],
        size=side(A_WORKLOAD.image_size),
        batch=A_WORKLOAD.batch_size,
        sizes_of_b=[(mib, [batch_sizes_of_b(mib, allowance_bytes, kind) for kind in CHECKPOINTING]) for mib in B_SHOWN_MIB],
        allowance=memory(allowance_bytes),
        query_of_b=to_query(_asked_by_b(allowance_bytes)),
        losses=_losses_of_b(),
    )
