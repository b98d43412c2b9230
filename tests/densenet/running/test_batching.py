"""How many images go at once: at least one, fewer for a slower net, never more than can be waited for."""

from __future__ import annotations

import pytest
import torch

from densenet import PRESETS
from densenet.arithmetic.seconds import forward_seconds
from densenet.running import batching
from densenet.running.batching import bounded_batch, seconds_per_image, stoppable_batch

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
TINY, LARGE = PRESETS["tiny"], PRESETS["densenet264"]


def test_the_time_of_an_image_follows_its_pixels() -> None:
    square = seconds_per_image(LARGE, 224, 224, CPU)
    assert square == pytest.approx(forward_seconds(LARGE, 224, "cpu"))
    assert seconds_per_image(LARGE, 112, 224, CPU) == pytest.approx(square / 2)
    assert seconds_per_image(LARGE, 224, 112, CPU) == pytest.approx(square / 2)
    assert seconds_per_image(LARGE, 224, 224, CUDA) < square


def test_an_image_smaller_than_the_net_takes_is_still_forecast() -> None:
    assert 0 < seconds_per_image(LARGE, 4, 4, CPU) < seconds_per_image(LARGE, 29, 29, CPU)


def test_a_batch_stays_below_half_a_second() -> None:
    assert bounded_batch(TINY, 8, 8, CPU) == 64
    assert bounded_batch(LARGE, 224, 224, CPU) == 1
    for size in (48, 96, 160):
        images = bounded_batch(PRESETS["densenet121"], size, size, CPU)
        assert images == 1 or images * seconds_per_image(PRESETS["densenet121"], size, size, CPU) < 0.5


def test_a_batch_that_can_be_stopped_inside_may_be_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stoppable_batch(TINY, 8, 8, CPU, gradients=True) == 8
    assert stoppable_batch(TINY, 8, 8, CUDA, gradients=True) == 32
    assert stoppable_batch(LARGE, 1024, 1024, CPU, gradients=True) == 1
    assert [stoppable_batch(TINY, 8, 8, CUDA, gradients=g) for g in (True, False)] == [32, 32]
    monkeypatch.setattr(batching, "seconds_per_image", lambda *_: 0.25)
    assert [stoppable_batch(TINY, 8, 8, CUDA, gradients=g) for g in (True, False)] == [2, 6], "a second and a half, three passes or one"
    monkeypatch.undo()
    with_gradients, without = (stoppable_batch(PRESETS["densenet121"], 224, 224, CPU, gradients=g) for g in (True, False))
    assert 1 <= with_gradients < without <= 8
