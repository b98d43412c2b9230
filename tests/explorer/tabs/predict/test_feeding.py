"""How a visitor's net is fed: what was assumed is seen, what is set is used, and what is kept says it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch

from densenet.predict import logits_of
from densenet.weights.known import ASSETS, WEIGHTS
from densenet.weights.loading import load_file
from explorer.tabs.predict import feeding
from explorer.tabs.predict.feeding import Fields
from explorer.work import nets
from tests.support.on_page import SETTINGS
from tests.support.photo_side import photo_of
from tests.support.upstream import of, of_huyvnphan

FORM = ("place", "says", *Fields._fields, "scale", "file")
CIFAR = ("crop", 32.0, 0, "0.4914, 0.4822, 0.4465", "0.247, 0.2435, 0.2616", False, "softmax", "cifar")


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """The embedded net as a visitor brings it, without its card."""
    shutil.copy(ASSETS / "cifar10.pth", tmp_path / "mine.pth")
    return nets.bring(tmp_path / "mine.pth")


def form(chosen: list[str]) -> dict[str, Any]:
    return dict(zip(FORM, feeding.shown(SETTINGS, chosen), strict=True))


def test_the_form_says_what_was_assumed(mine: str) -> None:
    seen = form(["cifar10", mine])
    assert seen["place"]["visible"]
    assert seen["place"]["label"] == "How your net is fed: mine"
    assert "The preprocessing is assumed: 32 x 32 pixels, scaled as for CIFAR-10." in seen["says"]
    values = [seen[name]["value"] for name in Fields._fields]
    assert values == ["crop", 32, 0, "0.4914, 0.4822, 0.4465", "0.247, 0.2435, 0.2616", False, "softmax", "cifar"]
    assert not seen["stem"]["visible"], "no other stem has such weights"
    assert form(["cifar10"])["place"] == gr.update(visible=False)
    assert form([])["place"] == gr.update(visible=False)


def test_what_is_set_is_what_the_net_is_fed(mine: str) -> None:
    values = ("stretch", 40.0, 99, "0.5, 0.5, 0.5", "0.25, 0.25, 0.25", True, "sigmoid", "cifar")
    update, known = feeding.apply(SETTINGS, ["cifar10", mine], [("mine · yours", mine)], *values)
    (_, key), *_ = known
    assert update["value"] == ["cifar10", key]
    assert ("mine · yours", key) in update["choices"]
    record = nets.record_of(nets.loaded(SETTINGS, key))
    seen = record.preprocessing
    assert (seen.fit, seen.crop_px, seen.resize_px, seen.mean, seen.std, seen.invert) == (
        "stretch",
        40,
        None,
        (0.5,) * 3,
        (0.25,) * 3,
        True,
    )
    assert record.activation == "sigmoid"
    assert [form([key])[name]["value"] for name in Fields._fields] == ["stretch", 40, 0, values[3], values[4], True, "sigmoid", "cifar"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"mean": "0.5, grey, 0.5"}, "mean must be numbers with commas between them, one for each channel, got '0.5, grey, 0.5'"),
        ({"mean": "0.5"}, "its card's mean must be a list of 3"),
        ({"std": "0, 1, 1"}, r"its card's std\[0\] must be 1e-06 to 1000, got 0.0"),
        ({"side": 0}, "its card's crop_px must be 8 to 4096"),
        ({"side": None}, "its card's crop_px must be"),
        ({"resize": 8.0}, "its card's resize_px must be 32 to 128, got 8"),
        ({"fit": "bend"}, "its card's fit must be one of crop, pad, stretch, got 'bend'"),
        ({"activation": "tanh"}, "its card's activation must be one of softmax, sigmoid, none, got 'tanh'"),
        ({"stem": "imagenet"}, "of another shape|missing|left over"),
        ({"stem": "7x7"}, "stem must be one of"),
        ({"invert": "yes"}, "its card's invert must be true or false"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_changes_nothing(changed: dict[str, Any], sentence: str, mine: str) -> None:
    with pytest.raises(gr.Error, match=sentence):
        feeding.apply(SETTINGS, [mine], [], *Fields(*CIFAR)._replace(**changed))
    assert form([mine])["side"]["value"] == 32


@pytest.mark.parametrize("scale", feeding.SCALES)
def test_scales_have_a_number_for_each_channel(scale: str, mine: str, tmp_path: Path) -> None:
    torch.save(of("torchxrayvision")[0].state_dict(), tmp_path / "film.pth")
    for key, channels in ((mine, 3), (nets.bring(tmp_path / "film.pth"), 1)):
        mean, std = feeding.scale_shown(SETTINGS, [key], scale)
        assert len(feeding.numbers_in(mean, "mean")) == len(feeding.numbers_in(std, "std")) == channels
    low, high = {"0 to 1": (0, 1), "-1 to 1": (-1, 1), "0 to 255": (0, 255)}.get(scale, (None, None))
    if low is not None:
        center, width = (feeding.numbers_in(text, "")[0] for text in feeding.scale_shown(SETTINGS, [mine], scale))
        assert ((0 - center) / width, (1 - center) / width) == pytest.approx((low, high))


def test_a_pooling_that_no_tensor_shows_can_be_taken_out(tmp_path: Path) -> None:
    torch.save(of_huyvnphan(pooled=False).state_dict(), tmp_path / "net.pth")
    key = nets.bring(tmp_path / "net.pth")
    seen = form([key])
    assert seen["stem"]["visible"]
    assert [name for _, name in seen["stem"]["choices"]] == ["cifar_norm", "cifar_norm_pool"]
    values = Fields(*(seen[name]["value"] for name in Fields._fields))._replace(stem="cifar_norm")
    _, ((_, told),) = feeding.apply(SETTINGS, [key], [("net", key)], *values)
    assert nets.loaded(SETTINGS, told).config.stem == "cifar_norm"


def test_a_net_is_kept_with_a_card_that_says_it_all(mine: str) -> None:
    _, ((_, told),) = feeding.apply(SETTINGS, [mine], [("mine", mine)], *Fields(*CIFAR)._replace(fit="pad", side=48, activation="sigmoid"))
    update = feeding.keep(SETTINGS, [told])
    file, card = map(Path, update["value"])
    assert (file.name, card.name, update["visible"]) == ("mine.safetensors", "mine.json", True)
    again, before = load_file(file).weights, nets.record_of(nets.loaded(SETTINGS, told))
    assert again is not None
    assert (again.preprocessing, again.activation, again.labels()) == (before.preprocessing, "sigmoid", before.labels())
    assert again.assumptions == (), "nothing is left to be assumed"
    torch.testing.assert_close(logits_of(load_file(file), photo_of("tabby")), logits_of(nets.loaded(SETTINGS, told), photo_of("tabby")))


def test_operating_points_are_kept(tmp_path: Path) -> None:
    torch.save(of("torchxrayvision")[0].state_dict(), tmp_path / "film.pth")
    file, _ = feeding.keep(SETTINGS, [nets.bring(tmp_path / "film.pth")])["value"]
    record = load_file(file).weights
    assert record is not None
    assert record.operating_points[:17] == pytest.approx([0.07] * 17)
    assert record.operating_points[17] is None, "never trained"
    assert record.activation == "sigmoid"


def test_nets_of_the_project_are_left_alone() -> None:
    assert WEIGHTS["cifar10"].preprocessing.crop_px == 32
    for work in (lambda: feeding.apply(SETTINGS, ["cifar10"], [], *CIFAR), lambda: feeding.keep(SETTINGS, ["cifar10"])):
        with pytest.raises(gr.Error, match="Bring weights first"):
            work()
    assert feeding.scale_shown(SETTINGS, ["cifar10"], "0 to 1") == [gr.skip(), gr.skip()]
    assert feeding.scale_shown(SETTINGS, ["cifar10"], "nonsense") == [gr.skip(), gr.skip()]
