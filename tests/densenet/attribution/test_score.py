"""The number that a map explains, the copy that may hold hooks, and how many images a batch has."""

from __future__ import annotations

from collections.abc import Callable

import torch

from densenet import PRESETS
from densenet.attribution.score import Score, activation_after, private_copy
from densenet.model.net import DenseNet
from densenet.running.batching import stoppable_batch
from tests.support.explained import THREE_BLOCKS, TINY, photo, state_of

Make = Callable[..., DenseNet]


def test_the_score_is_a_logit_or_a_difference(tiny: DenseNet) -> None:
    images = torch.cat([photo(), photo(seed=8)])
    with torch.no_grad():
        logits = tiny(images)
        assert torch.equal(Score(tiny, 3)(images), logits[:, 3:4])
        assert torch.equal(Score(tiny, 3, 7)(images), logits[:, 3:4] - logits[:, 7:8])
        assert Score(tiny.bfloat16(), 3)(images).dtype == torch.float32


def test_a_private_copy_shares_tensors_and_nothing_else(tiny: DenseNet) -> None:
    before, copied = state_of(tiny), private_copy(tiny)
    assert [id(t) for t in (*copied.parameters(), *copied.buffers())] == [id(t) for t in (*tiny.parameters(), *tiny.buffers())]
    assert not {id(module) for module in copied.modules()} & {id(module) for module in tiny.modules()}
    for module in copied.modules():
        module.register_forward_hook(lambda *_: None)
    assert state_of(tiny) == before


def test_the_activation_after_a_block_reads_all_its_features(make_net: Make) -> None:
    model = make_net(THREE_BLOCKS)
    shapes = []
    for block in (1, 2, 3):
        activation_after(model, block).register_forward_hook(
            lambda _module, _args, out: shapes.append((tuple(out.shape), out.min().item()))
        )
    model(photo())
    assert shapes == [((1, 16, 20, 14), 0.0), ((1, 12, 10, 7), 0.0), ((1, 14, 5, 3), 0.0)]


def test_large_nets_get_small_batches() -> None:
    with torch.device("meta"):
        nets = {name: DenseNet(PRESETS[name]) for name in ("densenet121", "densenet201", "densenet161")}
    x = torch.zeros(1, 3, 224, 224)
    forward = {name: stoppable_batch(net.config, x.shape[2], x.shape[3], x.device, gradients=False) for name, net in nets.items()}
    backward = {name: stoppable_batch(net.config, x.shape[2], x.shape[3], x.device, gradients=True) for name, net in nets.items()}
    assert 8 >= forward["densenet121"] > forward["densenet201"] > forward["densenet161"] >= 1
    assert 4 >= backward["densenet121"] > backward["densenet201"] >= backward["densenet161"] == 1
    assert stoppable_batch(TINY, 32, 32, torch.device("cpu"), gradients=True) == 8
    assert stoppable_batch(TINY, 32, 32, torch.device("cuda"), gradients=True) == 32
    assert stoppable_batch(TINY, 9, 5000, torch.device("cpu"), gradients=False) >= 1
