"""Maps as pictures: their colours are the scale's, their strength is the value's, and every pixel stays a square."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from explorer.components.colours import BOTH_WAYS, rgb
from explorer.components.overlays import data_uri, enlarged, overlay, scale_of

GREY = Image.new("RGB", (4, 4), (100, 100, 100))
PALE = 0.6 * 100 + 102


def test_strength_is_the_share_of_the_scale_and_the_sign_the_colour() -> None:
    values = np.array([[-2.0, -1.0, 0.0, 1.0]] * 3 + [[2.0, 2.0, 2.0, 2.0]])
    drawn = np.asarray(overlay(GREY, values))[::64, ::64].astype(float)
    scale = scale_of(values)
    for row, line in zip(drawn, values, strict=True):
        for pixel, value in zip(row, line, strict=True):
            strength = min(1.0, abs(value) / scale)
            colour = np.array(rgb(BOTH_WAYS[2] if value > 0 else BOTH_WAYS[0]))
            assert pixel == pytest.approx(PALE * (1 - strength) + colour * strength, abs=0.5)


def test_one_wild_pixel_does_not_darken_the_rest() -> None:
    values = np.ones((100, 100))
    values[0, 0] = 1e6
    assert scale_of(values) == pytest.approx(1.0)
    assert scale_of(-values) == scale_of(values)
    alone = np.zeros((100, 100))
    alone[0, 0] = 5.0
    assert scale_of(alone) == 5.0
    assert scale_of(np.zeros((3, 3))) == 0.0
    assert np.asarray(overlay(GREY, np.zeros((4, 4)))).tolist() == np.full((256, 256, 3), round(PALE)).tolist()


def test_a_picture_is_enlarged_by_whole_pixels_and_written_as_it_is() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    large = enlarged(noise)
    assert large.size == (256, 256)
    assert (np.asarray(large)[::8, ::8] == np.asarray(noise)).all()
    assert enlarged(Image.new("RGB", (600, 600))).size == (600, 600)
    head, _, text = data_uri(noise).partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(text))).tobytes() == noise.tobytes()
