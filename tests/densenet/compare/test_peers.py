"""The nets beside a DenseNet: published counts, the chain against a hand count, and memory against what torch says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from densenet import PRESETS, DenseNetConfig, Workload
from densenet.arithmetic.plan import conv_macs, conv_params
from densenet.compare.peers import PEERS, build_peer, count, peer_counts
from densenet.measure import measurement
from densenet.measure.forecast import expected_peer_seconds
from densenet.measure.measurement import measure, measure_peer
from densenet.published import RESNETS
from densenet.running.device import DeviceMemory
from densenet.stopping import Cancelled, stop_when
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
    """Values, gradients and an optimizer's two states of ResNet-18 alone are 170 MiB, whatever the images."""
    config = PRESETS["tiny"]
    for mebibytes, fits in ((400, True), (180, False)):
        monkeypatch.setattr(measurement, "device_memory", lambda _, free=mebibytes * 2**20: DeviceMemory("a small machine", free, 2**40))
        if fits:
            assert measure_peer("resnet18", config, Workload(image_size=32, batch_size=2, mode="train"), "cpu").peak > 0
        else:
            with pytest.raises(ValueError, match=r"^Not measured: training on a batch of 2 images of 32 x 32 needs about 0\.2 GiB"):
                measure_peer("resnet18", config, Workload(image_size=32, batch_size=2, mode="train"), "cpu")


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
    with pytest.raises(ValueError, match="batch_size must be at least 2 to train ResNet-18 on images of 32 x 32"):
        measure_peer("resnet18", tiny, Workload(image_size=32, mode="train"), "cpu")
    with pytest.raises(ValueError, match=r"^Not measured: training on a batch of 4096 images of 224 x 224"):
        measure_peer("resnet50", PRESETS["densenet121"], Workload(image_size=224, batch_size=4096, mode="train"), "cpu")
    with pytest.raises(Cancelled):
        measure_peer("resnet18", tiny, Workload(image_size=32), "cpu", stop_when(lambda: True))


def test_expected_time_grows_with_the_work() -> None:
    config = PRESETS["densenet121"]
    one = expected_peer_seconds("resnet18", config, Workload(), "cpu")
    assert expected_peer_seconds("resnet50", config, Workload(), "cpu") > one > 0
    assert expected_peer_seconds("resnet18", config, Workload(mode="train", batch_size=2), "cpu") == pytest.approx(6 * one)
