"""One step of a net as the allocator sees it: which tensors live at each operation, without torch.

The rules are those of `densenet.model` under eager torch, float32 or autocast to bfloat16; those of single operations are in
`densenet.arithmetic.liveness`. What a convolution allocates and frees inside itself is not counted. One pass serves every batch size.

A concatenation lives until the layer that reads it returns, in training without checkpointing until that layer's backward pass; the new
features die with the block's own concatenation; the last norm's output lives until the classifier has answered. A max pooling saves its
indices as int64. The gradient of a block's concatenation is handed out as views, which pin it until each has been added to another
gradient, out of place the first time, in place from then on. Checkpointing keeps a part's inputs: of a block, its input and all new
features but the last; "norm" keeps what convolutions put out as well, so the last one too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from densenet.arithmetic.ends import held_by_stem, loss, optimizer_step, stem_backward, stem_forward, tail_backward, tail_forward
from densenet.arithmetic.liveness import Liveness, Moment
from densenet.arithmetic.plan import Layer, parts, trained_rows
from densenet.config import DenseNetConfig

_RANDOM_STATE_BYTES = 5056  # of torch's generator on a CPU, kept for a second run's dropout

# The parts of the net. `layers` are a block's, each a chain with the concatenation behind it at its end.


def _features_kept(live: Liveness) -> bool:
    """Whether checkpointing keeps every new feature, as the output of a convolution."""
    return live.checkpointing == "norm" and not live.config.drop_rate


def _random_state(live: Liveness) -> int:
    """Bytes that a checkpointed layer keeps so that its dropout is the same in the second run."""
    return _RANDOM_STATE_BYTES if live.training and live.checkpointing != "none" and live.config.drop_rate else 0


def _block_forward(live: Liveness, layers: Sequence[Sequence[Layer]]) -> None:
    new = live.width * live.config.growth_rate * layers[0][0].in_size ** 2
    joined = 0
    for *chain, cat in layers:
        live.forward(chain)
        live.fixed += _random_state(live)
        if not live.training or live.checkpointing != "none":
            live.image -= joined
        joined = live.out_bytes(cat)
        live.image += joined
        live.note(cat.path)
    if not live.training:  # the features, and what the block has read
        live.image -= joined
    elif live.checkpointing == "none":
        live.image -= len(layers) * new
    elif not _features_kept(live):  # the others are inputs of checkpointed layers
        live.image -= new


def _block_backward(live: Liveness, layers: Sequence[Sequence[Layer]], held: int, *, first: bool) -> None:
    """`held`: bytes of the block's input that outlive the backward pass of what has read it. `first`: nobody asks for its gradient."""
    unasked = live.in_bytes(layers[0][0]) if first else 0
    new = live.width * live.config.growth_rate * layers[0][0].in_size ** 2
    for i in reversed(range(len(layers))):
        chain, last = layers[i][:-1], i == len(layers) - 1
        path = layers[i - 1][-1].path if i else chain[0].path
        read = live.in_bytes(chain[0])
        if i and live.checkpointing != "none":
            live.phase = "recompute"
            live.image += read
            live.note(path)
        live.again(chain)
        live.backward(chain, 0 if last else new, unasked=first and not i)
        live.image += 0 if i else held
        live.fixed -= _random_state(live)
        if _features_kept(live) or (i and live.checkpointing != "none"):  # its own feature, or the newest that it has read
            live.image -= new
        if last:  # added out of place to the views, which unpins the block's gradient
            live.note(path, read - unasked)
            live.image -= live.out_bytes(layers[-1][-1]) + (unasked if i else 0)
        elif i or not first:
            live.image -= read


def transition_forward(live: Liveness, transition: Sequence[Layer]) -> None:
    """Run a transition on what the block before it has put out, which then dies unless it is saved."""
    live.forward(transition)
    if not live.training:
        live.image -= live.out_bytes(transition[0])


def transition_backward(live: Liveness, transition: Sequence[Layer]) -> None:
    """Run a transition backwards from the gradient of its output, which dies."""
    live.again(transition)
    live.backward(transition, live.out_bytes(transition[-1]))


@lru_cache(maxsize=32)  # the page asks for the same step at several batch sizes
def step_moments(
    config: DenseNetConfig,
    image_size: int,
    mode: str,
    checkpointing: str = "none",
    optimizer: str = "sgd",
    precision: str = "float32",
    frozen: str = "none",
) -> tuple[Moment, ...]:
    """Return the moments of one step in order. The arguments are a workload's fields; raises what `plan` raises."""
    of, last = parts(config, image_size), len(config.block_config)
    stem, tail = of[0, 0], of[last + 1, 0]
    blocks = [
        ([of[block, position] for position in range(1, count + 1)], of.get((block, 0), ()))
        for block, count in enumerate(config.block_config, start=1)
    ]
    training, still = mode == "train", config.last_frozen(frozen) if mode == "train" else -1
    live = Liveness(config, precision, checkpointing, training=training and still < 0)
    stem_forward(live, stem)
    for number, (layers, transition) in enumerate(blocks, start=1):
        live.training = training and number > still
        _block_forward(live, layers)
        if transition:
            transition_forward(live, transition)
    live.training = training
    tail_forward(live, tail, frozen=still > last)
    if training:
        loss(live, tail)
        tail_backward(live, tail, frozen=still > last, first=still == last)
        for number, (layers, transition) in reversed(list(enumerate(blocks, start=1))):
            if number <= still:
                break
            if transition:
                transition_backward(live, transition)
            _block_backward(live, layers, held_by_stem(live, stem) if number == 1 else 0, first=number == still + 1 > 0 and still > 0)
        if still < 0:
            stem_backward(live, stem)
        optimizer_step(live, trained_rows(config, image_size, frozen), optimizer)
    return tuple(live.moments)
