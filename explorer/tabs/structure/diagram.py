"""The net as a drawing to scale, in SVG: a box for what each step puts out, its height the side in pixels, its width the channels.

Drawn here and not in the page, so that the same file goes into papers and reports.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from densenet import DenseNetConfig
from densenet.arithmetic.costs import Step, steps
from explorer.components.colours import AMOUNTS
from explorer.components.formatting import exact, short
from explorer.components.theme import FONT_PX, NEUTRAL, block_colour
from explorer.page.formulas import channels_formula

WIDTH, MAPS_HEIGHT, TOP = 1000, 300, 20
_GAP, _NARROW_GAP = 16.0, 1.5  # between parts, and between the layers of one block
_CUT = 16  # how far the image stands out where it is cut
_LEAST = 1.5  # of a side, else it could not be seen
_LETTER = 7.4  # wide, on the mean
_LABEL_LINE, _LEADER, _BETWEEN = 18, 26, 10


METRICS: dict[str, tuple[str, Callable[[Step], int] | None]] = {  # name, unit, value of a step
    "Block": ("", None),
    "Parameters": ("parameters", lambda step: step.params),
    "MACs": ("MACs", lambda step: step.macs),
    "Bytes": ("bytes put out for one image in float32", lambda step: step.output_bytes),
}


class Box(NamedTuple):
    """One rectangle: what a step, or all layers of a folded block, put out."""

    label: str  # below it; empty inside an unfolded block
    shape: str  # beside the label
    height: int  # pixels a side of the map
    width: int  # channels
    colour: str
    says: str  # when it is pointed at
    step: int | None = None  # the step that it is; None for the image and for a folded block
    block: int = 0  # the dense block that a click folds or unfolds; 0: none
    folded: int = 0  # layers that it holds
    inherited: int = 0  # channels of it that the block begins with
    close: bool = False  # stands close behind the box before it
    of: tuple[Step, ...] = ()


def _shape(channels: int, size: int) -> str:
    return f"{channels} × {size}²" if size > 1 else f"{channels}"


def boxes(config: DenseNetConfig, image_size: int, unfolded: Collection[int]) -> list[Box]:
    """Return the boxes of the net in their order; blocks in `unfolded` have one for each layer."""
    of, blocks = steps(config, image_size), len(config.block_config)
    found = [Box("image", _shape(config.in_channels, image_size), image_size, config.in_channels, NEUTRAL, "the image")]
    for i, step in enumerate(of):
        says = f"{step.label}: {channels_formula(step, config)}"
        if step.kind == "dense":
            last, width = config.block_config[step.block - 1], step.inherited + step.new
            colour, label, shape = block_colour(step.block, blocks), f"block {step.block}", _shape(width, step.size)
            if step.block in unfolded:
                names = (f"{label} −", shape) if step.layer == last else ("", "")
                made = Box(*names, step.size, step.new, colour, says, i, step.block, close=step.layer > 1, of=(step,))
            elif step.layer == last:
                layers = of[i - last + 1 : i + 1]
                says = f"{label}, {last} layers: {channels_formula(step, config)}; a click unfolds it"
                made = Box(f"{label}, × {last}", shape, step.size, width, colour, says, None, step.block, last, step.first, of=layers)
            else:
                continue
        elif step.kind == "classifier":
            made = Box("classes", str(config.num_classes), 1, config.num_classes, NEUTRAL, says, i, of=(step,))
        else:
            label = "stem" if step.kind == "stem" else f"trans. {step.block}"
            made = Box(label, _shape(step.new, step.size), step.size, step.new, NEUTRAL, says, i, of=(step,))
        found.append(made)
    return found


def _shade(share: float) -> str:
    return AMOUNTS[min(len(AMOUNTS) - 1, int(share * len(AMOUNTS)))]


def _coloured(found: Sequence[Box], metric: str) -> tuple[list[Box], int]:
    """Return the boxes coloured by a metric, and its largest value."""
    value_of = METRICS[metric][1]
    if value_of is None:
        return list(found), 0
    values = [sum(value_of(step) for step in box.of) for box in found]
    most = max(values) or 1
    unit = METRICS[metric][0]
    return [
        box._replace(colour=_shade(value / most), says=f"{box.says}; {exact(value)} {unit}") if box.of else box._replace(colour=NEUTRAL)
        for box, value in zip(found, values, strict=True)
    ], most


def _places(found: Sequence[Box]) -> tuple[list[float], float]:
    """Left edge of each box, and what one channel is wide."""
    gaps = [0.0, *(_NARROW_GAP if box.close else _GAP for box in found[1:])]
    least = sum(_LEAST for _ in found)
    scale = max(0.0, WIDTH - sum(gaps) - least) / sum(box.width for box in found)
    if scale == 0.0:  # more layers unfolded than there is room: the gaps shrink too
        gaps = [gap * (WIDTH - least) / (2 * sum(gaps)) for gap in gaps]
        scale = max(0.0, WIDTH - sum(gaps) - least) / sum(box.width for box in found)
    lefts, at = [], 0.0
    for gap, box in zip(gaps, found, strict=True):
        at += gap
        lefts.append(at)
        at += _LEAST + scale * box.width
    return lefts, scale


def _apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Centres as near to those that are wanted as labels of such widths have room in one row (least squares: pooled neighbours)."""
    before = [0.0]
    for left, right in pairwise(widths):
        before.append(before[-1] + (left + right) / 2 + _BETWEEN)
    pools: list[tuple[float, int]] = []  # their mean, and of how many
    for middle, offset in zip(wanted, before, strict=True):
        pools.append((middle - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, n) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n)]
    least, most = widths[0] / 2, WIDTH - widths[-1] / 2 - before[-1]
    places = [min(max(mean, least), max(least, most)) for mean, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(places, before, strict=True)]


def _rows_of_labels(middles: Sequence[float], widths: Sequence[float]) -> list[tuple[int, float]]:
    """Row and centre of each label: one row where there is room for all, else they take turns in two or more."""
    needed = sum(widths) + _BETWEEN * (len(widths) - 1)
    rows = min(len(widths), 1 + int(needed / WIDTH))
    placed: dict[int, tuple[int, float]] = {}
    for row in range(rows):
        places = range(row, len(widths), rows)
        for i, centre in zip(places, _apart([middles[i] for i in places], [widths[i] for i in places]), strict=True):
            placed[i] = (row, centre)
    return [placed[i] for i in range(len(widths))]


def _height(box: Box, pixel: float) -> float:
    """On the drawing: the image, of which a stem makes a quarter, is cut where it is higher than the maps."""
    return min(MAPS_HEIGHT + 2.0 * _CUT, max(_LEAST, pixel * box.height))


def _rectangle(box: Box, left: float, scale: float, pixel: float) -> str:
    width, height = _LEAST + scale * box.width, _height(box, pixel)
    top = TOP + (MAPS_HEIGHT - height) / 2
    kind = f'data-step="{box.step}"' if box.step is not None else f'data-block="{box.block}"' if box.block else ""
    reach = f'<rect class="reach" x="{left:.2f}" y="{TOP}" width="{width:.2f}" height="{MAPS_HEIGHT}" fill="transparent"/>'
    shown = f'<rect x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{box.colour}" class="box"/>'
    if pixel * box.height > height:
        shown += f'<path class="cut" d="M{left - 5:.2f} {top + 6}h{width + 10:.2f}M{left - 5:.2f} {top + height - 6}h{width + 10:.2f}"/>'
    ticks = ""
    if box.folded:
        pale = scale * box.inherited
        ticks = f'<rect x="{left:.2f}" y="{top:.2f}" width="{pale:.2f}" height="{height:.2f}" fill="#ffffff" fill-opacity="0.45"/>'
        new = (width - pale) / box.folded
        if new >= 2.5:
            lines = "".join(f"M{left + pale + new * i:.2f} {top:.2f}v{height:.2f}" for i in range(box.folded))
            ticks += f'<path d="{lines}" stroke="#ffffff" stroke-opacity="0.7" stroke-width="0.7"/>'
    if not kind:
        return f"<g><title>{escape(box.says)}</title>{shown}</g>"
    expanded = f' aria-expanded="{"false" if box.folded else "true"}"' if box.block else ""
    role = f'class="part" {kind} tabindex="0" role="button" aria-label="{escape(box.says)}"{expanded}'
    return f"<g {role}><title>{escape(box.says)}</title>{reach}{shown}{ticks}</g>"


def _labels(found: Sequence[Box], lefts: Sequence[float], scale: float, pixel: float) -> tuple[str, int]:
    """The labels with their leaders, and how many rows they take."""
    named = [(box, left) for box, left in zip(found, lefts, strict=True) if box.label]
    firsts = {
        box.block: left for box, left in reversed(list(zip(found, lefts, strict=True)))
    }  # an unfolded block's label stands below all of it
    middles = [(firsts[box.block] if box.block else left) / 2 + (left + _LEAST + scale * box.width) / 2 for box, left in named]
    placed = _rows_of_labels(middles, [_LETTER * max(len(box.label), len(box.shape)) for box, _ in named])
    parts = []
    for (box, _), middle, (row, centre) in zip(named, middles, placed, strict=True):
        foot = TOP + (MAPS_HEIGHT + _height(box, pixel)) / 2
        top = TOP + MAPS_HEIGHT + _LEADER + row * (2 * _LABEL_LINE + 8)
        parts.append(f'<path class="leader" d="M{middle:.1f} {foot + 2:.1f}V{TOP + MAPS_HEIGHT + 6}L{centre:.1f} {top - 8:.1f}"/>')
        fold = f' class="fold" data-block="{box.block}"' if box.block else ""
        words = f'<tspan x="{centre:.1f}">{escape(box.label)}</tspan><tspan x="{centre:.1f}" dy="{_LABEL_LINE}">{escape(box.shape)}</tspan>'
        parts.append(f'<text{fold} y="{top + 6}">{words}</text>')
    return "".join(parts), 1 + max(row for row, _ in placed)


def _legend(metric: str, most: int, y: float) -> str:
    """The scale of the colours, in words where there is none."""
    if not most:
        return ""
    width = 22
    bar = "".join(f'<rect x="{i * width}" y="{y}" width="{width}" height="12" fill="{c}"/>' for i, c in enumerate(AMOUNTS))
    words = f"0 to {short(most)} {METRICS[metric][0]}"
    return f'{bar}<text class="start" x="{len(AMOUNTS) * width + 10}" y="{y + 11}">{escape(words)}</text>'


def diagram(
    config: DenseNetConfig, image_size: int, unfolded: Collection[int] = (), metric: str = "Block", ink: str = "currentColor"
) -> str:
    """Return the drawing as an SVG element; text and leaders are drawn in `ink`. ValueError where the net cannot read such an image."""
    found, most = _coloured(boxes(config, image_size, unfolded), metric)
    lefts, scale = _places(found)
    pixel = MAPS_HEIGHT / max(box.height for box in found[1:])
    labels, rows = _labels(found, lefts, scale, pixel)
    bottom = TOP + MAPS_HEIGHT + _LEADER + rows * (2 * _LABEL_LINE + 8)
    height = bottom + (26 if most else 4)
    style = (
        f"text{{font:{FONT_PX}px 'IBM Plex Sans',system-ui,sans-serif;fill:{ink};text-anchor:middle}}"
        f"text.start{{text-anchor:start}}.leader{{fill:none;stroke:{ink};stroke-opacity:.35}}"
        f".box{{stroke:{ink};stroke-opacity:.35;stroke-width:.6}}.cut{{stroke:{ink};stroke-dasharray:3 3}}"
    )
    shown = "".join(_rectangle(box, left, scale, pixel) for box, left in zip(found, lefts, strict=True))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 {WIDTH} {height}" role="group" '
        f'aria-label="The net to scale: heights are pixels, widths channels"><style>{style}</style>'
        f"{shown}{labels}{_legend(metric, most, bottom + 6)}</svg>"
    )
