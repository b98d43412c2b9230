"""The predict tab's handlers: nets side by side, files that visitors bring, the film strip, and odd photos."""

from __future__ import annotations

import base64
import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from densenet.attribution import METHODS
from densenet.pictures.images import read_image
from densenet.predict import logits_of
from densenet.weights.known import ASSETS
from densenet.weights.loading import load
from explorer import api
from explorer.settings import Settings
from explorer.tabs.predict import inside, lesion, maps, reuse, trust
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


def test_a_photo_that_no_browser_shows_comes_back_as_one_that_each_does(tmp_path: Path) -> None:
    value, asked, shown = predict.answer(SETTINGS, TABBY, ["cifar10"])
    assert json.loads(value)["nets"][0]["key"] == asked.net == "cifar10"
    assert asked.target == CAT
    TABBY.save(tmp_path / "a.tiff")
    film = read_image(tmp_path / "a.tiff")
    assert predict.answer(SETTINGS, film, ["cifar10"])[2] is film
    TABBY.save(tmp_path / "a.png")
    assert predict.answer(SETTINGS, read_image(tmp_path / "a.png"), ["cifar10"])[2] == gr.skip()
    assert shown is TABBY, "of which no file is known"
    assert predict.other_photo([str(tmp_path / "a.tiff")]) == str(tmp_path / "a.tiff")
    for files in ([], ["a", "b"], None, [3]):
        with pytest.raises(gr.Error, match=r"Please bring one photo|files must be a list"):
            predict.other_photo(files)  # type: ignore[arg-type]


def test_a_net_that_is_not_here_is_said_beside_the_answers_of_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **_: said.append(message))
    settings = Settings(device="cpu", offline=True, weights_dir=str(tmp_path))
    value, _ = predict.predict(settings, TABBY, ["brought-gone's", "densenet121", "cifar10"])
    assert [column["key"] for column in json.loads(value)["nets"]] == ["cifar10"]
    assert said == [
        "This net is no longer here: please bring its file again.",
        "The weights of densenet121 are not on this machine, and downloads are switched off. The embedded net works without a network.",
    ]


def test_a_photo_that_looks_foreign_is_said_to() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    columns = [json.loads(predict.predict(SETTINGS, photo, ["cifar10"])[0])["nets"][0] for photo in (noise, grey)]
    assert any("its 10 classes name" in column["unsure"] for column in columns)


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


def test_three_nets_at_most_stand_side_by_side() -> None:
    """As the README says; the newest comes first."""
    file = str(ASSETS / "cifar10.pth")
    shown: list[str] = ["cifar10"]
    for count in (2, 3, 3):
        before = shown
        update, _ = predict.bring(SETTINGS, before, [], [file])
        shown = update["value"]
        assert (len(shown), shown[1:]) == (count, before[: count - 1])
    value, _ = predict.predict(SETTINGS, TABBY, [*shown, "cifar10"])
    assert [column["key"] for column in json.loads(value)["nets"]] == shown


def test_a_bad_file_is_a_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"no tensors")
    for files, sentence in (([str(bad)], "Cannot read bad.pth"), ([], "Please bring one file"), ([str(bad)] * 2, "Please bring one file")):
        with pytest.raises(gr.Error, match=sentence):
            predict.bring(SETTINGS, ["cifar10"], [], files)
    with pytest.raises(ValueError, match="weights must be one of"):
        nets.loaded(SETTINGS, "/etc/passwd")


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


ODD = [None, "", "x", "9" * 400, math.nan, math.inf, -1, 10**40, 1.5, True, ["a"], [None], {"a": 1}, "/etc/passwd", "\x00", "\ud800", 2**63]
ASKS: dict[str, Any] = {
    "nets": lambda odd: predict.predict(SETTINGS, TABBY, odd),
    "a net": lambda odd: predict.predict(SETTINGS, TABBY, [odd]),
    "files": lambda odd: predict.bring(SETTINGS, ["cifar10"], [], odd),
    "chosen": lambda odd: predict.bring(SETTINGS, odd, [], [str(ASSETS / "cifar10.pth")]),
    "class": lambda odd: predict.choose_class(None, gr.EventData(None, {"net": "cifar10", "index": odd})),
    "net of a class": lambda odd: predict.choose_class(None, gr.EventData(None, {"net": odd, "index": 0})),
    "methods": lambda odd: list(maps.show(Visitor(), SETTINGS, TABBY, ASKED, odd, None, *OPTIONS)),
    "a method": lambda odd: list(maps.show(Visitor(), SETTINGS, TABBY, ASKED, [odd], None, *OPTIONS)),
    "against": lambda odd: list(maps.show(Visitor(), SETTINGS, TABBY, ASKED, ["saliency"], odd, *OPTIONS)),
    "steps": lambda odd: list(maps.show(Visitor(), SETTINGS, TABBY, ASKED, ["integrated_gradients"], None, odd, *OPTIONS[1:])),
    "judged": lambda odd: next(trust.show(SETTINGS, TABBY, ASKED, odd, Visitor())),
    "layer": lambda odd: inside.show(SETTINGS, TABBY, ASKED, odd, inside.LARGEST),
    "order": lambda odd: inside.show(SETTINGS, TABBY, ASKED, "relu5", odd),
    "block of reuse": lambda odd: reuse.show(SETTINGS, ASKED, odd, False),
    "weighted": lambda odd: reuse.show(SETTINGS, ASKED, 0, odd),
    "block": lambda odd: lesion.switch_off(SETTINGS, TABBY, ASKED, odd, "zero", 0),
    "source": lambda odd: lesion.switch_off(SETTINGS, TABBY, ASKED, 1, "zero", odd),
    "by": lambda odd: lesion.switch_off(SETTINGS, TABBY, ASKED, 1, odd, 0),
    "k": lambda odd: api.predict(SETTINGS, TABBY, "cifar10", odd, 1.0),
    "temperature": lambda odd: api.predict(SETTINGS, TABBY, "cifar10", 5, odd),
    "target": lambda odd: api.attribute(SETTINGS, TABBY, "cifar10", odd, "saliency", -1, {}),
    "other": lambda odd: api.attribute(SETTINGS, TABBY, "cifar10", 3, "saliency", odd, {}),
    "options": lambda odd: api.attribute(SETTINGS, TABBY, "cifar10", 3, "saliency", -1, odd),
    "reuse": lambda odd: api.reuse(SETTINGS, odd, False),
}


@pytest.mark.parametrize("name", ASKS)
def test_an_odd_value_is_answered_or_refused_in_words(name: str) -> None:
    for odd in ODD:
        said: str | None = "answered"
        try:
            ASKS[name](odd)
        except gr.Error as error:  # nothing else may come
            said = error.message
        assert said, f"{name} = {odd!r}"
        assert "nobody foresaw" not in said, f"{name} = {odd!r}"


def test_a_visitor_says_that_labels_are_independent(tmp_path: Path) -> None:
    shutil.copy(ASSETS / "cifar10.pth", tmp_path / "mine.pth")
    update, known = predict.bring(SETTINGS, ["cifar10"], [], [str(tmp_path / "mine.pth")])
    key = update["value"][0]
    column = json.loads(predict.predict(SETTINGS, TABBY, [key])[0])["nets"][0]
    assert (column["activation"], column["other"]) == ("softmax", "no, they are independent")
    update, known = predict.switch_meaning(SETTINGS, update["value"], known, SimpleNamespace(net=key))
    other = update["value"][0]
    assert other != key
    assert [name for _, name in known] == [other]
    column = json.loads(predict.predict(SETTINGS, TABBY, [other])[0])["nets"][0]
    assert (column["activation"], column["other"]) == ("sigmoid", "no, they exclude each other")
    update, _ = predict.switch_meaning(SETTINGS, update["value"], known, SimpleNamespace(net=other))
    assert nets.record_of(nets.loaded(SETTINGS, update["value"][0])).activation == "softmax"
    for bad in ("cifar10", "brought-gone", 3):
        with pytest.raises(gr.Error, match="net must be"):
            predict.switch_meaning(SETTINGS, [other], known, SimpleNamespace(net=bad))
