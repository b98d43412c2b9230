"""The ends of a net in one step, a DenseNet's or another's: stem, last norm and classifier, loss, optimizer; without torch."""

from __future__ import annotations

from collections.abc import Sequence

from densenet.arithmetic.liveness import Liveness
from densenet.arithmetic.plan import Layer


def stem_forward(live: Liveness, stem: Sequence[Layer]) -> None:
    """Run the stem on one image, which the caller holds."""
    chain, pools = _split(stem)
    copy = _input_copy(live, stem)
    live.image += copy
    if live.training:
        live.save_forward(chain)
    else:
        live.pass_forward(chain[:1])
        live.image -= copy
        live.pass_forward(chain[1:], dying=live.out_bytes(chain[0]))
    for pool in pools:
        indices = 8 * pool.out_channels * pool.out_size**2  # int64, in inference too
        live.image += live.out_bytes(pool) + indices
        live.note(pool.path)
        live.image -= 0 if live.training else indices + live.out_bytes(chain[-1])


def stem_backward(live: Liveness, stem: Sequence[Layer]) -> None:
    """Run the stem backwards from the gradient of its output, which dies."""
    chain, pools = _split(stem)
    for pool in pools:
        live.image += live.out_bytes(chain[-1])
        live.note(pool.path)
        live.image -= live.out_bytes(pool) + 8 * pool.out_channels * pool.out_size**2
    live.backward(chain[1:], live.out_bytes(chain[-1]))
    live.weight_gradient(stem[0].path, stem[0].params, live.out_bytes(stem[0]) + _input_copy(live, stem))


def _split(stem: Sequence[Layer]) -> tuple[Sequence[Layer], Sequence[Layer]]:
    """Return the stem's chain, and the pooling behind it where there is one."""
    pools = [row for row in stem if row.op == "pool"]
    return stem[: len(stem) - len(pools)], pools


def held_by_stem(live: Liveness, stem: Sequence[Layer]) -> int:
    """Bytes of the first block's input that the stem's last operation, a ReLU, keeps for its own backward pass."""
    return live.out_bytes(stem[-1]) if stem[-1].op == "relu" else 0


def _input_copy(live: Liveness, stem: Sequence[Layer]) -> int:
    """Bytes of the copy of one image that autocast makes for the first convolution."""
    return live.copy * stem[0].in_channels * stem[0].in_size ** 2


def tail_forward(live: Liveness, tail: Sequence[Layer], *, frozen: bool = False, norm_held: bool = True) -> None:
    """`frozen`: only the classifier is trained; `norm_held`: the last norm's output lives until the classifier has answered."""
    norm, relu, pool, _, classifier = tail
    full = live.out_bytes(norm)
    saving = live.training and not frozen
    live.image += full
    live.note(norm.path)
    if saving:
        live.fixed += 8 * norm.in_channels
    else:
        live.image -= full
    live.image += full
    live.note(relu.path)
    live.image -= 0 if norm_held else full
    classify_forward(live, pool, classifier, saving=saving)
    live.image -= full if norm_held else 0


def classify_forward(live: Liveness, pool: Layer, classifier: Layer, *, saving: bool) -> None:
    """Run the last pooling and the classifier; `saving`: what they pool is kept for the backward pass."""
    full, pooled = live.in_bytes(pool), live.out_bytes(pool)
    live.image += pooled
    live.note(pool.path, (2 * full + 2 * pooled) if live.copy else 0)  # a mean of bfloat16 is taken in float32
    live.image += live.out_bytes(classifier) - (0 if saving else full)
    live.fixed += live.copy * classifier.params if live.training else 0
    live.note(classifier.path, 0, 0 if live.training else live.copy * classifier.params)


def loss(live: Liveness, tail: Sequence[Layer]) -> None:
    """Cross-entropy in float32, forward and backward."""
    logits, full = live.out_bytes(tail[-1]), 4 * tail[-1].out_channels
    copy = full if live.copy else 0
    live.image += full
    live.note("loss", copy)
    live.image -= logits
    live.phase = "backward"
    live.image += full
    live.note("loss", full)
    live.image += logits - 2 * full  # the gradient of the logits stays


def tail_backward(live: Liveness, tail: Sequence[Layer], *, frozen: bool = False, first: bool = False) -> None:
    """`frozen`: only the classifier is trained; `first`: the gradient of the last norm's input is not asked for."""
    norm, _, pool, _, classifier = tail
    if frozen:
        live.weight_gradient(classifier.path, classifier.params, live.out_bytes(classifier) + live.out_bytes(pool))
        return
    classify_backward(live, pool, classifier)
    live.backward(tail[:2], live.out_bytes(norm), unasked=first)


def classify_backward(live: Liveness, pool: Layer, classifier: Layer) -> None:
    """Run the classifier and the last pooling backwards, from the gradient of the logits to that of what was pooled."""
    pooled = live.out_bytes(pool)
    live.image += pooled
    live.weight_gradient(classifier.path, classifier.params, live.out_bytes(classifier) + pooled)
    live.image += live.in_bytes(pool)
    live.note(pool.path)
    live.image -= pooled


def optimizer_step(live: Liveness, rows: Sequence[Layer], optimizer: str) -> None:
    """SGD works in place, with momentum too; Adam makes two temporaries of a parameter while the one before still has one."""
    live.phase = "optimizer"
    if optimizer != "adam":
        live.note(rows[-1].path)
        return
    before = 0
    for row in rows:
        if row.params:
            bias = row.in_channels if row.op == "norm" else row.out_channels if row.op == "linear" else 0
            weight = row.params - bias
            live.note(row.path, 0, 4 * max(before + 2 * weight, weight + 2 * bias))
            before = bias or weight
