"""Real nets, built and run once; what cannot be is refused before it costs anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from densenet import PRESETS, DenseNetConfig, totals
from densenet.arithmetic.seconds import forward_seconds
from densenet.measure import instantiate
from densenet.measure.instantiate import instantiate as build
from densenet.presets import PRESET_IMAGE_SIZE
from densenet.running.device import DeviceMemory
from densenet.running.turns import alone_on
from densenet.stopping import Cancelled, go_on, stop_when

TINY = PRESETS["tiny"]


@pytest.fixture
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(*_: object, **__: object) -> None:
        raise AssertionError("the net was built")

    monkeypatch.setattr(instantiate, "build", built)


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr(instantiate, "device_memory", lambda _: DeviceMemory("a small machine", free_bytes, 2**40))


@pytest.mark.parametrize("name", ["tiny", "classroom", "densenet_bc_100_12"])
def test_what_was_built_is_what_was_computed(name: str) -> None:
    config = PRESETS[name]
    seen = build(config, PRESET_IMAGE_SIZE[name], "cpu")
    assert seen.params == totals(config).params
    assert seen.output_shape == (1, 10)
    assert seen.build_seconds > 0
    assert seen.forward_seconds > 0
    assert seen.runs >= 1
    assert seen.device.startswith("CPU")
    assert 0 < seen.free_bytes <= seen.total_bytes


def test_any_device_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device in ("cpu", torch.device("cpu"), None, "auto"):
        assert build(replace(TINY, num_classes=7), 8, device).output_shape == (1, 7)
    with pytest.raises(ValueError, match="device must be"):
        build(TINY, 8, "gpu")


def test_the_callers_modes_are_left() -> None:
    build(TINY, 8, "cpu")
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert torch.get_default_device() == torch.device("cpu")


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize("free_bytes", [0, 1000, 100_000_000])
def test_too_large_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    free(monkeypatch, free_bytes)
    with pytest.raises(
        ValueError,
        match=r"^Not built: a forward pass of this net on one image of 224 x 224 needs about .* GiB, and a small machine has .* free\.$",
    ):
        build(PRESETS["densenet161"], 224, "cpu")


@pytest.mark.usefixtures("nothing_is_built")
def test_too_slow_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 2**50)
    config = DenseNetConfig(growth_rate=512, block_config=(256,) * 4)
    with pytest.raises(
        ValueError, match=r"^Not built: a forward pass of this net on one image of 224 x 224 would take about \d+ s on a small machine"
    ):
        build(config, 224, "cpu")


def test_a_pass_of_up_to_twenty_seconds_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the README says."""
    monkeypatch.setattr(instantiate, "forward_seconds", lambda *_: 20.0)
    assert build(TINY, 8, "cpu").params == 3_730
    monkeypatch.setattr(instantiate, "forward_seconds", lambda *_: 20.6)
    with pytest.raises(ValueError, match=r"would take about 21 s on CPU .*; the limit here is 20 s\.$"):
        build(TINY, 8, "cpu")
    readme = (Path(instantiate.__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "whose forward pass is expected to take more than 20 s" in readme


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize("size", [1, 0, True, 32.0, 4097])
def test_a_bad_size_is_refused_before_anything_is_built(size: object) -> None:
    with pytest.raises(ValueError, match=r"^image_size must be"):
        build(TINY, size, "cpu")  # type: ignore[arg-type]


def test_expected_seconds_grow_with_the_net() -> None:
    small, large = (forward_seconds(PRESETS[name], 224, "cpu") for name in ("densenet121", "densenet161"))
    assert 0 < small < large < 20
    assert forward_seconds(PRESETS["densenet121"], 448, "cpu") > 3 * small
    assert forward_seconds(PRESETS["densenet121"], 224, "cuda") < small


def after(calls: int) -> tuple[list[int], Callable[[], bool]]:
    """A question that is answered yes from call number `calls` on, and its count."""
    count = [0]

    def superseded() -> bool:
        count[0] += 1
        return count[0] > calls

    return count, superseded


def test_a_superseded_build_stops_at_once() -> None:
    count, superseded = after(0)
    with pytest.raises(Cancelled):
        build(PRESETS["densenet264"], 224, "cpu", stop_when(superseded))
    assert count[0] == 1


def test_a_build_superseded_on_the_way_stops_there() -> None:
    total, never = after(10**9)
    build(TINY, 8, "cpu", never)
    assert total[0] > 10, "it is asked often"
    for calls in range(1, total[0], 7):
        count, superseded = after(calls)
        with pytest.raises(Cancelled):
            build(TINY, 8, "cpu", stop_when(superseded))
        assert count[0] == calls + 1
    count, superseded = after(total[0] - 1)
    with pytest.raises(Cancelled):
        build(TINY, 8, "cpu", stop_when(superseded))


def test_running_out_of_memory_after_all_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def out(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(instantiate.DenseNet, "forward", out)
    with pytest.raises(ValueError, match=r"^Not built: CPU .* ran out of memory with .* GiB free before\."):
        build(TINY, 8, "cpu")


@pytest.mark.usefixtures("nothing_is_built")
def test_it_waits_for_its_turn_says_so_and_can_be_given_up_there() -> None:
    told: list[bool] = []
    _, superseded = after(0)
    with alone_on(torch.device("cpu"), go_on), pytest.raises(Cancelled):
        build(TINY, 8, "cpu", stop_when(superseded), told.append)
    assert told == [True]
