"""Steps taken for real: what is reported of them, what is refused before, and how they are given up."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory, totals
from densenet.arithmetic.plan import plan
from densenet.measure import instantiate as instantiating
from densenet.measure import measurement as module
from densenet.measure.instantiate import instantiate
from densenet.measure.measurement import measure, measure_peer
from densenet.model.net import DenseNet
from densenet.running.device import DeviceMemory
from densenet.running.turns import alone_on
from densenet.stopping import Cancelled, go_on, stop_when
from tests.support.live_tensors import peak_of_step

TINY = PRESETS["tiny"]
TRAIN = Workload(image_size=32, batch_size=4, mode="train")


@pytest.fixture
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(*_: object, **__: object) -> None:
        raise AssertionError("the net was built")

    monkeypatch.setattr(module, "build", built)


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr(module, "device_memory", lambda _: DeviceMemory("a small machine", free_bytes, 2**40))


@pytest.mark.parametrize("checkpointing", ["none", "norm", "layer"])
@pytest.mark.parametrize("mode", ["infer", "train"])
def test_what_is_reported(mode: str, checkpointing: str) -> None:
    workload = replace(TRAIN, mode=mode, checkpointing=checkpointing)
    seen = measure(TINY, workload, "cpu")
    assert seen.params == totals(TINY).params
    assert seen.peak == pytest.approx(estimate_memory(TINY, workload).peak, rel=0.0005)
    assert seen.seconds > 0
    assert seen.images_per_second == pytest.approx(4 / seen.seconds)
    assert seen.runs >= 1
    assert seen.device.startswith("CPU")
    assert "torch.profiler" in seen.method
    assert seen.workspace is not None
    assert seen.workspace >= 0
    assert 0 < seen.free_bytes <= seen.total_bytes


@pytest.mark.parametrize("checkpointing", ["none", "norm", "layer"])
@pytest.mark.parametrize("mode", ["infer", "train"])
def test_the_peak_is_that_of_the_tensors_that_live(mode: str, checkpointing: str) -> None:
    config = DenseNetConfig(growth_rate=8, block_config=(4, 4), num_init_features=16, num_classes=10, stem="cifar")
    workload = replace(TRAIN, mode=mode, checkpointing=checkpointing)
    seen = measure(config, workload, "cpu").peak
    assert seen == pytest.approx(peak_of_step(DenseNet(config, checkpointing), config, workload), rel=0.002)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_the_optimizers_state_and_temporaries_are_in_the_peak(optimizer: str) -> None:
    """Of a wide net and small images, so that parameters are most of it and the peak is in the optimizer's step."""
    config = DenseNetConfig(growth_rate=32, block_config=(2, 2), num_init_features=64, num_classes=10, stem="cifar")
    workload = replace(TRAIN, image_size=4, batch_size=2, optimizer=optimizer)
    truth = peak_of_step(DenseNet(config), config, workload)
    assert measure(config, workload, "cpu").peak == pytest.approx(truth, rel=0.002)
    assert estimate_memory(config, workload).peak == pytest.approx(truth, rel=0.002)


def test_the_time_of_a_step_is_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time_calls", lambda *_: [9.0, 1.0, 2.0])
    seen = measure(TINY, TRAIN, "cpu")
    assert (seen.seconds, seen.runs, seen.images_per_second) == (2.0, 3, 2.0)


def test_up_to_two_minutes_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five steps: to warm up, to watch the memory, and three for the time."""
    monkeypatch.setattr(module, "expected_seconds", lambda *_: 24.0)
    assert measure(TINY, TRAIN, "cpu").peak > 0
    monkeypatch.setattr(module, "expected_seconds", lambda *_: 24.2)
    with pytest.raises(ValueError, match=r"would take about 121 s on .*; the limit here is 120 s\.$"):
        measure(TINY, TRAIN, "cpu")


def test_the_bytes_of_other_work_are_not_counted() -> None:
    alone = measure(TINY, TRAIN, "cpu").peak
    other = [torch.rand(1000, 1000) for _ in range(5)]
    assert measure(TINY, TRAIN, "cpu").peak == alone
    assert len(other) == 5


def test_the_net_is_freed_and_the_callers_modes_are_left() -> None:
    def nets() -> set[int]:
        gc.collect()
        return {id(o) for o in gc.get_objects() if type(o) is DenseNet}

    others = nets()  # other tests keep loaded nets
    measure(TINY, TRAIN, "cpu")
    assert nets() <= others
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.usefixtures("nothing_is_built")
def test_too_large_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 2**30)
    with pytest.raises(
        ValueError,
        match=r"^Not measured: training on a batch of 64 images of 224 x 224 needs about 9\.\d GiB, and a small machine has 1\.0 GiB",
    ):
        measure(PRESETS["densenet121"], Workload(mode="train", batch_size=64), "cpu")


@pytest.mark.usefixtures("nothing_is_built")
def test_too_slow_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 2**60)
    with pytest.raises(ValueError, match=r"^Not measured: inference on a batch of 4096 images of 224 x 224 would take about \d+ s"):
        measure(PRESETS["densenet121"], Workload(batch_size=4096), "cpu")


@pytest.mark.usefixtures("nothing_is_built")
def test_other_refusals() -> None:
    with pytest.raises(ValueError, match=r"^image_size must be 29 to 4096"):
        measure(PRESETS["densenet121"], Workload(image_size=28), "cpu")
    with pytest.raises(ValueError, match=r"^batch_size must be at least 2 to train on images of 32 x 32, got 1: the maps at features\."):
        measure(PRESETS["densenet121"], Workload(image_size=32, mode="train"), "cpu")
    with pytest.raises(ValueError, match=r"^device must be"):
        measure(TINY, TRAIN, "gpu")
    with pytest.raises(ValueError, match=r"^device must be one of cpu, cuda to measure memory on, got 'mps'"):
        measure(TINY, TRAIN, torch.device("mps"))


def test_one_image_of_one_pixel_maps_can_be_inferred() -> None:
    assert measure(DenseNetConfig(block_config=(1, 1, 1, 1), growth_rate=4), Workload(image_size=32), "cpu").peak > 0


@pytest.mark.parametrize("where", ["forward", "head"])
def test_running_out_of_memory_after_all_is_a_sentence(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def out(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.")

    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    monkeypatch.setattr(DenseNet, where, out)
    with pytest.raises(
        ValueError,
        match=r"^Not measured: CPU .* ran out of memory with .* GiB free before\. Asked was training on a batch of 4 images of 32 x 32",
    ):
        measure(TINY, TRAIN, "cpu")
    assert emptied == [True]
    monkeypatch.undo()
    assert measure(TINY, TRAIN, "cpu").peak > 0, "the device is free again"


def after(calls: int) -> tuple[list[int], Callable[[], bool]]:
    """A question that is answered yes from call number `calls` on, and its count."""
    count = [0]

    def cancelled() -> bool:
        count[0] += 1
        return count[0] > calls

    return count, cancelled


@pytest.mark.parametrize("checkpointing", ["none", "layer"])
def test_a_measurement_can_be_given_up_anywhere(checkpointing: str) -> None:
    workload = replace(TRAIN, checkpointing=checkpointing)
    total, never = after(10**9)
    measure(TINY, workload, "cpu", never)
    assert total[0] > 40, "it is asked often"
    for calls in range(0, total[0], 9):
        count, cancelled = after(calls)
        with pytest.raises(Cancelled):
            measure(TINY, workload, "cpu", stop_when(cancelled))
        assert count[0] == calls + 1
    assert not issubclass(Cancelled, ValueError)


def test_the_backward_pass_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every convolution asks twice in a training step: before it runs, and when its gradient is there."""
    monkeypatch.setattr(module, "_SLOW_SECONDS", float("inf"))  # each step is taken, however slow the machine
    (infer, never), (train, still_never) = after(10**9), after(10**9)
    measure(TINY, replace(TRAIN, mode="infer"), "cpu", never)
    measure(TINY, TRAIN, "cpu", still_never)
    convolutions = sum(row.op == "conv" for row in plan(TINY, 32))
    assert train[0] - infer[0] == convolutions * module.STEPS_TAKEN == convolutions * 5


class Crowd:
    """Counts who is inside at once, and keeps each of them there until others have had every chance to come in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside = self.most = self.came = 0
        self.lock = threading.Lock()
        for where, name in ((module, "_take_steps"), (instantiating, "_build_and_run")):
            monkeypatch.setattr(where, name, self.watch(getattr(where, name)))

    def watch(self, original: Callable[..., object]) -> Callable[..., object]:
        def watched(*args: object) -> object:
            with self.lock:
                self.came += 1
                self.inside += 1
                self.most = max(self.most, self.inside)
            try:
                threading.Event().wait(0.02)
                return original(*args)
            finally:
                with self.lock:
                    self.inside -= 1

        return watched


def test_measurements_and_builds_take_turns_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch)
    peaks: list[int] = []
    work: list[Callable[[], object]] = [lambda: peaks.append(measure(TINY, TRAIN, "cpu").peak), lambda: instantiate(TINY, 32, "cpu")]
    threads = [threading.Thread(target=one) for one in 3 * work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (crowd.came, crowd.most) == (6, 1)
    assert len(peaks) == 3
    assert len(set(peaks)) == 1


def give_up() -> None:
    raise Cancelled


@pytest.mark.usefixtures("nothing_is_built")
def test_waiting_can_be_given_up() -> None:
    with alone_on(torch.device("cpu"), go_on):
        with pytest.raises(Cancelled):
            measure(TINY, TRAIN, "cpu", give_up)
        with pytest.raises(Cancelled):
            measure_peer("resnet18", TINY, TRAIN, "cpu", give_up)


def test_a_measurement_given_up_leaves_no_net_to_the_next_one() -> None:
    kept: list[weakref.ref[DenseNet]] = []

    def stop() -> None:
        if nets := [o for o in gc.get_objects() if type(o) is DenseNet and o.config == odd]:
            kept.append(weakref.ref(nets[0]))
            del nets
            raise Cancelled

    odd = replace(TINY, num_classes=11)
    with pytest.raises(Cancelled) as caught:
        measure(odd, TRAIN, "cpu", stop)
    assert caught.value.__traceback__ is not None
    assert kept[0]() is None


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("checkpointing", ["none", "norm", "layer"])
def test_on_a_cuda_device(checkpointing: str) -> None:
    workload = Workload(mode="train", batch_size=8, checkpointing=checkpointing)
    seen = measure(PRESETS["densenet121"], workload, "cuda")
    assert seen.method == "torch.cuda.max_memory_allocated"
    assert seen.workspace is None
    assert seen.peak == pytest.approx(estimate_memory(PRESETS["densenet121"], workload).peak, rel=0.25)
