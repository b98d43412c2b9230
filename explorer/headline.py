"""The row of numbers that stays in sight: what the net costs, each beside its preset."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from html import escape

from densenet import totals
from densenet.config import MODES
from densenet.memory import peaks
from densenet.presets import PRESET_LABELS, PUBLISHED, preset_of
from explorer.address import PageState
from explorer.formatting import difference, exact, memory, short, side, signed


def label_of(state: PageState) -> str:
    """Name a net: its preset where it is one, else what was turned."""
    name = preset_of(state.config)
    if name:
        return PRESET_LABELS[name]
    blocks = "-".join(map(str, state.config.block_config))
    return f"k = {state.config.growth_rate}, blocks {blocks}"


@lru_cache(maxsize=len(PRESET_LABELS))  # a slider that moves asks for its preset's again and again
def _peaks(state: PageState) -> tuple[int, int]:
    """Bytes at the peak of inference and of a training step."""
    infer, train = (peaks(state.config, replace(state.workload, mode=mode), [state.workload.batch_size])[0] for mode in MODES)
    return infer, train


def _tile(other: str, label: str, value: str, change: str, title: str) -> str:
    note = f"as {other}" if change == "=" else f"{change} vs {other.removeprefix('the ')}"
    quiet = " quiet" if change == "=" else ""
    return (
        f'<div class="tile" title="{escape(title)}"><div class="tile-label">{label}</div>'
        f'<div class="tile-value">{value}</div><div class="tile-change{quiet}">{note}</div></div>'
    )


def headline(state: PageState, pinned: PageState | None = None) -> str:
    """Return the tiles as HTML, each number beside that of the net pinned as A, or else of the preset."""
    start = pinned or state.reference
    ours = totals(state.config, state.workload.image_size)
    theirs = totals(start.config, start.workload.image_size)
    infer, train = _peaks(state)
    start_infer, start_train = _peaks(start)
    images = f"{state.workload.batch_size} image{'s' * (state.workload.batch_size != 1)} of {side(state.workload.image_size)}"
    rule = f"Peak of one step, {state.workload.precision}, {images}: live tensors; the device's context and workspaces are not in it."
    training = f"{rule} Optimizer: {state.workload.optimizer}; checkpointing: {state.workload.checkpointing}."
    tile = partial(_tile, "A" if pinned else "the preset")
    tiles = (
        tile("Parameters", short(ours.params), difference(ours.params, theirs.params), f"{exact(ours.params)} trainable values"),
        tile(
            "MACs per image",
            short(ours.macs),
            difference(ours.macs, theirs.macs),
            f"{exact(ours.macs)} multiply-accumulates of convolutions and classifier; FLOPs are twice that",
        ),
        tile("Depth", str(ours.depth), signed(ours.depth - theirs.depth), "Convolutions and the classifier, one after the other"),
        tile("Features out", exact(ours.features_out), signed(ours.features_out - theirs.features_out), "Channels the classifier sees"),
        tile("Inference memory", memory(infer), difference(infer, start_infer), rule),
        tile("Training memory", memory(train), difference(train, start_train), training),
    )
    return "".join(tiles)


def published(state: PageState, pinned: PageState | None = None) -> str:
    """Return the line that holds our exact counts beside the published ones, and says what the outlines are, as HTML."""
    sums = totals(state.config, state.workload.image_size)
    name = preset_of(state.config)
    parts = [f"<b>{exact(sums.params)}</b> parameters", f"<b>{exact(sums.macs)}</b> MACs (FLOPs: twice that)"]
    if pinned:
        parts.append(f'<span class="outline">dotted: A, {escape(label_of(pinned))}</span>')
    figures = PUBLISHED.get(name or "")
    if figures is None:
        label = PRESET_LABELS[name] if name else "This net"
        return f'<div class="published">{" · ".join(parts)} · {escape(label)}: no published counts</div>'
    found = []
    if figures.params is not None:
        unit = figures.params_unit
        text = exact(figures.params) if unit == 1 else f"{figures.params / 1e6:.1f} M"
        found.append(_checked(text, figures.agrees_on_params(sums.params)))
    if figures.gmacs is not None and state.workload.image_size == 224:
        found.append(_checked(f"{figures.gmacs:.3f} GMACs", figures.agrees_on_macs(sums.macs)))
    if figures.top1_accuracy is not None:
        found.append(f"top-1 {figures.top1_accuracy:.1f} %")
    if figures.cifar10_error is not None:
        found.append(f"CIFAR-10+ error {figures.cifar10_error:.2f} %")
    parts.append(f"{figures.source}: {', '.join(found)}")
    return f'<div class="published">{" · ".join(parts)}</div>'


def _checked(text: str, agrees: bool) -> str:
    return f'<span class="{"agrees" if agrees else "differs"}">{"✓" if agrees else "✗"} {text}</span>'
