"""Tell a DenseNet's config from the shapes of its tensors, under torchvision's names: plain Python, no tensor is touched."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from densenet.checks import list_names
from densenet.config import DenseNetConfig, transition_channels
from densenet.weights.reading import Shapes

_FIRST = "features.conv0.weight"
_IN_BLOCK = re.compile(r"features\.denseblock(\d{1,6})\.denselayer(\d{1,6})\.")


def compression_of(transitions: Sequence[tuple[int, int]]) -> float | None:
    """Return the simplest theta with transition_channels(inputs, theta) == outputs for every (inputs, outputs), or None if there is none.

    0.5 and 1 come first, the paper's, then the shortest decimal. Rounding is the float's own, so that a net of it has exactly these widths:
    int(90 * 0.7) is 62, and an interval of rationals would miss it.
    """

    def fits(theta: float) -> bool:
        return 0.0 < theta <= 1.0 and all(transition_channels(inputs, theta) == outputs for inputs, outputs in transitions)

    lowest = max((outputs / inputs for inputs, outputs in transitions if outputs > 1), default=0.0)
    candidates = [0.5, 1.0]
    for digits in range(1, 17):
        nearest = round(lowest * 10**digits)
        candidates += [nearest / 10**digits, (nearest + 1) / 10**digits]  # what is below `lowest` gives too few channels
    # Products grow with theta, so what fits is one run of neighbouring floats, and begins within a few of them of `lowest`.
    below = above = lowest
    candidates.append(lowest)
    for _ in range(4):
        below, above = math.nextafter(below, 0.0), math.nextafter(above, 2.0)
        candidates += [below, above]
    return next((theta for theta in candidates if fits(theta)), None)


def _dimensions(shapes: Shapes, name: str, count: int) -> tuple[int, ...]:
    if name not in shapes:
        raise ValueError(f"{name} is missing")
    if len(shapes[name]) != count or min(shapes[name]) < 1:
        raise ValueError(f"{name} is {_show_shape(shapes[name])}, and must have {count} dimensions above 0")
    return shapes[name]


def _stem_of(shapes: Shapes, side: int) -> tuple[str, tuple[str, ...]]:
    """Return the stem of a net whose first convolution has filters of `side` pixels, and sentences on what no tensor shows of it."""
    if side == 7:
        return "imagenet", ()
    if side != 3:
        raise ValueError(f"{_FIRST} is {_show_shape(shapes[_FIRST])}, and must be 7 x 7 (ImageNet) or 3 x 3 (CIFAR and timm's deep stem)")
    if "features.conv1.weight" in shapes:
        blur = "Its stem is timm's deep one. A pooling that blurs, as densenetblur121d's, leaves no tensor: a plain one is assumed."
        return "deep", (blur,)
    if "features.norm0.weight" in shapes:
        pool = "A max pooling after the stem's 3 x 3 convolution is assumed, as in huyvnphan/PyTorch_CIFAR10: no tensor shows it."
        return "cifar_norm_pool", (pool,)
    return "cifar", ()


def config_of(shapes: Shapes) -> tuple[DenseNetConfig, tuple[str, ...]]:
    """Return the config that tensors of these names and shapes belong to, and sentences on what no tensor shows.

    Dropout is never seen, compression only where there is a transition, and of the compressions that give the same widths the simplest
    is taken. Only what decides the config is read here; `misfits` compares the rest. ValueError says what is missing or out of range.
    """
    if len(shapes.get(_FIRST, ())) == 5:
        raise ValueError(f"{_FIRST} is {_show_shape(shapes[_FIRST])}, of a net for volumes, and only pictures are read here")
    channels, in_channels, side, _ = _dimensions(shapes, _FIRST, 4)
    stem, said = _stem_of(shapes, side)
    if stem == "deep":
        channels = _dimensions(shapes, "features.conv2.weight", 4)[0]
    layers: dict[int, int] = {}
    for match in map(_IN_BLOCK.match, shapes):
        if match:
            block, layer = int(match[1]), int(match[2])
            layers[block] = max(layer, layers.get(block, 0))
    blocks = tuple(layers.get(block, 0) for block in range(1, min(max(layers, default=0), 99) + 1))
    bottleneck = any(_IN_BLOCK.match(name) and name.endswith(".conv2.weight") for name in shapes)  # a deep stem has one too
    first_layer = "features.denseblock1.denselayer1"
    width = _dimensions(shapes, f"{first_layer}.conv1.weight", 4)[0]
    growth_rate = _dimensions(shapes, f"{first_layer}.conv2.weight", 4)[0] if bottleneck else width
    if width % growth_rate:
        raise ValueError(f"{first_layer}'s bottleneck has {width} channels, and must have a multiple of the growth rate {growth_rate}")
    transitions = []
    num_init_features = channels
    for number, count in enumerate(blocks[:-1], start=1):
        channels += count * growth_rate
        kept = _dimensions(shapes, f"features.transition{number}.conv.weight", 4)[0]
        transitions.append((channels, kept))
        channels = kept
    compression = compression_of(transitions)
    if compression is None:
        pairs = ", ".join(f"{kept} of {channels}" for channels, kept in transitions)
        raise ValueError(f"its transitions keep {pairs} channels, which no compression does")
    config = DenseNetConfig(
        growth_rate=growth_rate,
        block_config=blocks,
        num_init_features=num_init_features,
        bn_size=width // growth_rate if bottleneck else 0,
        compression=compression,
        num_classes=_dimensions(shapes, "classifier.weight", 2)[0],
        in_channels=in_channels,
        stem=stem,
    )
    unseen = "Dropout is assumed to be 0" if transitions else "Compression is assumed to be 0.5 and dropout 0"
    return config, (*said, f"{unseen}, as no tensor shows it.")


def misfits(expected: Shapes, given: Shapes) -> str:
    """Say how `given` differs from a net's `expected` tensors, naming the first of each kind; empty where it does not.

    Counters of steps (`num_batches_tracked`), which old files lack and which no prediction reads, may be missing.
    """
    missing = [name for name in expected if name not in given and not name.endswith(".num_batches_tracked")]
    left = [name for name in given if name not in expected]
    shaped = [
        f"{name} ({_show_shape(given[name])} where {_show_shape(shape)} belongs)"
        for name, shape in expected.items()
        if given.get(name, shape) != shape
    ]
    found = [(missing, "missing"), (left, "left over"), (shaped, "of another shape")]
    return "; ".join(f"{len(names)} {what}: {list_names(names)}" for names, what in found if names)


def _show_shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if shape else "a single number"
