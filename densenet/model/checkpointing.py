"""Running parts of a net again in the backward pass instead of keeping what they computed.

Two ways, after Pleiss et al., "Memory-Efficient Implementation of DenseNets", arXiv 1707.06990. "norm" keeps the outputs of
convolutions and runs the rest again: concatenation, BatchNorm and ReLU, which are cheap. "layer" keeps only what goes into a part, and
runs its convolutions again too. Either gives the plain net's outputs, gradients, dropout masks and BatchNorm statistics, to the last
bit. The parts are the dense layers and the transitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

_Context = AbstractContextManager[object]


@contextmanager
def _uncached_casts() -> Iterator[None]:
    """Let autocast cast each weight anew.

    Its cache would keep the copies until autocast ends, and would let the first run of a second batch find casts that the second run
    has to make.
    """
    enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)


@contextmanager
def _frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Leave the running statistics of `module`'s norms as they are: the first run has counted this batch.

    Switching the statistics off would save other tensors than the first run did, which torch refuses; momentum 0 adds nothing to them.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    try:
        for norm in norms:
            norm.momentum, norm.num_batches_tracked = 0.0, None
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, tracked


class _Together:
    """Several contexts as one. They are made anew each time: a graph that was retained is run again more than once."""

    def __init__(self, *makers: Callable[[], _Context]) -> None:
        self._makers = makers

    def __enter__(self) -> None:
        with ExitStack() as stack:
            for make in self._makers:
                stack.enter_context(make())
            self._entered = stack.pop_all()

    def __exit__(self, *error: object) -> None:
        self._entered.__exit__(*error)  # type: ignore[arg-type]


def _keep_convolutions(_context: object, operator: object, *_args: object, **_kwargs: object) -> CheckpointPolicy:
    kept = operator is torch.ops.aten.convolution.default
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE


def _layer_contexts(module: nn.Module) -> tuple[_Context, _Context]:
    return _Together(_uncached_casts), _Together(_uncached_casts, partial(_frozen_statistics, module))


def _norm_contexts(module: nn.Module) -> tuple[_Context, _Context]:
    first, second = create_selective_checkpoint_contexts(_keep_convolutions)
    return _Together(_uncached_casts, lambda: first), _Together(_uncached_casts, partial(_frozen_statistics, module), lambda: second)


_CONTEXTS = {"norm": _norm_contexts, "layer": _layer_contexts}


def run_part(function: Callable[..., Tensor], module: nn.Module, checkpointing: str, *inputs: Tensor) -> Tensor:
    """Return `function(*inputs)`, which runs `module`; in training, keep for the backward pass only what `checkpointing` says.

    Nothing is run again outside training, without gradients, or inside a compiler, which decides for itself what to keep.
    """
    if checkpointing == "none" or not module.training or not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return function(*inputs)
    return checkpoint(
        function,
        *inputs,
        use_reentrant=False,
        preserve_rng_state=any(isinstance(m, nn.Dropout) for m in module.modules()),
        context_fn=partial(_CONTEXTS[checkpointing], module),
    )
