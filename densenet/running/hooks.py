"""Let go of a net in the middle of its forward or backward pass."""

from __future__ import annotations

from torch import Tensor, nn

from densenet.stopping import Stop


def stop_inside(net: nn.Module, stop: Stop) -> None:
    """Have `stop` called after each convolution of `net`, forward, and when the gradient of its result is there.

    The modules of `net` get hooks, its parameters none: of a net that others use too, give a private copy of the modules.
    """

    def ask_backward(_gradient: Tensor) -> None:  # what a hook returns takes the gradient's place: not what `stop` returns
        stop()

    def ask(_module: nn.Module, _args: tuple[Tensor, ...], result: Tensor) -> None:
        stop()
        if result.requires_grad:
            result.register_hook(ask_backward)

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(ask)
