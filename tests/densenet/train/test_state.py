"""What a checkpoint holds, and the random numbers that need no place in it."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch

from densenet.train import Recipe, checkpoint, fit
from densenet.train.state import TrainingState, generator_for
from tests.support.small_pictures import net, pictures


def test_draws_depend_on_seed_step_and_purpose() -> None:
    numbers = list(itertools.product((0, 1, 2**31 - 1), (0, 1, 2, 10**6), (0, 1000, 1001)))
    draws = {tuple(torch.rand(3, generator=generator_for(*three)).tolist()) for three in numbers}
    assert len(draws) == len(numbers)
    assert torch.equal(torch.rand(3, generator=generator_for(1, 2, 3)), torch.rand(3, generator=generator_for(1, 2, 3)))


def test_the_average_is_exponential_with_a_short_memory_at_first() -> None:
    """After n updates the weights of before count min(decay, (1 + n) / (10 + n)); BatchNorm's statistics are averaged too."""
    state = TrainingState(net(), Recipe(ema_decay=0.2))
    assert state.average is not None
    parts = {name: tensor.clone() for name, tensor in state.model.state_dict().items() if tensor.is_floating_point()}
    for n in range(6):
        with torch.no_grad():
            for tensor in state.model.state_dict().values():
                if tensor.is_floating_point():
                    tensor.add_(torch.rand(tensor.shape, generator=torch.Generator().manual_seed(n)))
        state.average.update_parameters(state.model)
        kept = min(0.2, (1 + n) / (10 + n)) if n else 0.0  # the first update takes the weights as they are
        now = state.model.state_dict()
        parts = {name: kept * tensor + (1 - kept) * now[name] for name, tensor in parts.items()}
    averaged = state.average.module.state_dict()
    for name, tensor in parts.items():
        torch.testing.assert_close(averaged[name], tensor, msg=name)


def test_a_state_is_taken_over_whole() -> None:
    recipe = Recipe(optimizer="adam", ema_decay=0.9)
    first, second = TrainingState(net(), recipe), TrainingState(net(seed=1), recipe)
    data = pictures(8)
    first.model.train()(data.images / 255).sum().backward()
    first.optimizer.step()
    assert first.average is not None
    first.average.update_parameters(first.model)
    first.step, first.progress, first.seconds, first.seen = 5, 0.25, 7.5, 40.0
    first.keep_if_best(0.5, 1)
    saved = first.as_dict()
    second.restore(saved)
    again = second.as_dict()
    assert saved.keys() == again.keys()
    for name, value in saved.items():
        if name in ("model", "average", "best"):
            assert all(torch.equal(tensor, again[name][key]) for key, tensor in value.items())  # type: ignore[attr-defined,index]
        elif name != "optimizer":
            assert value == again[name], name
    moments = [state["exp_avg"] for state in second.optimizer.state.values()]
    assert moments
    assert all(torch.equal(left, right["exp_avg"]) for left, right in zip(moments, first.optimizer.state.values(), strict=True))


def test_the_best_is_kept_and_of_equals_the_latest() -> None:
    state = TrainingState(net(), Recipe())
    for epoch, accuracy in enumerate((0.4, 0.8, 0.8, 0.6), start=1):
        with torch.no_grad():
            state.model.classifier.bias.fill_(float(epoch))
        state.keep_if_best(accuracy, epoch)
    assert (state.best_epoch, state.best_accuracy) == (3, 0.8)
    assert state.best is not None
    assert state.best["classifier.bias"].tolist() == [3.0] * 3


def test_room_is_counted_for_what_a_checkpoint_becomes(tmp_path: Path) -> None:
    """Of both optimizers, and not by more than the average that may be missing."""
    for optimizer in ("sgd", "adam"):
        file = tmp_path / f"{optimizer}.pt"
        recipe = Recipe(epochs=1, batch_size=8, optimizer=optimizer, ema_decay=0.9)
        fit(net(), pictures(16), pictures(6), recipe, file, device="cpu")
        saved = checkpoint.load(file)
        held = [part for name in ("model", "average", "best") for part in saved[name].values()]  # type: ignore[attr-defined]
        held += [t for one in saved["optimizer"]["state"].values() for t in one.values() if torch.is_tensor(t)]  # type: ignore[index]
        size = sum(t.numel() * t.element_size() for t in held)
        assert 0.9 * size < TrainingState(net(), recipe).needed_bytes() < 1.2 * size
