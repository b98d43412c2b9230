"""The bytes of all tensors that live at once, counted at each of torch's operators: a truth that no allocator or profiler tells."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from densenet import DenseNetConfig, Workload


class LiveTensors(TorchDispatchMode):
    """While it is entered, `peak` is the largest sum of bytes of storages that live after an operator, those of `tensors` included."""

    def __init__(self, *tensors: Tensor) -> None:
        super().__init__()
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0
        for tensor in tensors:
            self._note(tensor)

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self._alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()

    def __torch_dispatch__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor):
                self._note(value)
        self._alive = {key: held for key, held in self._alive.items() if not held[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return out


def peak_of_step(model: nn.Module, config: DenseNetConfig, workload: Workload) -> int:
    """Take a step of `workload` (float32) with `model` on the CPU, in training the second one, and return its peak in bytes."""
    training = workload.mode == "train"
    model.train(training).requires_grad_(training)
    x = torch.rand(workload.batch_size, config.in_channels, workload.image_size, workload.image_size)
    labels = torch.randint(config.num_classes, (workload.batch_size,))
    if not training:
        with torch.inference_mode(), LiveTensors(*model.parameters(), *model.buffers(), x) as live:
            model(x)
        return live.peak
    optimizer = {
        "sgd": lambda: torch.optim.SGD(model.parameters(), lr=1e-3, foreach=False),
        "momentum": lambda: torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, foreach=False),
        "adam": lambda: torch.optim.Adam(model.parameters(), lr=1e-3, foreach=False),
    }[workload.optimizer]()

    def step() -> None:
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()

    step()  # after it an optimizer has its state
    optimizer.zero_grad(set_to_none=True)
    state = [value for values in optimizer.state.values() for value in values.values() if isinstance(value, Tensor)]
    with LiveTensors(*model.parameters(), *model.buffers(), *state, x, labels) as live:
        step()
    return live.peak
