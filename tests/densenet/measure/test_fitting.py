"""A net that fits: valid for all sizes, within time and memory by the forecast, and never smaller for more of either."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densenet import estimate_memory, totals
from densenet.measure import fitting
from densenet.measure.fitting import Task, fitting_net, nets_for
from densenet.measure.forecast import expected_seconds

CIFAR = Task(images=50_000, size=32, channels=3, classes=10, seconds=3600, memory_bytes=2**33)
TASKS = st.builds(
    Task,
    images=st.integers(2, 200_000),
    size=st.integers(8, 256),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(2, 200),
    seconds=st.floats(1, 10**6),
    memory_bytes=st.integers(2**33, 2**38),
    batch_size=st.sampled_from([8, 64]),
    device_type=st.sampled_from(["cpu", "cuda"]),
)


def parameters(task: Task) -> int:
    return totals(fitting_net(task).config, task.size).params


@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_has_valid_nets(channels: int) -> None:
    for size in range(8, 257):
        for config in nets_for(replace(CIFAR, size=size, channels=channels)):
            assert config.check_image_size(size) == size
            assert (config.in_channels, config.num_classes) == (channels, 10)


@pytest.mark.parametrize("size", [8, 9, 15, 16, 28, 32, 40, 41, 64, 88, 89, 160, 255, 256])
def test_the_row_rises_in_parameters_and_time(size: int) -> None:
    task = replace(CIFAR, size=size)
    nets = nets_for(task)
    for measured in (
        [totals(config, size).params for config in nets],
        [expected_seconds(config, task.step(), "cpu") for config in nets],
    ):
        assert all(a < b for a, b in pairwise(measured))


@pytest.mark.parametrize("size", [8, 16, 41, 96, 256])
def test_memory_rises_with_the_row(size: int) -> None:
    task = replace(CIFAR, size=size, batch_size=8)
    peaks = [estimate_memory(config, task.step()).peak for config in nets_for(task)]
    assert peaks == sorted(peaks)


@settings(max_examples=40, deadline=None)
@given(TASKS)
def test_what_fits_keeps_to_time_and_memory(task: Task) -> None:
    found = fitting_net(task)
    step = task.step()
    assert found.peak_bytes == estimate_memory(found.config, step).peak < task.memory_bytes
    assert found.epoch_seconds == pytest.approx(expected_seconds(found.config, step, task.device_type) * task.images / task.batch_size)
    assert 1 <= found.epochs <= fitting.MOST_PASSES
    if found.config != nets_for(task)[0]:
        assert found.epoch_seconds * task.passes_needed <= task.seconds
        assert found.epochs >= int(task.passes_needed)


@settings(max_examples=25, deadline=None)
@given(TASKS, st.floats(1, 50), st.integers(1, 8))
def test_more_time_or_memory_gives_no_smaller_net(task: Task, longer: float, more: int) -> None:
    small = parameters(task)
    assert parameters(replace(task, seconds=task.seconds * longer)) >= small
    assert parameters(replace(task, memory_bytes=task.memory_bytes * more)) >= small
    assert parameters(replace(task, seconds=task.seconds * longer, memory_bytes=task.memory_bytes * more)) >= small


def test_a_longer_time_gives_a_larger_net_and_says_what_holds_it_back() -> None:
    nets = [fitting_net(replace(CIFAR, seconds=60.0 * minutes)) for minutes in (1, 10, 60, 600)]
    counts = [totals(found.config, 32).params for found in nets]
    assert counts == sorted(set(counts))
    assert "is the smallest net, and even that sees each picture only" in nets[0].why
    assert "the next larger one would see each picture fewer than 8 times in that time" in nets[2].why
    assert nets[2].why.startswith("50,000 pictures of 32 × 32 in 10 classes: k = ")
    assert "by heart" in fitting_net(replace(CIFAR, images=100)).why
    tight = fitting_net(replace(CIFAR, memory_bytes=100 * 2**20))
    assert "would not fit into the memory" in tight.why
    assert tight.peak_bytes < 100 * 2**20


def test_what_cannot_be_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"memory must be at least \d+ MiB for a batch of 64 pictures of 32 x 32, got 1 MiB"):
        fitting_net(replace(CIFAR, memory_bytes=2**20))
    for field, value in (("images", 0), ("size", 0), ("channels", 0), ("classes", 0), ("seconds", 0), ("batch_size", 0)):
        with pytest.raises(ValueError, match=f"{field} must be"):
            replace(CIFAR, **{field: value})  # type: ignore[arg-type]
