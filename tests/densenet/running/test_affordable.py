"""What does not fit, or takes too long, is refused with its numbers before anything is made; and what is said to be needed is enough."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory
from densenet.attribution import METHODS, attribute, expected_seconds, film_strip
from densenet.attribution.cost import check_film, check_map, check_trust
from densenet.attribution.insertion import curves
from densenet.features.inside import channel_statistics, check_maps, feature_maps, inside_layers
from densenet.features.lesion import lesion, lesion_map
from densenet.measure.allocator import allocated_peak
from densenet.model.net import DenseNet
from densenet.running import affordable, batching
from densenet.running.affordable import check_affordable
from densenet.running.device import DeviceMemory

CPU = torch.device("cpu")
Make = Callable[..., DenseNet]
Free = Callable[[float], None]
OPTIONS: dict[str, dict[str, object]] = {
    "integrated_gradients": {"steps": 20},
    "smoothgrad": {"samples": 20},
    "occlusion": {"window": 16, "stride": 16},
}


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    """Return a function that says how many bytes are free."""

    def have(free_bytes: float) -> None:
        monkeypatch.setattr(affordable, "device_memory", lambda _: DeviceMemory("a small machine", int(free_bytes), 2**40))

    return have


def bytes_asked(call: Callable[[], object], free: Free) -> int:
    """The memory below which `call` is refused, found by halving."""
    low, high = 0, 2**40
    while high - low > max(1, low // 1000):
        middle = (low + high) // 2
        free(middle)
        try:
            call()
            high = middle
        except ValueError:
            low = middle
    return high


def test_the_estimate_is_asked_and_said(free: Free) -> None:
    config = PRESETS["densenet_bc_100_12"]
    free(13.1 * 2**30)
    needed = 1.25 * estimate_memory(config, Workload(image_size=4096)).peak / 2**30
    sentence = (
        f"Not run: work on one image of 4096 x 4096 pixels with this net needs about {needed:.1f} GiB, "
        "and a small machine has 13.1 GiB free. A card with a smaller crop_px and resize_px would do."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        check_affordable(config, 4096, CPU)
    assert needed > 50
    check_affordable(config, 32, CPU)


def test_batches_gradients_and_what_comes_beside_need_more(free: Free) -> None:
    config = PRESETS["tiny"]
    asked = [
        bytes_asked(lambda more=more: check_affordable(config, 64, CPU, **more), free)  # type: ignore[misc]
        for more in ({}, {"besides_bytes": 10**6}, {"images": 8}, {"images": 8, "gradients": True})
    ]
    assert asked == sorted(asked)
    assert asked[1] - asked[0] == pytest.approx(10**6, rel=0.01)
    peaks = [estimate_memory(config, Workload(image_size=64, batch_size=8, mode=mode)).peak for mode in ("infer", "train")]
    assert asked[2:] == pytest.approx([1.25 * peak for peak in peaks], rel=0.002)


def test_time_is_asked_too(free: Free) -> None:
    free(2**60)
    config = PRESETS["densenet121"]
    check_affordable(config, 224, CPU)
    for late in ({"passes": 1e4}, {"besides_seconds": 21.0}):
        with pytest.raises(
            ValueError,
            match=r"^Not run: work on one image of 224 x 224 pixels with this net would take about \d+ s on .*; the limit here is 20 s\.",
        ):
            check_affordable(config, 224, CPU, **late)
    check_affordable(config, 224, CPU, besides_seconds=21.0, most_seconds=60.0)


@pytest.mark.parametrize("config", [PRESETS["tiny"], replace(PRESETS["densenet_bc_100_12"], block_config=(6, 6, 6))], ids=["tiny", "bc"])
@pytest.mark.parametrize("method", METHODS)
def test_a_map_takes_no_more_than_was_asked_for_it(make_net: Make, config: DenseNetConfig, method: str, free: Free) -> None:
    model = make_net(config).requires_grad_(False)
    x = torch.randn(1, 3, 64, 64)
    options = OPTIONS.get(method, {})
    asked = bytes_asked(lambda: check_map(model, x, method, **options), free)  # type: ignore[arg-type]
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    taken = allocated_peak(lambda: attribute(model, x, 1, method, stop=lambda: None, **options))  # type: ignore[arg-type]
    assert taken.tensors + weights < asked
    assert asked < 4 * taken.tensors + 8 * weights, "and not many times more"


def test_a_film_strip_maps_and_lesions_take_no_more_than_was_asked_for_them(make_net: Make, free: Free) -> None:
    model = make_net(PRESETS["tiny"]).requires_grad_(False)
    x = torch.randn(1, 3, 64, 64)
    layers = {layer.name: layer for layer in inside_layers(model.config, 64)}
    works: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (lambda: check_film(model, x), lambda: film_strip(model, x, 1)),
        (lambda: lesion(model, x, 1, 0), lambda: lesion(model, x, 1, 0)),
        (lambda: lesion_map(model, x, 1, 1), lambda: lesion_map(model, x, 1, 1)),
    ]
    for name in ("features.denseblock1", "relu5"):
        layer = layers[name]
        works.append(
            (
                lambda layer=layer: check_maps(model, x, layer),  # type: ignore[misc]
                lambda name=name: channel_statistics(feature_maps(model, x, name)),  # type: ignore[misc]
            )
        )
    for check, work in works:
        asked = bytes_asked(check, free)
        free(2**40)
        assert allocated_peak(work).tensors < asked


def test_trust_asks_for_its_maps_and_its_curves(make_net: Make, free: Free, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_net(PRESETS["tiny"])
    x = torch.randn(1, 3, 32, 32)
    free(2**60)
    monkeypatch.setattr(batching, "seconds_per_image", lambda *_: 2.0)
    for method in ("saliency", "occlusion"):
        maps = (1 + METHODS[method].untrained_nets) * expected_seconds(model, x, method)
        passes: list[Tensor] = []
        model.register_forward_pre_hook(lambda _module, args, passes=passes: passes.extend(args[0]))
        curves(model, x, 1, torch.rand(1, 3, 32, 32))
        with pytest.raises(
            ValueError, match=f"would take about {maps + 2 * len(passes):.0f} s on a small machine; the limit here is 300 s"
        ):
            check_trust(model, x, method)
    free(0)
    with pytest.raises(ValueError, match=r"0\.0 GiB free"):
        check_trust(model, x, "saliency")
