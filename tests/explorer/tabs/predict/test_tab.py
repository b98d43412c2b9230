"""The predict tab's handlers: nets side by side, files that visitors bring, the film strip, and odd photos."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from densenet.attribution import METHODS, attribute
from densenet.pictures.images import read_image
from densenet.predict import confidence, input_of, logits_of, view_of
from densenet.weights.known import ASSETS
from densenet.weights.loading import load
from explorer.components import photo_input
from explorer.settings import Settings
from explorer.tabs.predict import film, maps
from explorer.tabs.predict import tab as predict
from explorer.work import nets
from explorer.work.subject import Asked
from tests.support.bad_photos import write_accepted, write_extreme

SETTINGS = Settings(device="cpu", offline=True)
TABBY = Image.open(ASSETS / "samples" / "tabby.jpg")
CAT, DOG = 3, 5
ASKED = Asked("a", "cifar10", CAT)
OPTIONS = (8, "mean", 4, 0.1, 8, 0)  # few steps: the page's order


class Visitor:
    session_hash = "predict"


def values_of(item: dict[str, Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(item["values"]), "<f4").reshape(item["height"], item["width"])


def test_one_net_answers() -> None:
    value, asked = predict.predict(SETTINGS, TABBY, ["cifar10"])
    answer = json.loads(value)
    (column,) = answer["nets"]
    assert (asked.net, asked.target) == ("cifar10", CAT)
    assert answer["chosen"] == {"net": "cifar10", "index": CAT}
    assert "1,792,090 parameters" in column["line"]
    logits = logits_of(load("cifar10"), TABBY)
    assert column["logits"] == pytest.approx(logits.tolist(), abs=1e-4)
    assert column["unsure"] == ""
    assert predict.predict(SETTINGS, TABBY, ["cifar10"])[1] != asked, "another photo with the same answer is asked anew"
    assert predict.predict(SETTINGS, None, ["cifar10"]) == ("", None)
    assert predict.predict(SETTINGS, TABBY, []) == ("", None)


def test_a_photo_that_looks_foreign_is_said_to() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    columns = [json.loads(predict.predict(SETTINGS, photo, ["cifar10"])[0])["nets"][0] for photo in (noise, grey)]
    assert any("its 10 classes name" in column["unsure"] for column in columns)


def test_confidence_is_a_share() -> None:
    assert confidence(torch.zeros(10)).entropy == pytest.approx(1.0)
    sure = confidence(torch.tensor([100.0, 0.0, 0.0]))
    assert (sure.top1, sure.entropy, sure.unsure) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-6), False)
    assert confidence(torch.tensor([3.0])).entropy == 0.0


def test_a_file_that_is_brought_answers_beside_the_others(tmp_path: Path) -> None:
    file, card = tmp_path / "mine.pth", tmp_path / "elsewhere.json"
    shutil.copy(ASSETS / "cifar10.pth", file)
    shutil.copy(ASSETS / "cifar10.json", card)
    update, known = predict.bring(SETTINGS, ["cifar10"], [], [str(card), str(file)])
    key = update["value"][0]
    assert known[0][1] == key
    assert (known[0][0], key) in update["choices"]
    value, asked = predict.predict(SETTINGS, TABBY, [key, "cifar10"])
    mine, embedded = json.loads(value)["nets"]
    assert asked.net == key
    assert mine["logits"] == embedded["logits"]
    assert mine["labels"][CAT] == "cat"
    file.unlink()
    with pytest.raises(gr.Error, match="no longer here"):
        predict.predict(SETTINGS, TABBY, [key])


def test_a_bad_file_is_a_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"no tensors")
    for files, sentence in (([str(bad)], "Cannot read bad.pth"), ([], "Please bring one file"), ([str(bad)] * 2, "Please bring one file")):
        with pytest.raises(gr.Error, match=sentence):
            predict.bring(SETTINGS, ["cifar10"], [], files)
    with pytest.raises(ValueError, match="weights must be one of"):
        nets.loaded(SETTINGS, "/etc/passwd")


def test_only_so_many_brought_files_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nets._brought, "most", 1)
    file = tmp_path / "mine.pth"
    shutil.copy(ASSETS / "cifar10.pth", file)
    first, second = nets.bring(file), nets.bring(file)
    nets.loaded(SETTINGS, second)
    with pytest.raises(ValueError, match="no longer here"):
        nets.loaded(SETTINGS, first)


def test_nothing_is_drawn_for_a_view_that_is_not_open() -> None:
    assert list(maps.show(Visitor(), SETTINGS, None, None, ["saliency"], None, *OPTIONS)) == [""]


def test_film_strip_shows_every_block_on_one_scale() -> None:
    page = json.loads(film.show(SETTINGS, TABBY, ASKED))
    assert page["shared"]
    assert [item["says"] for item in page["maps"]] == [f"after {n}\u00a0×\u00a0{n} maps" for n in (32, 16, 8, 4)]
    model = load("cifar10")
    x = input_of(model, view_of(model, TABBY))
    for block, item in enumerate(page["maps"], start=1):
        expected = attribute(model, x, CAT, "grad_cam", block=block).map[0, 0]
        np.testing.assert_allclose(values_of(item), expected.numpy(), rtol=1e-4, atol=1e-6)


def odd_photos_and_methods(folder: Path) -> list[tuple[Path, str]]:
    """One method for every photo, and every method for one: what is odd about a photo is over when it is the net's input."""
    photos = [*write_accepted(folder / "accepted"), *write_extreme(folder / "extreme")]
    return [(path, "saliency") for path in photos] + [(photos[-1], method) for method in METHODS]


def test_odd_photos_go_through_every_method(tmp_path: Path) -> None:
    for path, method in odd_photos_and_methods(tmp_path):
        photo = read_image(path)
        _, asked = predict.predict(SETTINGS, photo, ["cifar10"])
        *_, last = maps.show(Visitor(), SETTINGS, photo, asked, [method], None, 2, "blurred", 2, 0.1, 16, 1)
        values = values_of(json.loads(last)["maps"][0])
        assert values.shape == (32, 32), path
        assert np.isfinite(values).all(), path


def test_a_photo_is_decoded_once_and_a_huge_one_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(photo_input, "read_image", lambda path: read.append(path) or read_image(path))
    for i, size in enumerate(((300, 200), (6000, 4000), (20_000, 3))):
        file = tmp_path / f"{i}.png"
        Image.new("L", size, 90).save(file)
        first, second = photo_input._decoded(str(file)), photo_input._decoded(str(file))
        assert first is second
        assert len(read) == i + 1
        assert first.mode == "RGB"
        assert first.getpixel((0, 0)) == (90, 90, 90)
        assert first.width * first.height <= 12_000_000
        assert first.size == size or size == (6000, 4000)
    assert len(photo_input._kept) <= 4
