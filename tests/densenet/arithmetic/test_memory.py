"""The estimate against the truth, and what must hold of it whatever the net."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory, totals
from densenet.arithmetic import plan as plan_module
from densenet.arithmetic.memory import feature_bytes, feature_bytes_by_layer, peaks
from densenet.arithmetic.plan import plan as plan_of
from densenet.arithmetic.step import step_moments
from densenet.config import STEMS
from densenet.model.net import DenseLayer, DenseNet
from densenet.presets import PRESET_IMAGE_SIZE
from tests.support.drawn import drawn

SEEDS = range(100, 112)
configs = st.builds(
    DenseNetConfig,
    growth_rate=st.integers(1, 48),
    block_config=st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple),
    num_init_features=st.integers(1, 96),
    bn_size=st.integers(0, 4),
    compression=st.sampled_from([0.1, 0.5, 1.0]),
    drop_rate=st.sampled_from([0.0, 0.3]),
    num_classes=st.integers(1, 1000),
    in_channels=st.integers(1, 4),
    stem=st.sampled_from(STEMS),
)
workloads = st.builds(
    Workload,
    image_size=st.integers(32, 224),
    batch_size=st.integers(1, 64),
    mode=st.sampled_from(["infer", "train"]),
    checkpointing=st.sampled_from(["none", "norm", "layer"]),
    optimizer=st.sampled_from(["sgd", "momentum", "adam"]),
    precision=st.sampled_from(["float32", "bfloat16"]),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_estimate_is_what_a_step_really_takes(seed: int) -> None:
    from densenet.measure.measurement import measure

    config, workload = drawn(seed, largest=128)
    estimate, truth = estimate_memory(config, workload).peak, measure(config, workload, "cpu").peak
    assert abs(estimate - truth) <= 0.0005 * truth, f"{estimate} estimated, {truth} measured, {config}, {workload}"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stem", [stem for stem in STEMS if stem not in ("imagenet", "cifar")])
def test_the_estimate_holds_for_other_stems(stem: str, seed: int) -> None:
    from densenet.measure.measurement import measure

    config, workload = drawn(seed, largest=96, stem=stem)
    for mode, checkpointing in (("train", "none"), ("train", "layer"), ("infer", "none")):
        asked = replace(workload, mode=mode, checkpointing=checkpointing, batch_size=3)
        estimate, truth = estimate_memory(config, asked).peak, measure(config, asked, "cpu").peak
        assert abs(estimate - truth) <= 0.0005 * truth, f"{estimate} estimated, {truth} measured, {config}, {asked}"


OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "adam": torch.optim.Adam,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_state_is_torchs_to_the_byte(name: str, tiny: DenseNet) -> None:
    optimizer = OPTIMIZERS[name](tiny.parameters())
    tiny(torch.rand(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    held = sum(value.numel() * value.element_size() for state in optimizer.state.values() for value in state.values() if value is not None)
    assert estimate_memory(tiny.config, Workload(image_size=32, mode="train", optimizer=name)).optimizer == held
    assert estimate_memory(tiny.config, Workload(image_size=32, mode="infer", optimizer=name)).optimizer == 0


OPERATORS = {  # of torch, and the operations of the plan and the phase in which they run
    "aten::native_batch_norm_backward": ("norm", "backward"),
    "aten::threshold_backward": ("relu", "backward"),
    "aten::avg_pool2d_backward": ("pool", "backward"),
    "aten::max_pool2d_with_indices": ("pool", "forward"),
}


@pytest.mark.parametrize("checkpointing", ["none", "layer"])
def test_the_timeline_is_what_lives_during_each_operation(checkpointing: str) -> None:
    import torch

    from densenet.measure.allocator import live_bytes
    from densenet.measure.measurement import _Step
    from densenet.model.net import DenseNet

    config = DenseNetConfig(growth_rate=8, block_config=(3, 2, 2), num_init_features=16, num_classes=10)
    workload = Workload(image_size=64, batch_size=4, mode="train", checkpointing=checkpointing)
    step = _Step(DenseNet(config, checkpointing), config, workload, torch.device("cpu"))
    step()
    step.model.zero_grad(set_to_none=True)
    standing = live_bytes([*step.model.parameters(), *step.model.buffers(), step.x, step.labels])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    events = profile.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    kinds = {row.path: row.op for row in plan_of(config, 64)}
    timeline = estimate_memory(config, workload).timeline
    for operator, (kind, phase) in OPERATORS.items():
        spans = sorted((e.start_ns(), e.start_ns() + e.duration_ns()) for e in events if e.name() == operator)
        seen = []
        for start, end in spans:
            live, most = standing, 0
            for when, change in changes:
                live += change if when <= end else 0
                most = max(most, live) if start <= when <= end else most
            seen.append(most)
        expected = [point.live_bytes for point in timeline if kinds.get(point.path) == kind and point.phase == phase]
        if kind == "pool":  # the stem's and the last are operators of their own
            expected = expected[:1] if phase == "forward" else expected[1:-1]
        assert expected == pytest.approx(seen, rel=0.0005), operator


def test_the_drawn_cases_cover_what_can_be_asked() -> None:
    cases = [drawn(seed) for seed in SEEDS]
    assert {c.stem for c, _ in cases} == {"imagenet", "cifar"}
    assert {bool(c.bn_size) for c, _ in cases} == {bool(c.drop_rate) for c, _ in cases} == {False, True}
    for field, choices in {"mode": 2, "checkpointing": 3, "optimizer": 3, "precision": 2}.items():
        assert len({getattr(w, field) for _, w in cases}) == choices, field


@given(configs, workloads)
def test_parts_sum_to_the_peak_and_the_timeline_reaches_it(config: DenseNetConfig, workload: Workload) -> None:
    estimate = estimate_memory(config, workload)
    parts = estimate.parameters, estimate.gradients, estimate.optimizer, estimate.activations, estimate.other
    assert all(part >= 0 for part in parts)
    assert sum(parts) == estimate.peak == max(point.live_bytes for point in estimate.timeline)
    assert estimate.where == estimate.timeline[estimate.peak_index]
    assert estimate.where.live_bytes == estimate.peak
    sums = totals(config, workload.image_size)
    assert estimate.parameters == 4 * sums.params + sums.buffer_bytes
    assert estimate.gradients <= 4 * sums.params
    if workload.mode == "infer":
        assert (estimate.gradients, estimate.optimizer) == (0, 0)


@given(configs, workloads)
def test_nothing_is_left_when_the_step_is_over(config: DenseNetConfig, workload: Workload) -> None:
    """The step ends with what stands for the next step: every gradient, and no activation."""
    workload = replace(workload, mode="train", optimizer="sgd")
    _, phase, fixed, per_image, gradients = step_moments(
        config, workload.image_size, "train", workload.checkpointing, workload.optimizer, workload.precision
    )[-1]
    assert phase == "optimizer"
    assert fixed == gradients == 4 * totals(config, workload.image_size).params
    assert per_image == 0


@given(configs, workloads)
def test_every_operation_is_in_the_timeline(config: DenseNetConfig, workload: Workload) -> None:
    estimate = estimate_memory(config, workload)
    named = {row.path for row in plan_of(config, workload.image_size) if row.op not in ("flatten", "dropout")}
    forward = [point.path for point in estimate.timeline if point.phase == "forward" and not point.path.endswith(".drop")]
    assert set(forward) == named | ({"loss"} if workload.mode == "train" else set())
    assert len(forward) == len(set(forward))
    phases = {point.phase for point in estimate.timeline}
    if workload.mode == "infer":
        assert phases == {"forward"}
    else:
        assert phases - {"recompute"} == {"forward", "backward", "optimizer"}
        assert ("recompute" in phases) == (workload.checkpointing != "none")
        convolutions = {row.path for row in plan_of(config, workload.image_size) if row.op in ("conv", "norm", "linear")}
        assert convolutions <= {point.path for point in estimate.timeline if point.phase == "backward"}


@given(configs, workloads, st.lists(st.integers(1, 65_536), min_size=1, max_size=6))
def test_peaks_are_those_of_each_batch_size(config: DenseNetConfig, workload: Workload, sizes: list[int]) -> None:
    assert peaks(config, workload, sizes) == tuple(estimate_memory(config, replace(workload, batch_size=size)).peak for size in sizes)


@given(configs, workloads)
def test_more_images_take_more(config: DenseNetConfig, workload: Workload) -> None:
    sizes = peaks(config, workload, [1, 2, 3, 8, 64, 65_536])
    assert list(sizes) == sorted(set(sizes))


@given(configs, workloads)
def test_training_takes_more_than_inference_and_adam_more_than_sgd(config: DenseNetConfig, workload: Workload) -> None:
    peak = {
        (mode, optimizer): estimate_memory(config, replace(workload, mode=mode, optimizer=optimizer)).peak
        for mode in ("infer", "train")
        for optimizer in ("sgd", "momentum", "adam")
    }
    assert peak["infer", "sgd"] == peak["infer", "adam"] < peak["train", "sgd"] < peak["train", "momentum"] < peak["train", "adam"]


@pytest.mark.parametrize("name", ["densenet121", "densenet201", "densenet_bc_100_12"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_each_kind_of_checkpointing_saves_more(name: str, precision: str) -> None:
    plain, norm, layer = (
        estimate_memory(PRESETS[name], Workload(mode="train", batch_size=16, image_size=64, checkpointing=kind, precision=precision)).peak
        for kind in ("none", "norm", "layer")
    )
    assert plain > 1.2 * norm
    assert norm > layer


def test_known_peaks_of_densenet121() -> None:
    """Batch 4 at 224, beyond parameters, buffers, images and labels: measured once, with all gradients in it."""
    for kind, mebibytes in {"none": 500.74, "norm": 175.93, "layer": 128.80}.items():
        estimate = estimate_memory(PRESETS["densenet121"], Workload(mode="train", batch_size=4, checkpointing=kind))
        assert (estimate.gradients + estimate.activations) / 2**20 == pytest.approx(mebibytes, abs=0.005)


@pytest.mark.parametrize(
    ("name", "size_px", "concatenated_mb", "new_mb"),
    [("densenet121", 224, 36.4, 4.3), ("densenet264", 224, 103.6, 5.5), ("densenet_bc_250_24", 32, 143.4, 5.3)],
)
def test_quadratic_against_linear(name: str, size_px: int, concatenated_mb: float, new_mb: float) -> None:
    copies = feature_bytes(PRESETS[name], size_px)
    assert round(copies.concatenated / 1e6, 1) == concatenated_mb
    assert round(copies.new / 1e6, 1) == new_mb


@pytest.mark.parametrize("name", ["tiny", "classroom", "densenet_bc_100_12"])
def test_features_add_up_layer_by_layer(name: str) -> None:
    """The dense layers' inputs, as the model's own modules see them in one forward pass."""
    config, size = PRESETS[name], PRESET_IMAGE_SIZE[name]
    with torch.device("meta"):
        model = DenseNet(config).eval()
        seen: list[tuple[int, int]] = []
        for module in model.modules():
            if isinstance(module, DenseLayer):
                module.norm1.register_forward_hook(
                    lambda _, x, out: seen.append((4 * out[0].numel(), 4 * config.growth_rate * out[0, 0].numel()))
                )
        model(torch.empty(1, config.in_channels, size, size))
    copies, new = (list(itertools.accumulate(values)) for values in zip(*seen, strict=True))
    assert [tuple(sums) for sums in feature_bytes_by_layer(config, size)] == list(zip(copies, new, strict=True))
    assert feature_bytes(config, size) == feature_bytes_by_layer(config, size)[-1]


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^image_size must be 29 to 4096"):
        estimate_memory(PRESETS["densenet121"], Workload(image_size=28))
    for size in (0, 65_537, True, 2.0):
        with pytest.raises(ValueError, match=r"^batch_size must be 1 to 65536"):
            peaks(PRESETS["tiny"], Workload(image_size=32), [size])  # type: ignore[list-item]


@pytest.mark.parametrize("name", ["densenet121", "densenet264"])
def test_it_is_cheap_enough_to_follow_a_slider(name: str) -> None:
    """Some twenty calls an operation, however many there are: 3 ms for DenseNet-201 (timed by the benchmark of the sliders)."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    plan_module._plan.cache_clear()
    step_moments.cache_clear()
    sys.setprofile(count)
    try:
        estimate_memory(PRESETS[name], Workload(image_size=101, mode="train", checkpointing="norm"))
    finally:
        sys.setprofile(None)
    assert calls < 26 * len(plan_of(PRESETS[name], 101))
