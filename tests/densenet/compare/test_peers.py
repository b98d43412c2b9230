"""The nets beside a DenseNet: published counts, the chain against a hand count, and memory against what torch says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from densenet import PRESETS, DenseNetConfig, Workload
from densenet.arithmetic.plan import conv_macs, conv_params
from densenet.compare.peers import PEERS, build_peer, count, estimate_peer_memory, peer_counts, peer_plan
from densenet.config import MODES
from densenet.measure import measurement
from densenet.measure.forecast import expected_peer_seconds
from densenet.measure.measurement import measure, measure_peer
from densenet.published import RESNETS
from densenet.running.device import DeviceMemory
from densenet.stopping import Cancelled, stop_when
from tests.support.drawn import drawn
from tests.support.live_tensors import peak_of_step


@pytest.mark.parametrize("name", RESNETS)
def test_published_figures_are_torchvisions(name: str) -> None:
    meta = torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta
    accuracy = meta["_metrics"]["ImageNet-1K"]
    assert (RESNETS[name].params, RESNETS[name].gmacs) == (meta["num_params"], meta["_ops"])
    assert (RESNETS[name].top1_accuracy, RESNETS[name].top5_accuracy) == (accuracy["acc@1"], accuracy["acc@5"])


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_counted_resnets_are_the_published_ones(name: str) -> None:
    counts = peer_counts(name, PRESETS["densenet121"], 224)
    assert RESNETS[name].agrees_on_params(counts.params)
    assert RESNETS[name].agrees_on_macs(counts.macs)
    assert counts.classifier_inputs == (2048 if name == "resnet50" else 512)


def test_counting_agrees_with_the_plan_on_a_densenet() -> None:
    from densenet import totals
    from densenet.model.net import DenseNet

    with torch.device("meta"):
        model = DenseNet(PRESETS["classroom"])
    counts = count(model, 1, 96)
    assert (counts.params, counts.macs, counts.classifier_inputs) == (757_322, totals(PRESETS["classroom"], 96).macs, 248)


CONFIGS = st.builds(
    DenseNetConfig,
    growth_rate=st.integers(1, 12),
    block_config=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    num_init_features=st.integers(1, 16),
    bn_size=st.integers(0, 3),
    compression=st.sampled_from([0.3, 0.5, 1.0]),
    num_classes=st.integers(1, 12),
    in_channels=st.integers(1, 4),
    stem=st.just("cifar"),
)


def _by_hand(config: DenseNetConfig, size: int) -> tuple[int, int]:
    """Parameters and multiply-accumulates of the chain, from the definition: what reads C and makes k, layer after layer."""
    k, middle, channels = config.growth_rate, config.bn_size * config.growth_rate, config.num_init_features
    params, macs = conv_params(config.in_channels, channels, 3), conv_macs(config.in_channels, channels, 3, size)
    for block, layers in enumerate(config.block_config):
        for _ in range(layers):
            convolutions = [(channels, middle, 1), (middle, k, 3)] if middle else [(channels, k, 3)]
            params += sum(2 * cin + conv_params(cin, cout, kernel) for cin, cout, kernel in convolutions)
            macs += sum(conv_macs(cin, cout, kernel, size) for cin, cout, kernel in convolutions)
            channels = k
        if block + 1 < len(config.block_config):
            kept = max(1, int(channels * config.compression))
            params += 2 * channels + channels * kept
            macs += channels * kept * size**2
            channels, size = kept, size // 2
    return params + 2 * channels + (channels + 1) * config.num_classes, macs + channels * config.num_classes


@settings(max_examples=25)  # each counts a module with torchinfo
@given(CONFIGS)
def test_the_chain_is_the_net_without_concatenation(config: DenseNetConfig) -> None:
    counts = peer_counts("chain", config, 16)
    assert (counts.params, counts.macs) == _by_hand(config, 16)


@pytest.mark.parametrize("name", PEERS)
def test_peers_take_the_nets_channels_and_classes(name: str) -> None:
    config = replace(PRESETS["tiny"], in_channels=2, num_classes=7)
    model = build_peer(name, config).eval()
    assert model(torch.rand(2, 2, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("name", ["chain", "resnet18"])
@pytest.mark.parametrize("mode", ["infer", "train"])
def test_a_peers_memory_is_measured(name: str, mode: str) -> None:
    config, workload = PRESETS["tiny"], Workload(image_size=64, batch_size=4, mode=mode)
    seen = measure_peer(name, config, workload, "cpu")
    assert seen.params == peer_counts(name, config, 64).params
    assert seen.peak == pytest.approx(peak_of_step(build_peer(name, config), config, workload), rel=0.002)
    assert seen.seconds > 0


def test_a_peer_is_refused_where_its_training_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, gradients and Adam's two states of ResNet-18 alone are 170 MiB, whatever the images."""
    config, workload = PRESETS["tiny"], Workload(image_size=32, batch_size=2, mode="train", optimizer="adam")
    for mebibytes, fits in ((400, True), (180, False)):
        monkeypatch.setattr(measurement, "device_memory", lambda _, free=mebibytes * 2**20: DeviceMemory("a small machine", free, 2**40))
        if fits:
            assert measure_peer("resnet18", config, workload, "cpu").peak > 0
        else:
            with pytest.raises(ValueError, match=r"^Not measured: training on a batch of 2 images of 32 x 32 needs about 0\.2 GiB"):
                measure_peer("resnet18", config, workload, "cpu")


@pytest.mark.parametrize("seed", range(12))
def test_the_estimate_of_a_peer_is_what_a_step_really_takes(seed: int) -> None:
    """Each seed draws a net, a step and one of its peers; the error is set beside what is neither weights nor optimizer's state."""
    config, drawn_workload = drawn(seed, largest=64)
    name = list(PEERS)[seed % len(PEERS)]
    for mode in MODES:
        workload = replace(drawn_workload, mode=mode, batch_size=max(2, drawn_workload.batch_size))
        estimate, truth = estimate_peer_memory(name, config, workload), measure_peer(name, config, workload, "cpu").peak
        standing = estimate.parameters + estimate.optimizer
        assert abs(estimate.peak - truth) <= 0.005 * (truth - standing), f"{estimate.peak}, measured {truth}: {config}, {workload}"


@pytest.mark.parametrize(
    ("name", "optimizer", "precision"),
    [
        ("chain", "adam", "float32"),
        ("chain", "momentum", "float16"),
        ("resnet18", "momentum", "float32"),
        ("resnet34", "adam", "float32"),
        ("resnet50", "sgd", "float32"),
    ],
)
def test_the_estimate_of_a_peer_holds_where_maps_are_most_of_it(name: str, optimizer: str, precision: str) -> None:
    """An odd size, which every halving rounds, and a stem that pools behind a norm."""
    config = replace(PRESETS["tiny"], in_channels=2, stem="cifar_norm_pool", drop_rate=0.2)
    size, batch = (65, 6) if precision == "float32" else (33, 2)  # many processors do float16 slowly
    workload = Workload(image_size=size, batch_size=batch, mode="train", optimizer=optimizer, precision=precision)
    estimate, truth = estimate_peer_memory(name, config, workload).peak, measure_peer(name, config, workload, "cpu").peak
    assert abs(estimate - truth) <= 0.0005 * truth, f"{estimate}, measured {truth}"


@pytest.mark.parametrize("name", PEERS)
def test_the_plan_of_a_peer_is_the_module_row_by_row(name: str) -> None:
    """Every module with a name in the plan, in the order of execution: what it reads, puts out and counts."""
    config, size = replace(PRESETS["tiny"], in_channels=2, num_classes=7, drop_rate=0.1, block_config=(2, 1, 3)), 45
    with torch.device("meta"):
        model = build_peer(name, config)
        x = torch.empty(1, 2, size, size)
    seen: list[tuple[str, int, int, int, int, int]] = []

    def note(path: str, module: nn.Module, read: torch.Tensor, out: torch.Tensor) -> None:
        sides = [t.shape[2] if t.ndim == 4 else 1 for t in (read, out)]
        seen.append((path, read.shape[1], out.shape[1], *sides, sum(p.numel() for p in module.parameters())))

    for path, module in model.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, args, out, path=path: note(path, module, args[0], out))
    with FlopCounterMode(display=False) as counter:
        model.eval()(x)
    rows = peer_plan(name, config, size)
    planned = [(r.path, r.in_channels, r.out_channels, r.in_size, r.out_size, r.params) for r in rows if r.op != "add"]
    assert planned == [(path, *shape[:-1], shape[-1]) for path, *shape in seen]
    assert sum(r.macs for r in rows) == counter.get_total_flops() // 2
    for row in rows:
        if row.macs:
            counted = sum(counter.get_flop_counts()[f"{type(model).__name__}.{row.path}"].values())
            assert row.macs == counted // 2, row.path
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    assert sum(r.buffer_bytes for r in rows) == buffers


def test_what_a_net_freezes_is_no_matter_of_its_peers() -> None:
    config, workload = PRESETS["tiny"], Workload(image_size=32, batch_size=2, mode="train")
    for name in PEERS:
        peak = estimate_peer_memory(name, config, workload).peak
        for fields in ({"frozen": "features"}, {"checkpointing": "layer"}):
            assert estimate_peer_memory(name, config, replace(workload, **fields)).peak == peak


def test_a_chain_needs_less_than_the_net_whose_layers_it_has() -> None:
    workload = Workload(image_size=32, batch_size=4, mode="train")
    config = DenseNetConfig(growth_rate=8, block_config=(6, 6), num_init_features=16, num_classes=10, stem="cifar")
    assert measure_peer("chain", config, workload, "cpu").peak < measure(config, workload, "cpu").peak


def test_refusals() -> None:
    tiny = PRESETS["tiny"]
    with pytest.raises(ValueError, match="peer must be one of chain, resnet18, resnet34, resnet50, got 'vgg'"):
        peer_counts("vgg", tiny, 32)
    with pytest.raises(ValueError, match="image_size must be 2 to 4096"):
        peer_counts("chain", tiny, 1)
    with pytest.raises(
        ValueError, match="batch_size must be at least 2 to train ResNet-18 on images of 32 x 32, got 1: the maps at layer4"
    ):
        measure_peer("resnet18", tiny, Workload(image_size=32, mode="train"), "cpu")
    with pytest.raises(ValueError, match="batch_size must be at least 2 to train it on images of 2 x 2"):
        measure_peer("chain", tiny, Workload(image_size=2, mode="train"), "cpu")
    for asked in (lambda: peer_plan("vgg", tiny, 32), lambda: estimate_peer_memory("vgg", tiny, Workload(image_size=32))):
        with pytest.raises(ValueError, match="peer must be one of chain, resnet18, resnet34, resnet50, got 'vgg'"):
            asked()
    with pytest.raises(ValueError, match=r"^Not measured: training on a batch of 4096 images of 224 x 224"):
        measure_peer("resnet50", PRESETS["densenet121"], Workload(image_size=224, batch_size=4096, mode="train"), "cpu")
    with pytest.raises(Cancelled):
        measure_peer("resnet18", tiny, Workload(image_size=32), "cpu", stop_when(lambda: True))


def test_expected_time_grows_with_the_work() -> None:
    config = PRESETS["densenet121"]
    one = expected_peer_seconds("resnet18", config, Workload(), "cpu")
    assert expected_peer_seconds("resnet50", config, Workload(), "cpu") > one > 0
    assert expected_peer_seconds("resnet18", config, Workload(mode="train", batch_size=2), "cpu") == pytest.approx(6 * one)
