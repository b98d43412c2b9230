"""The photo that is uploaded: decoded once, kept for every view, and whatever cannot be read is a sentence."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image, ImageChops

from densenet.pictures.images import LARGEST_PX, read_image, readable_formats
from explorer.components import photo_input
from explorer.components.photo_input import PhotoInput, for_browsers
from tests.support.bad_photos import write_accepted


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
        assert first.width * first.height <= LARGEST_PX
        assert first.size == size or size == (6000, 4000)
    assert len(photo_input._kept) <= 4


def test_what_is_handed_over_is_8_bit_rgb(tmp_path: Path) -> None:
    for path in write_accepted(tmp_path):
        photo = PhotoInput().preprocess(SimpleNamespace(path=str(path)))
        assert photo is not None
        assert photo.mode == "RGB"
    assert PhotoInput().preprocess(None) is None


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    text, gone = str(tmp_path / "text.png"), str(tmp_path / "gone.png")
    for path, words in ((text, "Cannot read text.png"), (gone, "gone.png"), (None, "as a file")):
        with pytest.raises(gr.Error, match=words) as caught:
            PhotoInput().preprocess(SimpleNamespace(path=path))
        assert str(tmp_path) not in caught.value.message, "a visitor need not know the server's folders"


@pytest.mark.parametrize(
    ("name", "shown"), [("a.jpg", True), ("a.png", True), ("a.webp", True), ("a.gif", True), ("a.heic", False), ("a.tiff", False)]
)
def test_what_no_browser_shows_becomes_what_each_does(name: str, shown: bool, tmp_path: Path) -> None:
    assert "HEIF" in readable_formats()  # Pillow writes HEIC, too, once it has been told of it
    Image.effect_noise((60, 40), 80).convert("RGB").save(tmp_path / name)
    photo = read_image(tmp_path / name)
    assert for_browsers(None) == gr.skip()
    answer = for_browsers(photo)
    assert (answer == gr.skip()) == shown
    if not shown:
        component = PhotoInput()
        file = component.postprocess(answer)
        again = component.preprocess(SimpleNamespace(path=file.path))
        assert for_browsers(again) == gr.skip()
        assert again.tobytes() == photo.tobytes()


def test_a_large_one_is_shown_at_the_best_quality() -> None:
    photo = Image.effect_noise((40, 30), 60).convert("RGB").resize((2400, 1800))
    component = PhotoInput()
    again = component.preprocess(SimpleNamespace(path=component.postprocess(photo).path))
    assert again.info["format"] == "JPEG"
    assert ImageChops.difference(again, photo).getextrema() <= ((0, 6),) * 3
