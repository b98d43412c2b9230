"""One step of a net as the allocator sees it: which tensors live at each operation, without torch.

The rules are those of `densenet.model` under eager torch, float32 or autocast to bfloat16. Every quantity is a pair: bytes whatever the
batch (weights, their gradients, statistics), and bytes for each image. So one walk serves every batch size. What a convolution allocates
and frees inside itself is not counted.

Forward, with gradients: BatchNorm saves its input and 8 bytes of statistics a channel, its output dies after the ReLU; ReLU saves its
result, which is what the next convolution saves too; a max pooling saves its indices as int64, an average pooling its input; a dropout
saves its mask; a concatenation saves nothing. What nothing saves dies when the next operation is done, but a concatenation lives until the
layer that reads it returns, and the last norm's output until the classifier has answered.

Backward: an operation's incoming gradient dies after it, with what it saved; BatchNorm needs two maps for its result, the usual place of
the peak; gradients of parameters stay. The gradient of a block's concatenation is handed out as views that pin it until each has been
added to another gradient, out of place the first time, in place from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from densenet.config import DenseNetConfig
from densenet.plan import Layer, plan

_RANDOM_STATE_BYTES = 5056  # of torch's generator on a CPU, kept for a second run's dropout


# The most that lives during one operation: its path as in `Layer.path` ("loss" is the step's own), its phase (forward, recompute,
# backward, optimizer), then bytes: fixed and per image (parameters, optimizer state and input not counted), and what of the fixed are
# gradients of parameters. A plain tuple, because a page that follows a slider makes thousands of them at each move.
Moment: TypeAlias = tuple[str, str, int, int, int]


class _Walk:
    """What lives now, beside parameters and input, and the moments so far."""

    def __init__(self, config: DenseNetConfig, precision: str, checkpointing: str, training: bool) -> None:
        self.config = config
        self.checkpointing = checkpointing
        self.training = training
        self.width = 2 if precision == "bfloat16" else 4  # bytes of an activation
        self.copy = 2 if precision == "bfloat16" else 0  # bytes of the copy of a weight that autocast makes, and of its gradient
        dropped = training and checkpointing != "none" and config.drop_rate
        self.features_kept = checkpointing == "norm" and not config.drop_rate  # as outputs of convolutions
        self.random_state = _RANDOM_STATE_BYTES if dropped else 0
        self.fixed = self.image = self.gradients = 0
        self.moments: list[Moment] = []
        self.phase = "forward"

    def note(self, path: str, image: int = 0, fixed: int = 0) -> None:
        """Record a moment at which `image` and `fixed` bytes more live than before and after it."""
        self.moments.append((path, self.phase, self.fixed + fixed, self.image + image, self.gradients))

    def out_bytes(self, row: Layer) -> int:
        """Bytes of the result of `row`, for one image."""
        return self.width * row.out_channels * row.out_size * row.out_size

    # A chain is rows of which each reads what the one before has put out. Its caller holds what the first reads.

    def save_forward(self, chain: Sequence[Layer], convolutions_live: bool = False) -> None:
        """Run `chain` and keep what autograd saves, and the last result; `convolutions_live`: their results are there already."""
        for row in chain:
            out = self.out_bytes(row)
            if row.op == "norm":
                self.fixed += 8 * row.in_channels  # mean and deviation of the batch
            elif row.op == "conv":
                self.fixed += self.copy * row.params
                out = 0 if convolutions_live else out
            if row.op == "relu":  # what it has read dies
                self.note(row.path, out)
            elif row.op == "dropout":  # likewise, but the mask stays beside the result
                self.note(row.path, 2 * out)
                self.image += out
            else:
                self.image += out
                self.note(row.path)

    def pass_forward(self, chain: Sequence[Layer], keep_convolutions: bool = False, dying: int = 0) -> None:
        """Run `chain` and keep the last result only, or the convolutions' too; `dying`: what dies with the first operation."""
        for row in chain:
            if row.op == "dropout" and not self.training:
                continue
            out = self.out_bytes(row)
            self.image += out
            self.note(row.path, out if row.op == "dropout" else 0, self.copy * row.params)
            self.image -= dying
            dying = 0 if keep_convolutions and row.op == "conv" else out

    def backward(self, chain: Sequence[Layer], gradient: int) -> None:
        """Run `chain` backwards from a gradient of that many bytes (0: a view of something pinned); leave its input's gradient.

        What an operation makes takes the place of what it had saved, so that only the incoming gradient comes off.
        """
        for row in reversed(chain):
            size = self.width * row.in_channels * row.in_size * row.in_size
            if row.op == "conv":  # its input was saved by the ReLU before it and lives on
                self.image += size
                self.weight_gradient(row.path, row.params, gradient)
            elif row.op == "norm":
                self.fixed += 8 * row.in_channels
                self.gradients += 8 * row.in_channels
                self.note(row.path, 2 * size)
                self.fixed -= 8 * row.in_channels
                self.image -= gradient
            else:
                self.note(row.path, size)
                self.image -= gradient
            gradient = size

    def weight_gradient(self, path: str, params: int, dying: int) -> None:
        """Add the gradient of a weight; `dying` bytes an image, and the weight's copy under autocast, die with the operation."""
        self.note(path, 0, (self.copy or 4) * params)
        self.image -= dying
        self.fixed += (4 - self.copy) * params
        self.gradients += 4 * params
        if self.copy:  # the gradient is cast to float32
            self.note(path, 0, self.copy * params)

    def forward(self, chain: Sequence[Layer]) -> None:
        """Run a chain that is checkpointed if anything is."""
        if not self.training:
            self.pass_forward(chain)
        elif self.checkpointing == "none":
            self.save_forward(chain)
        else:
            self.pass_forward(chain, keep_convolutions=self.checkpointing == "norm")

    def again(self, chain: Sequence[Layer]) -> None:
        """Run a checkpointed chain a second time, up to the operation that saves the last of what autograd needs."""
        if self.checkpointing == "none":
            return
        self.phase = "recompute"
        last, live = chain[-1], self.checkpointing == "norm"
        self.save_forward(chain[:-1], live)
        self.fixed += self.copy * last.params  # the weight of a last convolution is cast, though it does not run
        if last.op == "dropout":  # it stops with the mask made, which takes the place of what it would have read
            self.note(last.path, self.out_bytes(last))
        self.phase = "backward"

    # The parts of the net. `layers` are a block's, each a chain with the concatenation behind it at its end.

    def stem_forward(self, stem: Sequence[Layer]) -> None:
        copy = self.input_copy(stem)
        self.image += copy
        if self.training:
            self.save_forward(stem[:3])
        else:
            self.pass_forward(stem[:1])
            self.image -= copy
            self.pass_forward(stem[1:3], dying=self.out_bytes(stem[0]))
        for pool in stem[3:]:
            indices = 8 * pool.out_channels * pool.out_size**2  # int64, in inference too
            self.image += self.out_bytes(pool) + indices
            self.note(pool.path)
            self.image -= 0 if self.training else indices + self.out_bytes(stem[2])

    def stem_backward(self, stem: Sequence[Layer]) -> None:
        for pool in stem[3:]:
            full, pooled = self.out_bytes(stem[2]), self.out_bytes(pool)
            self.image += full
            self.note(pool.path)
            self.image -= pooled + 8 * pool.out_channels * pool.out_size**2
            self.backward(stem[1:3], full)
        self.weight_gradient(stem[0].path, stem[0].params, self.out_bytes(stem[0]) + self.input_copy(stem))

    def input_copy(self, stem: Sequence[Layer]) -> int:
        """Bytes of the copy of one image that autocast makes for the first convolution."""
        return self.copy * stem[0].in_channels * stem[0].in_size ** 2

    def block_forward(self, layers: Sequence[Sequence[Layer]]) -> None:
        new = self.width * self.config.growth_rate * layers[0][0].in_size ** 2
        joined = 0
        for *chain, cat in layers:
            self.forward(chain)
            self.fixed += self.random_state
            if not self.training or self.checkpointing != "none":
                self.image -= joined
            joined = self.out_bytes(cat)
            self.image += joined
            self.note(cat.path)
        if not self.training:  # the features, and what the block has read
            self.image -= joined
        elif self.checkpointing == "none":
            self.image -= len(layers) * new
        elif not self.features_kept:  # the others are inputs of checkpointed layers
            self.image -= new

    def block_backward(self, layers: Sequence[Sequence[Layer]]) -> None:
        new = self.width * self.config.growth_rate * layers[0][0].in_size ** 2
        for i in reversed(range(len(layers))):
            chain, last = layers[i][:-1], i == len(layers) - 1
            path = layers[i - 1][-1].path if i else chain[0].path
            read = self.width * chain[0].in_channels * chain[0].in_size ** 2
            if i and self.checkpointing != "none":
                self.phase = "recompute"
                self.image += read
                self.note(path)
            self.again(chain)
            self.backward(chain, 0 if last else new)
            self.fixed -= self.random_state
            if self.features_kept or (i and self.checkpointing != "none"):  # its own feature, or the newest that it has read
                self.image -= new
            if last:  # added out of place to the views, which unpins the block's gradient
                self.note(path, read)
                self.image -= self.out_bytes(layers[-1][-1])
            else:
                self.image -= read

    def transition_forward(self, transition: Sequence[Layer]) -> None:
        self.forward(transition)
        if not self.training:
            self.image -= self.out_bytes(transition[0])

    def transition_backward(self, transition: Sequence[Layer]) -> None:
        self.again(transition)
        self.backward(transition, self.out_bytes(transition[-1]))

    def tail_forward(self, tail: Sequence[Layer]) -> None:
        norm, relu, pool, _, classifier = tail
        full, pooled = self.out_bytes(norm), self.out_bytes(pool)
        self.image += full
        self.note(norm.path)
        if self.training:
            self.fixed += 8 * norm.in_channels
        else:
            self.image -= full
        self.image += full
        self.note(relu.path)
        self.image += pooled
        self.note(pool.path, (2 * full + 2 * pooled) if self.copy else 0)  # a mean of bfloat16 is taken in float32
        self.image += self.out_bytes(classifier) - (0 if self.training else full)
        self.fixed += self.copy * classifier.params if self.training else 0
        self.note(classifier.path, 0, 0 if self.training else self.copy * classifier.params)
        self.image -= full  # the last norm's output, which the head has held

    def loss(self, tail: Sequence[Layer]) -> None:
        """Cross-entropy in float32, forward and backward."""
        logits, full = self.out_bytes(tail[-1]), 4 * tail[-1].out_channels
        copy = full if self.copy else 0
        self.image += full
        self.note("loss", copy)
        self.image -= logits
        self.phase = "backward"
        self.image += full
        self.note("loss", full)
        self.image += logits - 2 * full  # the gradient of the logits stays

    def tail_backward(self, tail: Sequence[Layer]) -> None:
        norm, _, pool, _, classifier = tail
        full, pooled = self.out_bytes(norm), self.out_bytes(pool)
        self.image += pooled
        self.weight_gradient(classifier.path, classifier.params, self.out_bytes(classifier) + pooled)
        self.image += full
        self.note(pool.path)
        self.image -= pooled
        self.backward(tail[:2], full)

    def optimizer_step(self, rows: Sequence[Layer], optimizer: str) -> None:
        """SGD works in place, with momentum too; Adam makes two temporaries of a parameter while the one before still has one."""
        self.phase = "optimizer"
        if optimizer != "adam":
            self.note(rows[-1].path)
            return
        before = 0
        for row in rows:
            if row.params:
                bias = row.in_channels if row.op == "norm" else row.out_channels if row.op == "linear" else 0
                weight = row.params - bias
                self.note(row.path, 0, 4 * max(before + 2 * weight, weight + 2 * bias))
                before = bias or weight


@lru_cache(maxsize=32)  # the page asks for the same walk at several batch sizes
def walk(
    config: DenseNetConfig, image_size: int, mode: str, checkpointing: str = "none", optimizer: str = "sgd", precision: str = "float32"
) -> tuple[Moment, ...]:
    """Return the moments of one step in order. The arguments are a workload's fields; raises what `plan` raises."""
    rows = plan(config, image_size)
    stem, tail = rows[: 4 if config.stem == "imagenet" else 1], rows[-5:]
    each = 4 + 3 * bool(config.bn_size) + bool(config.drop_rate)  # rows of a dense layer, its concatenation included
    blocks: list[tuple[list[tuple[Layer, ...]], tuple[Layer, ...]]] = []
    at = len(stem)
    for block, count in enumerate(config.block_config, start=1):
        layers = [rows[at + i * each : at + (i + 1) * each] for i in range(count)]
        at += count * each
        transition = rows[at : at + 4] if block < len(config.block_config) else ()
        at += len(transition)
        blocks.append((layers, transition))

    step = _Walk(config, precision, checkpointing, mode == "train")
    step.stem_forward(stem)
    for layers, transition in blocks:
        step.block_forward(layers)
        step.transition_forward(transition) if transition else None
    step.tail_forward(tail)
    if step.training:
        step.loss(tail)
        step.tail_backward(tail)
        for layers, transition in reversed(blocks):
            step.transition_backward(transition) if transition else None
            step.block_backward(layers)
        step.stem_backward(stem)
        step.optimizer_step(rows, optimizer)
    return tuple(step.moments)
