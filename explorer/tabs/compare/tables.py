"""The compare tab's tables as HTML: two nets, a net and its peers, the four variants, what the tutorials say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any

from densenet import DenseNetConfig, Workload, totals
from densenet.arithmetic.memory import estimate_memory, peaks
from densenet.compare.peers import PEERS, peer_counts
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
from explorer.page.address import to_query
from explorer.page.page_state import PageState, label_of

OURS = "densenet"  # beside the names of `densenet.compare.peers`
Key = tuple[str, DenseNetConfig, Workload]  # what was measured: OURS or a peer, beside which net, in which step
Measurements = Mapping[Key, int | str]  # bytes at the peak, or why there are none
_NOT_MEASURED = Cell("not measured", None)


def key(name: str, state: PageState, mode: str) -> Key:
    """Return what stands for one measurement; what plays no part in it is put to its default."""
    workload = replace(state.workload, mode=mode)
    if name != OURS:
        workload = replace(workload, checkpointing="none")
    if mode == "infer":
        workload = replace(workload, checkpointing="none", optimizer="sgd")
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
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(old)}</td><td>{escape(new)}</td><td>{escape(change)}</td></tr>'
        for name, old, new, change in rows
    )
    head = f"<tr><th></th><th>A: {escape(label_of(a))}</th><th>B: {escape(label_of(b))}</th><th>B beside A</th></tr>"
    return f'<table class="plain two">{head}{body}</table>'


def _memory_cell(name: str, state: PageState, mode: str, measured: Measurements) -> Cell:
    seen = measured.get(key(name, state, mode))
    estimate = None
    if name == OURS:
        estimate = peaks(state.config, replace(state.workload, mode=mode), [state.workload.batch_size])[0]
    if isinstance(seen, str):
        return Cell("refused", None, title=seen)
    if seen is None:
        return _NOT_MEASURED if estimate is None else Cell(memory(estimate), float(estimate), "estimated")
    if estimate is None:
        return Cell(memory(seen), float(seen), "measured")
    return Cell(memory(seen), float(seen), f"measured; estimate {error(estimate, seen)}")


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
        counts = peer_counts(name, state.config, state.workload.image_size)
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
    note = (
        f"All for {state.config.in_channels} input channels and {exact(state.config.num_classes)} classes; memory for {images}, "
        f"{workload.precision}. "
        "Peers are counted by torchinfo and FlopCounterMode; “no concatenation”: each layer sees only the one before it, k wide."
    )
    columns = ["net", "parameters", "MACs per image", "inference memory", "training memory"]
    return f'{bar_table(columns, rows)}<div class="hint">{note}</div>'


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
    bn_size, compression = ablation(state.config)["BC"].bn_size, ablation(state.config)["BC"].compression
    note = (
        f"Bottleneck: a 1×1 convolution to {bn_size} k = {bn_size * state.config.growth_rate} channels before each 3×3. "
        f"Compression: transitions keep θ = {compression:g} of the channels. All four have the same blocks; the paper gives its plain nets "
        "twice the layers for the same depth."
    )
    return f'{bar_table(columns, rows)}<div class="hint">{note}</div>'


def _claims() -> str:
    rows = "".join(
        f'<tr><td>{escape(c.sentence)}</td><td>{escape(c.counted)}</td><td><span class="{"agrees" if c.holds else "differs"}">'
        f"{'✓ true' if c.holds else '✗ not so'}</span></td></tr>"
        for c in claims()
    )
    return (
        f'<table class="plain"><tr><th>Tutorial A says of its classroom net and ResNet-18</th><th>counted</th><th></th></tr>{rows}</table>'
    )


def tutorial_a() -> PageState:
    """Return tutorial A's classroom net in the step that its memory is compared in."""
    return PageState("classroom", PRESETS["classroom"], A_WORKLOAD)


def _memory_of_a(measured: Measurements) -> str:
    state = tutorial_a()
    cells = {"classroom": _memory_cell(OURS, state, "train", measured), "resnet18": _memory_cell("resnet18", state, "train", measured)}
    rows = ""
    for name, label in (("classroom", "DenseNet (classroom)"), ("resnet18", "ResNet-18")):
        here = f"{cells[name].text} <small>{escape(cells[name].note)}</small>"
        rows += f'<tr><th scope="row">{label}</th><td>{A_SHOWN_MIB[name]} MiB</td><td>{here}</td></tr>'
    size, batch = A_WORKLOAD.image_size, A_WORKLOAD.batch_size
    why = (
        "Its figures are what a 4 GB card showed: CUDA's context, cuDNN's workspaces and all that torch's allocator had ever cached, "
        "at a batch it does not name. Ours are the live tensors at the peak of one step. The direction is the same: DenseNet needs more."
    )
    return (
        f'<table class="plain"><tr><th>Memory to train at {side(size)}</th><th>tutorial A</th><th>here, batch {batch}</th></tr>'
        f'{rows}</table><div class="hint">{why}</div>'
    )


def _question_of_b(allowance_bytes: float) -> str:
    rows = ""
    for shown in B_SHOWN_MIB:
        sizes = [batch_sizes_of_b(shown, allowance_bytes, kind) for kind in CHECKPOINTING]
        rows += f'<tr><th scope="row">{shown} MiB</th>{"".join(f"<td>{size}</td>" for size in sizes)}</tr>'
    preset = PageState(
        "compact", PRESETS["compact"], replace(B_WORKLOAD, batch_size=max(1, batch_sizes_of_b(B_SHOWN_MIB[0], allowance_bytes)))
    )
    link = f'<a href="?{escape(to_query(preset))}&amp;tab=Memory">Show it on the Memory tab</a>'
    head = "<th>Tutorial B: which batch gives, at 224,</th><th>all kept</th><th>norms</th><th>layers checkpointed</th>"
    return (
        f'<table class="plain"><tr>{head}</tr>{rows}</table>'
        f'<div class="hint">SGD with momentum, {memory(allowance_bytes)} of the card for context and workspaces. {link}</div>'
        f'<div class="hint">{_losses_of_b()}</div>'
    )


def _losses_of_b() -> str:
    first, last = B_SAID_LOSSES
    classes = PRESETS["compact"].num_classes
    return (
        f"Its loss falls from {first} to {last} in four epochs: {first} is a guess among {classes_guessed_among(first):.0f} classes. "
        f"Among its {classes} a guess costs {math.log(classes):.3f}, so it had some 40 classes, or none of its ten was right."
    )


def tutorials_table(allowance_bytes: float, measured: Measurements) -> str:
    """Return the tutorials' claims beside what is counted, estimated and measured here."""
    return f'{_claims()}<div class="columns"><div>{_memory_of_a(measured)}</div><div>{_question_of_b(allowance_bytes)}</div></div>'
