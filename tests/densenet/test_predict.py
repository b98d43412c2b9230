"""Predictions: softmax and the best k, and the shipped net is right on photos that it should know."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from densenet import PRESETS
from densenet.model.net import DenseNet
from densenet.pictures.images import read_image
from densenet.predict import (
    Prediction,
    best_of,
    check_photo,
    classify,
    confidence,
    input_of,
    logits_of,
    seconds_of,
    seen_by,
    view_of,
)
from densenet.running import affordable
from densenet.running.device import DeviceMemory
from densenet.weights.known import WEIGHTS
from densenet.weights.loading import load


@pytest.fixture(scope="module")
def embedded() -> DenseNet:
    return load("cifar10")


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("file", "label"),
    [("beagle", "dog"), ("tabby", "cat"), ("chelsea_cat", "cat"), ("horse", "horse"), ("shuttle", "airplane")],
)
def test_the_embedded_net_knows_its_photos(embedded: DenseNet, samples: Path, file: str, label: str) -> None:
    predictions = classify(embedded, read_image(samples / f"{file}.jpg"))
    assert predictions[0].label == label
    assert len(predictions) == 5


@pytest.mark.parametrize(
    ("file", "label"),
    [
        *(("beagle", "beagle"), ("tabby", "cat"), ("chelsea_cat", "cat"), ("kitten", "cat"), ("wool_kitten", "cat"), ("taxis", "car")),
        *(("berlin_cathedral", "church"), ("reims_cathedral", "church"), ("vienna_church", "church")),
    ],
)
def test_the_photo_net_knows_its_samples(samples: Path, file: str, label: str) -> None:
    model, photo = load("photos23"), read_image(samples / f"{file}.jpg")
    assert classify(model, photo)[0].label == label


@pytest.mark.parametrize("k", [1, 3, 10, 11, 10**9])
def test_predictions_are_softmax_and_the_best_k(embedded: DenseNet, noise: Image.Image, k: int) -> None:
    predictions = classify(embedded, noise, k)
    with torch.no_grad():
        logits = embedded(input_of(embedded, view_of(embedded, noise)))[0].double()
    probabilities = (logits - logits.max()).exp()
    probabilities /= probabilities.sum()
    order = sorted(range(10), key=lambda i: -float(probabilities[i]))[: min(k, 10)]
    assert [p.index for p in predictions] == order
    for prediction in predictions:
        assert type(prediction) is Prediction
        assert type(prediction.probability) is float
        assert prediction.label == WEIGHTS["cifar10"].classes[prediction.index]
        assert prediction.probability == pytest.approx(float(probabilities[prediction.index]), abs=1e-6)
    if k >= 10:
        assert sum(p.probability for p in predictions) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1, 2.5, 20.0])
def test_logits_are_divided_by_the_temperature(embedded: DenseNet, noise: Image.Image, temperature: float) -> None:
    predictions = classify(embedded, noise, 10, temperature)
    expected = (logits_of(embedded, noise).double() / temperature).softmax(0)
    given = torch.zeros(10, dtype=torch.float64)
    for prediction in predictions:
        given[prediction.index] = prediction.probability
    torch.testing.assert_close(given, expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0, 0.049, -1, 20.01, float("nan"), float("inf"), "1", None, True], ids=repr)
def test_a_temperature_out_of_range_is_refused(embedded: DenseNet, noise: Image.Image, temperature: object) -> None:
    with pytest.raises(ValueError, match=r"^temperature must be 0\.05 to 20, got"):
        classify(embedded, noise, temperature=temperature)  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [0, -1, True, 2.0, "3", None, float("nan")], ids=repr)
def test_a_bad_k_is_refused(embedded: DenseNet, noise: Image.Image, k: object) -> None:
    with pytest.raises(ValueError, match=r"^k must be 1 or more, got") as caught:
        classify(embedded, noise, k)  # type: ignore[arg-type]
    assert str(caught.value).endswith(repr(k))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "HSV"])
def test_any_mode_is_answered(embedded: DenseNet, noise: Image.Image, mode: str) -> None:
    source = noise.convert("L") if mode in ("I;16", "I", "F") else noise
    image = source.convert(mode)
    predictions = classify(embedded, image)
    assert len(predictions) == 5
    assert all(0 <= p.probability <= 1 for p in predictions)
    assert image.mode == mode, "the caller's image is left as it was"
    if mode in ("RGBA", "YCbCr"):
        assert predictions[0].index == classify(embedded, noise)[0].index


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (33, 31)])
def test_any_size_is_answered(embedded: DenseNet, size: tuple[int, int]) -> None:
    assert sum(p.probability for p in classify(embedded, Image.new("RGB", size), 10)) == pytest.approx(1, abs=1e-5)


def test_the_view_is_what_the_net_sees(embedded: DenseNet, noise: Image.Image) -> None:
    view = view_of(embedded, noise)
    assert (view.size, view.mode) == ((32, 32), "RGB")
    x = input_of(embedded, view)
    assert x.shape == (1, 3, 32, 32)
    assert x.device == embedded.classifier.weight.device
    assert classify(embedded, noise) == classify(embedded, noise)


def test_an_imagenet_net_answers_with_imagenets_words(noise: Image.Image) -> None:
    torch.manual_seed(0)
    model = DenseNet(replace(PRESETS["tiny"], num_classes=1000, stem="imagenet")).eval()
    model.weights = WEIGHTS["densenet121"]
    predictions = classify(model, noise, k=1000)
    assert [p.label for p in sorted(predictions, key=lambda p: p.index)][:3] == ["tench", "goldfish", "great white shark"]
    assert input_of(model, view_of(model, noise)).shape == (1, 3, 224, 224)


def test_a_model_without_a_record_is_refused(tiny: DenseNet, noise: Image.Image) -> None:
    for ask in (classify, view_of, input_of):
        with pytest.raises(ValueError, match=r"^the model must come from densenet\.weights\.load"):
            ask(tiny, noise)  # type: ignore[operator]


def test_confidence_is_a_share() -> None:
    assert confidence(torch.zeros(10)).entropy == pytest.approx(1.0)
    sure = confidence(torch.tensor([100.0, 0.0, 0.0]))
    assert (sure.top1, sure.entropy, sure.unsure) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-6), False)
    assert confidence(torch.tensor([3.0])).entropy == 0.0


def test_what_was_answered_is_not_asked_again(embedded: DenseNet, noise: Image.Image) -> None:
    logits = logits_of(embedded, noise)
    assert best_of(embedded, logits, 3, 2.0) == classify(embedded, noise, 3, 2.0)
    for k, temperature, words in ((0, 1.0, "k must be 1 or more, got 0"), (5, 0.0, r"temperature must be 0\.05 to 20, got 0")):
        with pytest.raises(ValueError, match=words):
            best_of(embedded, logits, k, temperature)


def test_nothing_is_run_for_what_is_refused(embedded: DenseNet, noise: Image.Image) -> None:
    passes: list[object] = []
    hook = embedded.classifier.register_forward_pre_hook(lambda *seen: passes.append(seen))
    for k, temperature in ((0, 1.0), (5, 0.0)):
        with pytest.raises(ValueError, match="must be"):
            classify(embedded, noise, k, temperature)
    hook.remove()
    assert passes == []


def test_a_time_is_that_of_a_pass_that_was_made(embedded: DenseNet, noise: Image.Image) -> None:
    x = input_of(embedded, view_of(embedded, noise))
    torch.testing.assert_close(seen_by(embedded, x).logits, logits_of(embedded, noise))
    passes: list[int] = []
    hook = embedded.classifier.register_forward_pre_hook(lambda _module, args: passes.append(len(args[0])))
    before = time.perf_counter()
    assert 0 < seconds_of(embedded, x) <= time.perf_counter() - before
    hook.remove()
    assert passes == [1]


def test_a_photo_that_cannot_be_afforded_is_refused(embedded: DenseNet, monkeypatch: pytest.MonkeyPatch) -> None:
    check_photo(embedded, 4000, 3000)
    monkeypatch.setattr(affordable, "device_memory", lambda _: DeviceMemory("a small machine", 2**20, 2**30))
    with pytest.raises(ValueError, match=r"^Not run: work on one image of 32 x 32 pixels with this net needs about"):
        check_photo(embedded, 4000, 3000)
