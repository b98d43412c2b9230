"""What lives during a chain of operations, forward and backward: the rules of autograd and of the allocator, without torch.

Forward, with gradients: BatchNorm saves its input and 8 bytes of statistics a channel, its output dies after the ReLU; ReLU saves its
result, which is what the next convolution saves too; an average pooling saves its input, a dropout its mask. What nothing saves dies when
the next operation is done. A ReLU that works in place ("relu_") makes nothing: its result is what the norm before it has put out.

Backward: an operation's incoming gradient dies after it, with what it saved; BatchNorm needs two maps for its result, the usual place of
the peak; gradients of parameters stay.

Every quantity is a pair: bytes whatever the batch (weights' gradients and copies, statistics), and bytes for each image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from densenet.arithmetic.plan import Layer
from densenet.config import DenseNetConfig

# The most that lives during one operation: its path as in `Layer.path` ("loss" is the step's own), its phase (forward, recompute,
# backward, optimizer), then bytes: fixed and per image (parameters, optimizer state and input not counted), and what of the fixed are
# gradients of parameters. A plain tuple, because a page that follows a slider makes thousands of them at each move.
Moment: TypeAlias = tuple[str, str, int, int, int]


class Liveness:
    """What lives now, beside parameters and input, and the moments so far."""

    def __init__(self, config: DenseNetConfig, precision: str, checkpointing: str, training: bool) -> None:
        self.config = config
        self.checkpointing = checkpointing
        self.training = training
        self.width = 4 if precision == "float32" else 2  # bytes of an activation
        self.copy = 0 if precision == "float32" else 2  # bytes of the copy of a weight that autocast makes, and of its gradient
        self.fixed = self.image = self.gradients = 0
        self.moments: list[Moment] = []
        self.phase = "forward"

    def note(self, path: str, image: int = 0, fixed: int = 0) -> None:
        """Record a moment at which `image` and `fixed` bytes more live than before and after it."""
        self.moments.append((path, self.phase, self.fixed + fixed, self.image + image, self.gradients))

    def out_bytes(self, row: Layer) -> int:
        """Bytes of the result of `row`, for one image."""
        return self.width * row.out_channels * row.out_size * row.out_size

    def in_bytes(self, row: Layer) -> int:
        """Bytes of what `row` reads, for one image."""
        return self.width * row.in_channels * row.in_size * row.in_size

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
            if row.op == "relu_":
                self.note(row.path)
            elif row.op == "relu":  # what it has read dies
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
            if row.op == "relu_":
                self.note(row.path)
                continue
            out = self.out_bytes(row)
            self.image += out
            self.note(row.path, out if row.op == "dropout" else 0, self.copy * row.params)
            self.image -= dying
            dying = 0 if keep_convolutions and row.op == "conv" else out

    def backward(self, chain: Sequence[Layer], gradient: int, *, unasked: bool = False) -> None:
        """Run `chain` backwards from a gradient of that many bytes (0: a view of something pinned); leave its input's gradient.

        The result of an operation replaces what was saved for it; only the incoming gradient is freed. `unasked`: the input is of what is
        frozen, and nobody asks for its gradient.
        """
        if unasked:
            self.backward(chain[1:], gradient)
            self._first_backward(chain[0], self.out_bytes(chain[0]) if len(chain) > 1 else gradient)
            return
        for row in reversed(chain):
            size = self.in_bytes(row)
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

    def _first_backward(self, norm: Layer, gradient: int) -> None:
        """Run a norm backwards whose input's gradient nobody asks for: its input and the incoming gradient die."""
        self.gradients += 8 * norm.in_channels
        self.fixed += 8 * norm.in_channels
        self.note(norm.path)
        self.fixed -= 8 * norm.in_channels
        self.image -= gradient + self.in_bytes(norm)

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
