"""What a training leaves is loaded like the net that is shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from densenet import weights
from densenet.model import DenseNet
from densenet.predict import classify
from densenet.preprocessing import Preprocessing
from densenet.train import Recipe
from densenet.train.card import halved, write_net
from densenet.train.evaluate import logits_of
from densenet.weights import ASSETS, load
from tests.conftest import randomised
from tests.small_pictures import CLASSES, NET, net, pictures

SCALING = Preprocessing(crop_px=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


def write(model: DenseNet, path: Path, half: bool = False) -> dict:
    card = write_net(
        model,
        path,
        classes=CLASSES,
        preprocessing=SCALING,
        recipe=Recipe(epochs=3),
        accuracy={"test_30": 0.9, "held_out_6": 0.8},
        data="made up",
        licence="MIT",
        half=half,
    )
    return json.loads(card.read_text())


def loaded(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> DenseNet:
    """Load a net as the embedded one is loaded."""
    monkeypatch.setattr(weights, "ASSETS", folder)
    monkeypatch.setattr(weights, "_kept", type(weights._kept)())
    monkeypatch.setitem(weights.WEIGHTS, name, weights._embedded(name))
    monkeypatch.setitem(weights._load_locks, name, weights.Lock())
    return load(name)


@pytest.mark.parametrize("half", [False, True])
def test_a_net_comes_back_as_it_was_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: bool, samples: Path) -> None:
    model = net().to(memory_format=torch.channels_last)
    randomised(model)
    if half:
        halved(model)
    card = write(model, tmp_path / "mine.pth", half)
    again = loaded(tmp_path, "mine", monkeypatch)
    data = pictures(12)
    assert torch.equal(logits_of(model, data, SCALING), logits_of(again, data, SCALING))
    assert again.config == NET
    assert again.weights is not None
    assert again.weights.preprocessing == SCALING
    assert again.weights.top1_accuracy == 90
    assert again.weights.labels() == CLASSES
    assert again.weights.params == card["parameters"] == sum(p.numel() for p in model.parameters())
    assert {value.dtype for value in again.state_dict().values()} == {torch.float32, torch.int64}
    assert Recipe(**card["recipe"]) == Recipe(epochs=3)
    from PIL import Image

    assert len(classify(again, Image.open(samples / "beagle.jpg"), k=3)) == 3


def test_a_card_has_the_form_of_the_shipped_one(tmp_path: Path) -> None:
    shipped = json.loads((ASSETS / "cifar10.json").read_text())
    card = write(net(), tmp_path / "mine.pth")
    assert card.keys() == shipped.keys()
    for part in ("config", "preprocessing"):
        assert card[part].keys() == shipped[part].keys()


def test_half_the_size(tmp_path: Path) -> None:
    from densenet import DenseNetConfig

    model = halved(DenseNet(DenseNetConfig(growth_rate=16, block_config=(4, 4), num_classes=10, stem="cifar")))
    norms = {name: value.clone() for name, value in model.named_parameters() if value.ndim == 1}
    sizes = {half: (write(model, tmp_path / f"{half}.pth", half), (tmp_path / f"{half}.pth").stat().st_size)[1] for half in (False, True)}
    assert sizes[True] < 0.62 * sizes[False]
    state = torch.load(tmp_path / "True.pth", weights_only=True)
    assert all(torch.equal(state[name], value) for name, value in norms.items())
    assert not list(tmp_path.glob("*.partial"))
