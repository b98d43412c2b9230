"""What a training leaves, at its end and on its way, is a net like any other that somebody brings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.optim.swa_utils import AveragedModel

from densenet import DenseNetConfig
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import IMAGENET, Preprocessing
from densenet.predict import classify
from densenet.train import Recipe, fit
from densenet.train import checkpoint as checkpoints
from densenet.train.card import claim, write_checkpoint_card, write_net
from densenet.train.evaluation import answers_of, evaluate
from densenet.weights.cards import shipped_record
from densenet.weights.composing import preprocessing_entry
from densenet.weights.known import ASSETS
from densenet.weights.loading import load_file
from densenet.weights.net_files import round_to_float16
from tests.conftest import randomised
from tests.support.small_pictures import CLASSES, COLOURS, NET, net, pictures

SCALING = Preprocessing(crop_px=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
CIFAR10 = DenseNetConfig(growth_rate=16, block_config=(4, 4), num_classes=10, stem="cifar")


def write(model: DenseNet, path: Path, half: bool = False, scaling: Preprocessing = SCALING) -> dict:
    card = write_net(
        model,
        path,
        label="Colours",
        classes=CLASSES if model.config.num_classes == 3 else tuple("abcdefghij"),
        preprocessing=scaling,
        recipe=Recipe(epochs=3),
        accuracy={"top1": 0.9, "top5": 0.99, "on": "30 test pictures", "held_out_6": 0.8},
        data="made up",
        licence="MIT",
        half=half,
    )
    return json.loads(card.read_text())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_net_comes_back_as_it_was_tested(tmp_path: Path, half: bool, suffix: str) -> None:
    model = net().to(memory_format=torch.channels_last)
    randomised(model)
    if half:
        round_to_float16(model)
    card = write(model, tmp_path / f"mine{suffix}", half)
    again = load_file(tmp_path / f"mine{suffix}")
    data = pictures(12)
    assert torch.equal(answers_of(model, data, SCALING)[0], answers_of(again, data, SCALING)[0])
    assert again.config == NET, "dropout too, which no tensor shows"
    record = again.weights
    assert record is not None
    assert (record.label, record.licence, record.labels()) == ("Colours", "MIT", CLASSES)
    assert (record.top1_accuracy, record.top5_accuracy, record.accuracy_on) == (90, 99, "30 test pictures")
    assert record.preprocessing == SCALING
    assert record.params == card["parameters"] == sum(p.numel() for p in model.parameters())
    assert record.assumptions == (), "the card leaves nothing open"
    assert Recipe(**card["recipe"]) == Recipe(epochs=3)


def test_a_card_is_one_that_can_be_shipped(tmp_path: Path) -> None:
    shipped = json.loads((ASSETS / "cifar10.json").read_text())
    card = write(DenseNet(CIFAR10), tmp_path / "mine.pth")
    assert card.keys() == shipped.keys() - {"accuracy_by_class", "calibration", "training_features"}, "which nobody found out here"
    for part in ("config", "preprocessing"):
        assert card[part].keys() == shipped[part].keys()
    assert {"top1", "top5", "on"} <= card["accuracy"].keys() & shipped["accuracy"].keys()
    record = shipped_record(tmp_path / "mine.json")
    assert record.config == CIFAR10
    assert record.top1_accuracy == 90


def test_the_scaling_of_photos_is_kept_whole(tmp_path: Path) -> None:
    write(net(), tmp_path / "mine.pth", scaling=IMAGENET)
    again = load_file(tmp_path / "mine.pth").weights
    assert again is not None
    assert again.preprocessing == IMAGENET
    assert preprocessing_entry(IMAGENET)["resize_px"] == 256


def test_half_the_size(tmp_path: Path) -> None:
    model = round_to_float16(DenseNet(CIFAR10))
    norms = {name: value.clone() for name, value in model.named_parameters() if value.ndim == 1}
    sizes = {half: (write(model, tmp_path / f"{half}.pth", half), (tmp_path / f"{half}.pth").stat().st_size)[1] for half in (False, True)}
    assert sizes[True] < 0.62 * sizes[False]
    state = torch.load(tmp_path / "True.pth", weights_only=True)
    assert all(torch.equal(state[name], value) for name, value in norms.items())
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("value", [1 / 3, 1e6], ids=["not rounded", "out of reach"])
def test_what_float16_does_not_hold_is_not_stored_as_such(tmp_path: Path, value: float) -> None:
    model = round_to_float16(net())
    with torch.no_grad():
        model.classifier.weight[1, 2] = value
    with pytest.raises(ValueError, match=r"^classifier\.weight must hold float16's numbers"):
        write(model, tmp_path / "mine.pth", half=True)
    assert not list(tmp_path.iterdir())


def test_a_trained_net_classifies_photos(tmp_path: Path) -> None:
    train, valid = pictures(90), pictures(15, seed=1)
    result = fit(net(), train, valid, Recipe(epochs=6, batch_size=15, lr=0.1, flip=False, crop="none"))
    found = evaluate(result.model, valid, train.preprocessing)
    write_net(
        result.model,
        tmp_path / "colours.pth",
        label="Colours",
        classes=train.classes,
        preprocessing=train.preprocessing,
        recipe=Recipe(epochs=6),
        accuracy=claim(found, "15 pictures"),
        data="made up",
        licence="MIT",
    )
    again = load_file(tmp_path / "colours.pth")
    assert again.weights is not None
    assert again.weights.top1_accuracy == pytest.approx(100 * found.accuracy, abs=1e-4)
    assert again.weights.top5_accuracy is None, "of three classes, five are always right"
    for colour, name in zip(COLOURS.tolist(), CLASSES, strict=True):
        assert classify(again, Image.new("RGB", (50, 40), tuple(colour)))[0].label == name


def test_a_claim_counts_the_first_five() -> None:
    data = pictures(40)
    ten = DenseNetConfig(growth_rate=4, block_config=(2,), num_classes=10, stem="cifar")
    labels = torch.arange(40) % 10
    data = type(data)(data.images, labels, tuple("abcdefghij"), data.names, data.preprocessing)
    model = net(ten)
    randomised(model)
    found = evaluate(model, data)
    ranks = (answers_of(model, data, data.preprocessing)[0].argsort(1, descending=True) == labels[:, None]).double().argmax(1)
    assert claim(found, "all") == {
        "top1": round((ranks < 1).double().mean().item(), 6),
        "top5": round((ranks < 5).double().mean().item(), 6),
        "on": "all",
    }
    assert found.top5_accuracy is not None
    assert found.accuracy < found.top5_accuracy < 1


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_checkpoint_is_a_net_too(tmp_path: Path, ema_decay: float) -> None:
    train, valid, file = pictures(30), pictures(6), tmp_path / "run.pt"
    model = net()
    fit(model, train, valid, Recipe(epochs=2, batch_size=15, ema_decay=ema_decay), file)
    saved = checkpoints.load(file)
    expected = net()
    if ema_decay:
        averaged = AveragedModel(expected, use_buffers=True)
        averaged.load_state_dict(saved["average"])  # type: ignore[arg-type]
        assert not torch.equal(averaged.module.classifier.weight, saved["model"]["classifier.weight"])  # type: ignore[index]
        expected.load_state_dict(averaged.module.state_dict())
    else:
        expected.load_state_dict(saved["model"])  # type: ignore[arg-type]
    bare = load_file(file)
    assert bare.weights is not None
    assert bare.weights.labels() == ("class 0", "class 1", "class 2")
    assert torch.equal(answers_of(bare, valid, train.preprocessing)[0], answers_of(expected, valid, train.preprocessing)[0])

    write_checkpoint_card(file, model, label="Colours", classes=CLASSES, preprocessing=train.preprocessing)
    again = load_file(file)
    assert again.weights is not None
    assert (again.config, again.weights.labels(), again.weights.preprocessing) == (NET, CLASSES, train.preprocessing)
    assert again.weights.top1_accuracy is None
    assert torch.equal(again.classifier.weight, expected.classifier.weight)
