"""Looks into a net while it learns: each number against the net itself, and a training that is the same with them as without."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from densenet import PRESETS, DenseNetConfig
from densenet.config import STEMS
from densenet.model.freezing import freeze
from densenet.model.net import DenseNet
from densenet.stopping import Cancelled
from densenet.train import Event, ImageSet, Recipe, fit, watching
from densenet.train import checkpoint as checkpoints
from densenet.train.augment import normalise
from densenet.train.events import Follower, looks_of
from densenet.train.watching import PICTURES, Look, PartLook, Watched, chosen, look_into, parsed, part_of, shown_picture
from tests.support.small_pictures import CLASSES, NET, net, pictures

RECIPE = Recipe(epochs=3, batch_size=8, lr=0.05)
DATA, HELD_OUT = pictures(40), pictures(30, seed=1)
WATCHED = HELD_OUT.subset(torch.arange(8))


def looks(checkpoint: Path) -> tuple[Watched, tuple[Look, ...]]:
    """What the file beside a checkpoint holds."""
    first, *others = parsed(looks_of(checkpoint).read_bytes())
    assert isinstance(first, Watched)
    return first, cast(tuple[Look, ...], tuple(others))


def after_a_step(config: DenseNetConfig = NET, frozen: str = "none") -> DenseNet:
    """A net in train mode with the gradients of one batch."""
    model = net(config)
    freeze(model, frozen)
    model.train()
    x = normalise(DATA.images[:8].float() / 255, DATA.preprocessing.mean, DATA.preprocessing.std)
    functional.cross_entropy(model(x), DATA.labels[:8]).backward()
    return model


def look(model: DenseNet, evaluated: DenseNet | None = None) -> Look:
    return look_into(model, evaluated or model, WATCHED, DATA.preprocessing, step=5, epoch=1)


def by_name(seen: Look) -> dict[str, PartLook]:
    return {part.name: part for part in seen.parts}


def rms(*tensors: torch.Tensor) -> float:
    """Over all values of all tensors together."""
    return float(torch.cat([t.detach().flatten().double() for t in tensors]).square().mean().sqrt())


def test_activations_zeros_and_answers_are_the_nets_own() -> None:
    """Walked from outside, part by part, in eval mode."""
    model = after_a_step()
    seen, parts = look(model), by_name(look(model))
    model.eval()
    x = normalise(WATCHED.images.float() / 255, DATA.preprocessing.mean, DATA.preprocessing.std)
    with torch.no_grad():
        stem = model.features.conv0(x)
        block = model.features.denseblock1(stem)
        transition = model.features.transition1(block)
        end = model.features.norm5(model.features.denseblock2(transition))
        logits = model.head(end)
        inside = model.features.denseblock1.denselayer1
        first = inside.relu1(inside.norm1(stem))
        second = inside.relu2(inside.norm2(inside.conv1(first)))
        other = model.features.denseblock1.denselayer2
        third = other.relu1(other.norm1(torch.cat([stem, inside.conv2(second)], 1)))
        fourth = other.relu2(other.norm2(other.conv1(third)))
    expected = {"stem": stem, "block 1": block, "transition 1": transition, "block 2": None, "head": logits}
    assert list(parts) == list(expected)
    for name, output in expected.items():
        if output is not None:
            assert parts[name].activation == pytest.approx(rms(output), rel=1e-4)
    relus = torch.cat([t.flatten() for t in (first, second, third, fourth)])
    assert parts["block 1"].zeros == pytest.approx(float((relus == 0).double().mean()), abs=1e-5)
    assert parts["head"].zeros == pytest.approx(float((end <= 0).double().mean()), abs=1e-5)
    assert parts["stem"].zeros is None, "one convolution, no ReLU"
    probabilities = logits.softmax(1)
    for row, answer, label in zip(probabilities, seen.answers, WATCHED.labels.tolist(), strict=True):
        assert answer.label == int(row.argmax())
        assert (answer.probability, answer.of_truth) == (
            pytest.approx(float(row.max()), abs=1e-4),
            pytest.approx(float(row[label]), abs=1e-4),
        )


def test_gradients_and_weights_are_of_the_net_that_learns() -> None:
    model = after_a_step()
    parts = by_name(look(model, net(seed=7)))
    block = [model.features.denseblock1.denselayer1, model.features.denseblock1.denselayer2]
    weights = [convolution.weight for layer in block for convolution in (layer.conv1, layer.conv2)]
    assert parts["block 1"].weight == pytest.approx(rms(*weights), rel=1e-4)
    assert parts["block 1"].gradient == pytest.approx(rms(*(cast(torch.Tensor, w.grad) for w in weights)), rel=1e-4)
    classifier = model.classifier.weight
    assert parts["head"].gradient == pytest.approx(rms(cast(torch.Tensor, classifier.grad)), rel=1e-4)


@pytest.mark.parametrize("stem", STEMS)
def test_every_module_is_of_a_part(stem: str) -> None:
    config = replace(NET, stem=stem)
    with torch.device("meta"):
        model = DenseNet(config)
    found = {part_of(path) for path, module in model.named_modules() if path and path != "features" and not list(module.children())}
    assert found == {"stem", "block 1", "transition 1", "block 2", "head"}
    seen = by_name(look_into(net(config), net(config), pictures(8, 32), DATA.preprocessing, step=1, epoch=1))
    assert (seen["stem"].zeros is None) == (stem == "cifar")


def test_filters_are_the_first_convolutions_weights() -> None:
    for channels in (3, 1, 2):
        model = net(replace(NET, in_channels=channels, num_init_features=100))
        filters = watching._filters(model.features.conv0.weight)
        weight = model.features.conv0.weight.detach()[: watching.MOST_FILTERS]
        weight = weight.mean(1, keepdim=True) if channels == 2 else weight
        assert filters.shape == (watching.MOST_FILTERS, 1 if channels == 2 else channels, 3)
        values = torch.frombuffer(bytearray(filters.bytes()), dtype=torch.uint8).view(weight.shape).double()
        step = filters.largest / 127
        assert ((values - 128) * step - weight).abs().max() <= step / 2 + 1e-6
    assert watching._filters(torch.zeros(2, 3, 3, 3)).bytes() == bytes([128] * 54)


def test_a_look_leaves_everything_as_it_is() -> None:
    model = after_a_step()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    state = torch.get_rng_state()
    look(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True) if p.grad is not None)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_pictures_are_of_as_many_classes_as_there_are() -> None:
    few, many = torch.arange(30) % 3, torch.arange(60) % 20
    assert torch.bincount(few[chosen(few, 0)], minlength=3).tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])
    assert len(set(many[chosen(many, 0)].tolist())) == PICTURES
    assert chosen(many, 0) == chosen(many, 0) != chosen(many, 1)
    assert sorted(chosen(few[:3], 5)) == [0, 1, 2], "all that there are"
    labels = many[chosen(many, 0)].tolist()
    assert labels == sorted(labels)


def trained(checkpoint: Path | None, recipe: Recipe = RECIPE, until: int | None = None, config: DenseNetConfig = NET) -> DenseNet:
    """Train, and give up after step `until`."""
    model, steps = net(config), 0

    def stop() -> None:
        nonlocal steps
        steps += 1
        if until is not None and steps > until:
            raise Cancelled

    return fit(model, DATA, HELD_OUT, recipe, checkpoint, stop=stop, device="cpu", save_seconds=1e9).model


def test_a_training_is_the_same_with_looks_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_into = trained(tmp_path / "a.pt", replace(RECIPE, ema_decay=0.9))
    monkeypatch.setattr(watching.Watcher, "look", lambda *_: None)
    plain = trained(tmp_path / "b.pt", replace(RECIPE, ema_decay=0.9))
    assert looks_of(tmp_path / "a.pt").exists()
    assert not looks_of(tmp_path / "b.pt").exists()
    for a, b in zip(looked_into.state_dict().values(), plain.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("until", [3, 5, 7, 12])
def test_a_resumed_training_neither_loses_nor_doubles_a_look(tmp_path: Path, until: int) -> None:
    """Five steps an epoch: given up within one, at its end, and within the next."""
    trained(tmp_path / "whole.pt")
    with pytest.raises(Cancelled):
        trained(tmp_path / "a.pt", until=until)
    if until == 7:  # as if killed before the look's epoch was saved: the steps are taken again
        with open(looks_of(tmp_path / "a.pt"), "a") as file:
            file.write(looks_of(tmp_path / "whole.pt").read_text().splitlines()[2] + '\n{"step": 10, "ep')
    trained(tmp_path / "a.pt")
    assert looks_of(tmp_path / "a.pt").read_bytes() == looks_of(tmp_path / "whole.pt").read_bytes()
    watched, seen = looks(tmp_path / "a.pt")
    assert [one.epoch for one in seen] == [1, 2, 3]
    assert [one.step for one in seen] == [5, 10, 15]
    assert watched.classes == CLASSES


def test_another_training_in_the_same_place_starts_anew(tmp_path: Path) -> None:
    trained(tmp_path / "a.pt")
    (tmp_path / "a.pt").unlink()
    other = ImageSet(255 - HELD_OUT.images, HELD_OUT.labels, CLASSES, HELD_OUT.names, HELD_OUT.preprocessing)
    fit(net(), DATA, other, replace(RECIPE, epochs=1), tmp_path / "a.pt", device="cpu")
    watched, seen = looks(tmp_path / "a.pt")
    assert len(seen) == 1
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(watched.pictures[0].shown.partition(",")[2]))))
    assert torch.equal(torch.from_numpy(shown.copy()).permute(2, 0, 1), other.images[chosen(other.labels, RECIPE.seed)[0]])


def test_the_look_is_there_when_the_log_tells_of_its_epoch(tmp_path: Path) -> None:
    counts = []

    def report(event: Event) -> None:
        if event.kind == "epoch":
            counts.append(len(looks(tmp_path / "a.pt")[1]))

    fit(net(), DATA, HELD_OUT, RECIPE, tmp_path / "a.pt", report=report, device="cpu")
    assert counts == [1, 2, 3]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_what_is_seen_at_the_end_is_the_net_that_was_saved(tmp_path: Path, precision: str) -> None:
    """The average, where there is one; gradients are of the size that they have in float32, whatever the loss was scaled by."""
    recipe = replace(RECIPE, precision=precision, ema_decay=0.9)
    trained(tmp_path / "a.pt", recipe)
    trained(tmp_path / "exact.pt", replace(recipe, precision="float32"))
    average = checkpoints.load(tmp_path / "a.pt")["average"]
    weight = cast(dict[str, torch.Tensor], average)["module.features.conv0.weight"]
    assert looks(tmp_path / "a.pt")[1][-1].filters == watching._filters(weight)
    for mine, exact in zip(looks(tmp_path / "a.pt")[1][0].parts, looks(tmp_path / "exact.pt")[1][0].parts, strict=True):
        assert mine.gradient == pytest.approx(exact.gradient, rel=0.3)
        assert mine.activation == pytest.approx(exact.activation, rel=0.2)


def test_what_is_frozen_has_no_gradient(tmp_path: Path) -> None:
    for frozen, still in (
        ("blocks:1-1", {"stem", "block 1", "transition 1"}),
        ("features", {"stem", "block 1", "transition 1", "block 2"}),
    ):
        parts = look(after_a_step(frozen=frozen)).parts
        assert {part.name for part in parts if part.gradient is None} == still
        assert all(part.weight and part.activation for part in parts)
    fit(net(), DATA, HELD_OUT, RECIPE, tmp_path / "a.pt", device="cpu", frozen="blocks:1-1")
    first, *_, last = looks(tmp_path / "a.pt")[1]
    assert by_name(first)["stem"].weight == by_name(last)["stem"].weight
    assert by_name(first)["head"].weight != by_name(last)["head"].weight


def test_a_net_that_went_astray_is_still_written_as_json() -> None:
    model = after_a_step()
    with torch.no_grad():
        model.features.denseblock1.denselayer1.conv1.weight.fill_(torch.inf)
    parts = by_name(look(model))
    assert parts["block 1"].weight is None
    assert parts["block 1"].activation is None


def test_torn_lines_are_left_out_and_a_file_is_read_on(tmp_path: Path) -> None:
    trained(tmp_path / "a.pt")
    file = looks_of(tmp_path / "a.pt")
    follower = Follower(file, parsed)
    assert len(follower.all()) == 4
    with open(file, "a") as lines:
        lines.write('{"step": 20, "parts": [], "filters": 3}\n[1]\n3\n{"pictures": 3, "step": 1, "classes": []}\n{"step": 2')
    assert len(follower.all()) == 4
    assert follower.all() is follower.all()


def test_a_full_disk_costs_the_look_not_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watching, "append_line", full)
    trained(tmp_path / "a.pt")
    assert checkpoints.load(tmp_path / "a.pt")["finished"] is True
    assert not looks_of(tmp_path / "a.pt").exists()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_shown_as_it_is(channels: int) -> None:
    image = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown_picture(image).removeprefix("data:image/png;base64,")))))
    assert np.array_equal(shown.reshape(5, 7, channels), image.permute(1, 2, 0))


def test_the_file_stays_small(tmp_path: Path) -> None:
    """An epoch of DenseNet-121 on ImageNet's classes, and its pictures once."""
    model = net(replace(PRESETS["densenet121"], block_config=(1, 1, 1, 1), num_classes=3))
    seen = look_into(model, model, pictures(8, 32), DATA.preprocessing, step=1, epoch=1)
    watching.append_line(tmp_path / "one", watching.asdict(seen))
    assert (tmp_path / "one").stat().st_size < 16_000
    image = torch.randint(0, 256, (3, 224, 224), dtype=torch.uint8)
    assert len(shown_picture(image, 96)) < 50_000
    assert Image.open(io.BytesIO(base64.b64decode(shown_picture(image, 96).partition(",")[2]))).size == (96, 96)
