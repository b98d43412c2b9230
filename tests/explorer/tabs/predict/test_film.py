"""The film strip: Grad-CAM after every block, on one scale, and only while somebody looks."""

from __future__ import annotations

import json

import numpy as np

from densenet.attribution import attribute
from densenet.predict import input_of, view_of
from densenet.weights.loading import load
from explorer.tabs.predict import film
from tests.support.on_page import ASKED, CAT, SETTINGS, TABBY, values_of


def test_film_strip_shows_every_block_on_one_scale() -> None:
    page = json.loads(film.show(SETTINGS, TABBY, ASKED))
    assert page["shared"]
    assert [item["says"] for item in page["maps"]] == [f"interpolated from {n}\u00a0×\u00a0{n}" for n in (32, 16, 8, 4)]
    model = load("cifar10")
    x = input_of(model, view_of(model, TABBY))
    for block, item in enumerate(page["maps"], start=1):
        expected = attribute(model, x, CAT, "grad_cam", block=block).map[0, 0]
        np.testing.assert_allclose(values_of(item), expected.numpy(), rtol=1e-4, atol=1e-6)


def test_nothing_without_a_photo_or_a_class() -> None:
    assert film.show(SETTINGS, None, ASKED) == film.show(SETTINGS, TABBY, None) == ""
