"""The memory tab's charts, as plain Plotly figures; every number in them comes from `densenet`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from densenet.arithmetic.memory import MemoryEstimate, feature_bytes_by_layer, largest_batch, peaks
from explorer.components.charts import Figure, ghost, layout_of
from explorer.components.formatting import memory
from explorer.components.theme import BLOCK_COLOURS, GHOST, NEUTRAL, translucent
from explorer.page.numbers import Numbers
from explorer.page.page_state import PageState
from explorer.tabs.memory.levels import levels, room_px

MEMORY_HEIGHT_PX = 196
CARDS_GIB = (8, 11, 16, 24, 80)
_DECADES = (-0.2, 2.4)  # of GiB, from 0.6 to 250
_GIB, _MIB = 2**30, 2**20
_PARTS = (  # field of the estimate, words, colour
    ("parameters", "parameters, buffers", BLOCK_COLOURS[0]),
    ("gradients", "gradients", BLOCK_COLOURS[1]),
    ("optimizer", "optimizer", BLOCK_COLOURS[3]),
    ("activations", "activations", BLOCK_COLOURS[2]),
    ("other", "input, labels", NEUTRAL),
)
_PHASE_COLOURS = {"forward": BLOCK_COLOURS[0], "recompute": BLOCK_COLOURS[3], "backward": BLOCK_COLOURS[1], "optimizer": NEUTRAL}


def _point(x: list[Any], y: list[Any], text: str) -> dict[str, Any]:
    """A measured value, in every chart the same mark."""
    marker = {"symbol": "diamond", "size": 13, "color": BLOCK_COLOURS[5], "line": {"width": 1, "color": "white"}}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "marker": marker,
        "hovertext": text,
        "hoverinfo": "text",
        "name": "measured",
    }


def parts_figure(shown: Numbers, measured_bytes: Sequence[int | None], pinned: Numbers | None = None) -> Figure:
    """What the peak is made of, for each kind of checkpointing and for inference; what was measured of them, and A's, as marks."""
    names = ["training, all kept", "norms checkpointed", "layers checkpointed", "inference"]
    estimates = list(shown.kinds.values())
    data: list[dict[str, Any]] = []
    for field, words, colour in _PARTS:
        values = [getattr(estimate, field) / _MIB for estimate in estimates]
        hover = [f"{words}: {memory(v * _MIB)} of {memory(e.peak)}" for v, e in zip(values, estimates, strict=True)]
        bar = {"type": "bar", "orientation": "h", "y": names, "x": values, "marker": {"color": colour}}
        data.append({**bar, "hovertext": hover, "hoverinfo": "text", "name": words})
    if pinned:
        theirs = list(pinned.kinds.values())
        marks = {"symbol": "line-ns", "size": 22, "line": {"width": 3, "color": GHOST}}
        texts = [f"A: {memory(estimate.peak)}" for estimate in theirs]
        mark = {"type": "scatter", "mode": "markers", "x": [e.peak / _MIB for e in theirs], "y": names, "marker": marks}
        data.append({**mark, "hovertext": texts, "hoverinfo": "text", "name": "A", "showlegend": False})
    for name, seen in zip(names, measured_bytes, strict=True):
        if seen is not None:
            data.append({**_point([seen / _MIB], [name], f"measured: {memory(seen)}"), "showlegend": False})
    layout = layout_of(MEMORY_HEIGHT_PX, 4, "What the peak is made of, MiB", "", "")
    layout["yaxis"] |= {"autorange": "reversed", "showgrid": False, "tickvals": names}
    layout["narrow"] = {"margin": {"l": 84}, "yaxis": {"ticktext": ["all kept", "norms", "layers", "inference"]}, "legend": {"x": -0.26}}
    layout["xaxis"] |= {"showgrid": True, "exponentformat": "none"}
    legend = {"orientation": "h", "x": -0.72, "y": -0.22, "yanchor": "top", "traceorder": "normal"}
    layout |= {"margin": {"l": 192, "r": 12, "t": 6, "b": 62}, "hovermode": "closest", "bargap": 0.3, "showlegend": True, "legend": legend}
    del layout["yaxis"]["rangemode"]
    return {"data": data, "layout": layout}


def timeline_figure(estimate: MemoryEstimate, measured_bytes: int | None, pinned: MemoryEstimate | None = None) -> Figure:
    """Live bytes over the operations of one step, and the place of the peak; the step of the net pinned as A as an outline."""
    data: list[dict[str, Any]] = []
    points = list(enumerate(estimate.timeline))
    for phase, colour in _PHASE_COLOURS.items():
        y = [p.live_bytes / _MIB if p.phase == phase else None for _, p in points]
        if any(value is not None for value in y):
            hover = [f"{p.path}, {phase}: {memory(p.live_bytes)}" for _, p in points]
            line = {"shape": "hv", "width": 1.5, "color": colour}
            data.append({"type": "scatter", "mode": "lines", "y": y, "line": line, "hovertext": hover, "hoverinfo": "text", "name": phase})
    peak_mib = estimate.peak / _MIB
    where = f"peak: {memory(estimate.peak)} at {estimate.where.path}, {estimate.where.phase}"
    top = {
        "type": "scatter",
        "mode": "markers",
        "x": [estimate.peak_index],
        "y": [peak_mib],
        "marker": {"size": 11, "color": BLOCK_COLOURS[1]},
    }
    data.append({**top, "hovertext": where, "hoverinfo": "text", "name": "peak"})
    if measured_bytes is not None:
        data.append(_point([estimate.peak_index], [measured_bytes / _MIB], f"measured: {memory(measured_bytes)}"))
    if pinned:
        data.append(ghost([p.live_bytes / _MIB for p in pinned.timeline]))
    path = estimate.where.path.removeprefix("features.")
    title = f"One step; peak at {path}"
    layout = layout_of(MEMORY_HEIGHT_PX, len(points), title, "operation", "MiB")
    layout["yaxis"] |= {"exponentformat": "none"}
    return {"data": data, "layout": layout | {"hovermode": "closest"}}


def _copies_and_new(state: PageState) -> tuple[list[int], list[int]]:
    """Bytes for one image of concatenated copies and of new features, added up dense layer by dense layer."""
    sums = feature_bytes_by_layer(state.config, state.workload.image_size)
    return [one.concatenated for one in sums], [one.new for one in sums]


def growth_of_memory_figure(state: PageState, pinned: PageState | None = None) -> Figure:
    """What concatenated copies and new features of one image add up to, dense layer by dense layer; those of A as outlines."""
    copies, new = _copies_and_new(state)
    data = []
    for words, sums, colour in (("concatenated copies", copies, BLOCK_COLOURS[5]), ("new features", new, BLOCK_COLOURS[2])):
        hover = [f"{words} of {i} layers: {memory(total)}" for i, total in enumerate(sums, start=1)]
        line = {"type": "scatter", "mode": "lines", "x": list(range(1, len(sums) + 1)), "y": [s / _MIB for s in sums]}
        fill = {"fill": "tozeroy", "fillcolor": translucent(colour, 0.15)}
        data.append({**line, **fill, "line": {"width": 2.5, "color": colour}, "hovertext": hover, "hoverinfo": "text", "name": words})
    for theirs in _copies_and_new(pinned) if pinned else ():
        data.append(ghost([s / _MIB for s in theirs], x=list(range(1, len(theirs) + 1))))
    title = f"One image: copies {memory(copies[-1])}, new features {memory(new[-1])}"
    layout = layout_of(MEMORY_HEIGHT_PX, len(copies), title, "dense layers", "MiB")
    layout["yaxis"] |= {"exponentformat": "none"}
    return {"data": data, "layout": layout}


def batch_figure(
    state: PageState,
    allowance_gib: float,
    device_bytes: int | None,
    measured_bytes: int | None,
    pinned: PageState | None = None,
    shown_mib: Sequence[int] = (),
) -> Figure:
    """The peak, with the allowance, over the batch size; the memory of common cards, of this device, or `shown_mib` that a card showed."""
    sizes = sorted({2**i for i in range(11)} | {state.workload.batch_size})
    needed = [peak / _GIB + allowance_gib for peak in peaks(state.config, state.workload, sizes)]
    hover = [f"batch {size}: {value:.2f} GiB" for size, value in zip(sizes, needed, strict=True)]
    line = {"type": "scatter", "mode": "lines+markers", "x": sizes, "y": needed, "line": {"width": 2.5, "color": BLOCK_COLOURS[0]}}
    data: list[dict[str, Any]] = [{**line, "hovertext": hover, "hoverinfo": "text", "name": "estimate"}]
    if pinned:
        theirs = [peak / _GIB + allowance_gib for peak in peaks(pinned.config, pinned.workload, sizes)]
        data.append(ghost(theirs, x=sizes, line={"width": 2, "dash": "dot", "color": GHOST}))
    cards = () if shown_mib else CARDS_GIB  # the two together would be too many
    budgets = [(f"{gib} GB", float(gib), NEUTRAL) for gib in cards]  # sold as GB, built as GiB
    budgets += [(f"{mib} MiB shown", mib / 1024, BLOCK_COLOURS[5]) for mib in shown_mib]
    if device_bytes is not None:
        budgets.append(("here", device_bytes / _GIB, BLOCK_COLOURS[2]))
    most = [largest_batch(state.config, state.workload, (gib - allowance_gib) * _GIB) for _, gib, _ in budgets]
    words = [(f"{name}: {batch or 'none'}", gib, colour) for (name, gib, colour), batch in zip(budgets, most, strict=True)]
    if measured_bytes is not None:
        data.append(_point([state.workload.batch_size], [measured_bytes / _GIB + allowance_gib], f"measured: {memory(measured_bytes)}"))
    title = f"Largest batch that fits, with {allowance_gib:g} GiB to spare"
    layout = layout_of(MEMORY_HEIGHT_PX, len(sizes), title, "batch size", "GiB")
    margin = layout["margin"]
    layout["shapes"] = levels(words, MEMORY_HEIGHT_PX - margin["t"] - margin["b"], _DECADES)
    margin["r"] = room_px(max((f"{name}: 65536" for name, *_ in budgets), key=len))  # whatever fits: the plot does not jump
    layout["xaxis"] |= {"type": "log", "tickvals": [1, 4, 16, 64, 256, 1024], "exponentformat": "none"}
    layout["yaxis"] |= {"type": "log", "tickvals": [0.5, 1, 2, 4, 8, 16, 32, 64, 128], "exponentformat": "none", "range": _DECADES}
    return {"data": data, "layout": layout | {"hovermode": "closest"}}
