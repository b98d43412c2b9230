"""A photo becomes a net's input in one place, once, and only where that can be afforded: a stranger's card does not decide."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from PIL import Image

from densenet import PRESETS
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import Preprocessing
from densenet.predict import input_of, logits_of, view_of
from densenet.running import affordable
from densenet.running.device import DeviceMemory
from densenet.weights.known import ASSETS
from densenet.weights.loading import load
from explorer import api
from explorer.settings import Settings
from explorer.tabs.predict import film, inside, lesion, maps, tab, trust
from explorer.work import nets, subject
from explorer.work.subject import Asked, subject_of, subject_of_net

SETTINGS = Settings(device="cpu", offline=True)
ASKED = Asked("a", "cifar10", 5)
BY_MEMORY = (
    r"Not run: work on one image of 4096 x 4096 pixels with this net needs about [\d.]+ GiB, and a small machine has 4.0 GiB free\. A card"
)
BY_TIME = r"Not run: work on one image of 4096 x 4096 pixels with this net would take about \d+ s on .*; the limit here is 20 s\. A card"


class Visitor:
    """What a handler reads of a gr.Request."""

    session_hash = "subjects"


VISITOR: Any = Visitor()
Ask = Callable[[str, Image.Image], object]
ASKS: dict[str, Ask] = {
    "predict": lambda net, photo: tab.predict(SETTINGS, photo, [net]),
    "contrast": lambda net, photo: maps.contrast_choices(SETTINGS, photo, Asked("a", net, 0)),
    "maps": lambda net, photo: list(maps.show(VISITOR, SETTINGS, photo, Asked("a", net, 0), ["saliency"], None, 8, "mean", 4, 0.1, 8, 0)),
    "film": lambda net, photo: film.show(SETTINGS, photo, Asked("a", net, 0)),
    "trust": lambda net, photo: list(trust.show(SETTINGS, photo, Asked("a", net, 0), "saliency", VISITOR)),
    "inside": lambda net, photo: inside.show(SETTINGS, photo, Asked("a", net, 0), "features.conv0", inside.LARGEST),
    "lesion": lambda net, photo: list(lesion.show(SETTINGS, photo, Asked("a", net, 0), 1, "zero", None, VISITOR)),
    "each reader": lambda net, photo: list(lesion.each_reader(SETTINGS, photo, Asked("a", net, 0), 1, "zero", VISITOR)),
    "switch off": lambda net, photo: lesion.switch_off(SETTINGS, photo, Asked("a", net, 0), 1, "zero", 0),
    "api predict": lambda net, photo: api.predict(SETTINGS, photo, net, 5, 1.0),
    "api attribute": lambda net, photo: api.attribute(SETTINGS, photo, net, -1, "saliency", -1, {}),
}


@pytest.fixture
def photo(samples: Path) -> Image.Image:
    return Image.open(samples / "beagle.jpg").convert("RGB")


def brought(folder: Path, **card: object) -> str:
    """A net of 19 thousand parameters, brought with a card that says how large photos must be."""
    torch.manual_seed(0)
    config = replace(PRESETS["densenet_bc_100_12"], block_config=(2, 2, 2))
    torch.save(DenseNet(config).state_dict(), folder / "mine.pth")
    preprocessing = {"mean": [0.5] * 3, "std": [0.5] * 3, **card}
    (folder / "card.json").write_text(json.dumps({"preprocessing": preprocessing}))
    assert (folder / "card.json").stat().st_size < 200
    return nets.bring(folder / "mine.pth", folder / "card.json")


@pytest.fixture
def nothing_large(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was run, and each picture of more than a megapixel that was made: a machine of 4 GiB must see nothing of it."""
    seen: list[str] = []
    resize = Image.Image.resize

    def watched(image: Image.Image, size: tuple[int, int], *args: Any, **options: Any) -> Image.Image:
        if size[0] * size[1] > 1_000_000:
            seen.append(f"a picture of {size}")
            return Image.new("RGB", (1, 1))
        return resize(image, size, *args, **options)

    monkeypatch.setattr(affordable, "device_memory", lambda _: DeviceMemory("a small machine", 4 * 2**30, 8 * 2**30))
    monkeypatch.setattr(Image.Image, "resize", watched)
    monkeypatch.setattr(DenseNet, "forward", lambda _net, x: seen.append(f"a pass of {tuple(x.shape)}") or torch.zeros(len(x), 10))
    monkeypatch.setattr(
        DenseNet, "pooled", lambda _net, x: seen.append(f"features of {tuple(x.shape)}") or torch.zeros(len(x), _net.classifier.in_features)
    )
    return seen


@pytest.mark.parametrize("name", ASKS)
def test_a_card_of_two_hundred_bytes_does_not_decide_what_is_run(name: str, tmp_path: Path, nothing_large: list[str]) -> None:
    wide = Image.new("RGB", (800, 100))
    for card in ({"crop_px": 4096}, {"crop_px": 4096, "resize_px": 16384}):
        with pytest.raises(gr.Error, match=BY_MEMORY):
            ASKS[name](brought(tmp_path, **card), wide)
    assert nothing_large == []


@pytest.mark.parametrize("name", ASKS)
def test_nor_how_long_others_wait(name: str, tmp_path: Path, nothing_large: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affordable, "device_memory", lambda _: DeviceMemory("a large machine", 2**45, 2**45))
    with pytest.raises(gr.Error, match=BY_TIME):
        ASKS[name](brought(tmp_path, crop_px=4096), Image.new("RGB", (800, 100)))
    assert nothing_large == []


def test_a_resize_alone_is_counted(tmp_path: Path, nothing_large: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    wide, plain, resized = Image.new("RGB", (16_000, 2000)), {"crop_px": 256}, {"crop_px": 256, "resize_px": 1024}
    config = nets.loaded(SETTINGS, brought(tmp_path, **plain)).config
    free = int(1.3 * affordable.run_bytes(config, 256, 1, gradients=False)) + 20 * 2**20  # enough for the net, and for a photo of its size
    monkeypatch.setattr(affordable, "device_memory", lambda _: DeviceMemory("a small machine", free, 2**30))
    subject_of_net(SETTINGS, wide, brought(tmp_path, **plain))
    nothing_large.clear()
    with pytest.raises(gr.Error, match=r"Not run: work on one image of 256 x 256 pixels with this net needs about"):
        tab.predict(SETTINGS, wide, [brought(tmp_path, **resized)])  # the long side would be 8192 pixels
    assert nothing_large == []


def test_gradients_are_counted(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    subject_of_net(SETTINGS, photo, "cifar10")  # a pass forward is affordable, and was made
    monkeypatch.setattr(affordable, "device_memory", lambda _: DeviceMemory("a small machine", 12 * 2**20, 2**30))
    refused = r"Not run: work on (one image|\d+ images) of 32 x 32 pixels with this net needs about"
    *_, last = maps.show(VISITOR, SETTINGS, photo, ASKED, ["saliency", "occlusion"], None, 8, "mean", 4, 0.1, 8, 0)
    assert all(re.match(refused, one["says"]) for one in json.loads(last)["maps"])
    for name in ("film", "trust", "lesion", "switch off", "api attribute"):
        with pytest.raises(gr.Error, match=refused):
            ASKS[name]("cifar10", photo)


def test_a_photo_is_prepared_once_for_all_views(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    passes: list[int] = []
    view, pooled = Preprocessing.view, DenseNet.pooled
    monkeypatch.setattr(Preprocessing, "view", lambda self, image: made.append("view") or view(self, image))
    monkeypatch.setattr(DenseNet, "pooled", lambda self, x: passes.append(len(x)) or pooled(self, x))  # of every pass
    _, asked = tab.predict(SETTINGS, photo, ["cifar10"])
    assert asked is not None
    assert (made, passes) == (["view"], [1, 1]), "one pass that warms up and answers, one that is timed"
    maps.contrast_choices(SETTINGS, photo, asked)
    inside.show(SETTINGS, photo, asked, "features.conv0", inside.LARGEST)
    api.predict(SETTINGS, photo, "cifar10", 5, 1.0)
    assert (made, passes) == (["view"], [1, 1])
    tab.predict(SETTINGS, photo, ["cifar10"])
    assert passes == [1, 1, 1], "a time that is shown was taken for real"


def test_a_subject_is_what_the_library_says(photo: Image.Image) -> None:
    model = load("cifar10")
    seen = subject_of(SETTINGS, photo, ASKED)
    assert seen.model is model
    assert seen.view.tobytes() == view_of(model, photo).tobytes()
    assert torch.equal(seen.x, input_of(model, view_of(model, photo)))
    torch.testing.assert_close(seen.logits, logits_of(model, photo))
    assert seen.labels[5] == "dog"
    with pytest.raises(ValueError, match="target must be 0 to 9, got 10"):
        subject_of(SETTINGS, photo, replace(ASKED, target=10))


def test_photos_and_nets_are_told_apart_and_only_the_last_are_kept(photo: Image.Image) -> None:
    others = [photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), *(Image.new("RGB", (9, 9), (i, 0, 0)) for i in range(8))]
    first = subject_of_net(SETTINGS, photo, "cifar10")
    assert subject_of_net(SETTINGS, photo, "cifar10") is first
    assert not torch.equal(subject_of_net(SETTINGS, others[0], "cifar10").x, first.x)
    for other in others:
        subject_of_net(SETTINGS, other, "cifar10")
    assert len(subject._kept) == 4
    assert subject_of_net(SETTINGS, photo, "cifar10") is not first


def test_the_embedded_net_can_always_be_asked(photo: Image.Image) -> None:
    assert (ASSETS / "cifar10.pth").is_file()
    assert subject_of_net(SETTINGS, photo, "cifar10").logits.argmax() == 5
