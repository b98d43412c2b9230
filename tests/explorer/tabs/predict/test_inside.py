"""The inside view shows the maps that `densenet.features.inside` returns, on one scale."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from densenet import PRESETS, plan, totals
from densenet.arithmetic.receptive import receptive_fields
from densenet.features.inside import channel_statistics, feature_maps, inside_layers
from densenet.weights.loading import load
from explorer.components.colours import AMOUNTS, BOTH_WAYS, palette
from explorer.components.overlays import scale_of
from explorer.settings import Settings
from explorer.tabs.predict import inside as view
from explorer.tabs.predict.stage import NOTHING
from explorer.work.subject import Asked, subject_of

SETTINGS = Settings(device="cpu", offline=True)
ASKED = Asked("a", "cifar10", 5)


@pytest.fixture(scope="module")
def photo(samples: Path) -> Image.Image:
    return Image.open(samples / "beagle.jpg").convert("RGB")


def shown(photo: Image.Image, layer: str, order: str = view.LARGEST) -> tuple[dict[str, Any], str]:
    return view.show(SETTINGS, photo, ASKED, layer, order)


def truth(photo: Image.Image, layer: str) -> Any:
    subject = subject_of(SETTINGS, photo, ASKED)
    return feature_maps(subject.model, subject.x, layer)


def pictures(page: str) -> list[np.ndarray]:
    """Of the maps; the photo beside them is none."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)" alt="channel', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")) for text in found]


def test_nothing_without_a_photo(photo: Image.Image) -> None:
    assert view.show(SETTINGS, None, ASKED, "relu5", view.LARGEST)[1] == NOTHING
    assert view.show(SETTINGS, photo, None, "relu5", view.LARGEST)[1] == NOTHING


@pytest.mark.parametrize("layer", ["features.conv0", "features.denseblock2.denselayer3", "features.transition3", "relu5"])
@pytest.mark.parametrize("order", view.ORDERS)
def test_pictures_and_numbers_are_the_maps(photo: Image.Image, layer: str, order: str) -> None:
    maps = truth(photo, layer)
    _, page = shown(photo, layer, order)
    expected = list(range(len(maps)))
    if order == view.LARGEST:
        expected.sort(key=lambda i: -maps[i].abs().mean().item())
    expected = expected[: view.MOST_SHOWN]
    assert [int(i) for i in re.findall(r'alt="channel (\d+)"', page)] == expected
    signed = bool(maps.min() < 0)
    colours = palette(BOTH_WAYS if signed else AMOUNTS)
    scale = scale_of(maps.numpy())
    for picture, i in zip(pictures(page), expected, strict=True):
        share = (maps[i].numpy() / scale).clip(-1, 1)
        at = np.round(127.5 + 127.5 * share if signed else 255 * share).astype(int)
        assert np.array_equal(picture, colours[at])
    statistics = channel_statistics(maps)
    titles = re.findall(r'title="channel (\d+): mean ([^,]+), largest ([^,"]+)', page)
    assert titles == [(str(i), f"{statistics[i].mean:.3g}", f"{statistics[i].largest:.3g}") for i in expected]
    assert f"<span>{scale:.2g}</span>" in page
    assert (f"<span>−{scale:.2g}</span>" in page) == signed


def test_dead_channels_are_counted_after_a_relu(photo: Image.Image) -> None:
    dead = int((truth(photo, "relu5").flatten(1) == 0).all(1).sum())
    assert dead > 0
    _, page = shown(photo, "relu5")
    channels = totals(load("cifar10").config, 32).features_out
    assert f"{dead} of {channels} channels are dead" in page
    assert f"48 of {channels} maps" in page
    assert "% zeros" in page
    _, page = shown(photo, "features.denseblock4")
    assert "channels are dead" not in page
    assert "% zeros" not in page


def test_every_layer_can_be_chosen_and_a_strange_one_becomes_the_first(photo: Image.Image) -> None:
    choice, _ = shown(photo, "features.denseblock9")
    assert choice["value"] == view.FIRST_LAYER
    config = load("cifar10").config
    layers = inside_layers(config, 32)
    assert [name for _, name in choice["choices"]] == [layer.name for layer in layers]
    labels = {name: label for label, name in choice["choices"]}
    k, (first, second, *_) = config.growth_rate, config.block_config
    channels = int((config.num_init_features + first * k) * config.compression) + second * k
    assert labels["features.denseblock2.denselayer3"] == f"block 2, layer 3: {k} maps of 16\u00a0×\u00a016"
    assert labels["features.transition2"].startswith("transition 2: ")
    assert labels["features.conv0"].startswith("stem, convolution: ")
    assert labels["relu5"].startswith("last ReLU: ")
    assert labels["features.denseblock2"] == f"block 2, everything: {channels} maps of 16\u00a0×\u00a016"


@pytest.mark.parametrize("name", ["densenet121", "tiny", "classroom"])
def test_no_two_layers_have_one_label(name: str) -> None:
    layers = inside_layers(PRESETS[name], PRESETS[name].smallest_image_size)
    assert len({view.label_of(layer) for layer in layers}) == len(layers)


def test_a_strange_order_is_refused(photo: Image.Image) -> None:
    with pytest.raises(gr.Error, match="order must be one of largest first, by number, got 'loudest'"):
        shown(photo, "relu5", "loudest")


def test_a_map_of_zeros_is_drawn_as_zeros() -> None:
    for colours, zero in ((AMOUNTS, 0), (BOTH_WAYS, 128)):
        picture = np.asarray(view.tile(np.zeros((2, 3)), 0.0, colours).convert("RGB"))
        assert (picture == palette(colours)[zero]).all()


@pytest.mark.parametrize(
    "layer", ["features.conv0", "features.denseblock2.denselayer3", "features.denseblock2", "features.transition2", "relu5"]
)
def test_the_square_is_the_receptive_field(photo: Image.Image, layer: str) -> None:
    config = load("cifar10").config
    _, page = shown(photo, layer)
    numbers = {name: int(value) for name, value in re.findall(r'data-(\w+)="(-?\d+)"', page)}
    last = [row for row in plan(config, 32) if row.path == layer or row.path.startswith(f"{layer}.")][-1]
    field = receptive_fields(config, 32)[last.path]
    assert numbers == {"size": field.size, "jump": field.jump, "start": field.start, "px": 32, "map": last.out_size}
    words = "all of the photo" if field.size >= 64 else f"{field.size}\u00a0×\u00a0{field.size} pixels of the photo"
    assert words in page
