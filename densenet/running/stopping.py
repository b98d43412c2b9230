"""How long work is given up: it asks, between its parts, whether somebody still waits, and ends with `Cancelled` where nobody does."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from densenet.model.net import DenseLayer, DenseNet


class Cancelled(Exception):
    """The work was given up because nobody waits for it any more."""


def stopper(cancelled: Callable[[], bool]) -> Callable[[], None]:
    """Return what the work calls between its parts; it raises `Cancelled` once `cancelled` says yes."""

    def stop() -> None:
        if cancelled():
            raise Cancelled

    return stop


def stop_between_layers(model: nn.Module, stop: Callable[[], None]) -> None:
    """Call `stop`, which may raise, before each convolution runs and when its gradient is there."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(lambda *_: stop())
            if layer.weight.requires_grad:
                layer.weight.register_post_accumulate_grad_hook(lambda *_: stop())


def stop_inside(private: DenseNet, stop: Callable[[], None]) -> None:
    """Call `stop`, which may raise, after each dense layer of a private copy, forward and backward.

    `densenet.running.stopping.stop_between_layers` is for nets of one's own: it hooks parameters, which a private copy shares.
    """

    def asked(_module: nn.Module, _args: tuple[Tensor, ...], features: Tensor) -> None:
        stop()
        if features.requires_grad:
            features.register_hook(lambda _gradient: stop())

    for layer in private.modules():
        if isinstance(layer, DenseLayer):
            layer.register_forward_hook(asked)
