"""What people bring: a net for X-rays and a film, seen, set and kept; a folder on which a net is tried."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from densenet.weights.known import ASSETS
from densenet.weights.loading import load_file
from tests.densenet.pictures.test_films import film
from tests.support.photo_side import bring_weights, wait_for_maps
from tests.support.upstream import of
from tests.support.visit import Visit

pytestmark = pytest.mark.browser


def _bring_photo(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#other-photo").click()
    chooser.value.set_files(str(file))


def test_a_net_for_x_rays_on_a_film(visit: Visit, tmp_path: Path) -> None:
    """Two findings near 95 %, all labels in a list, how it is fed set on the page, and kept in a file that says so."""
    state = of("torchxrayvision")[0].state_dict()
    state["classifier.weight"] *= 1e-6
    state["classifier.bias"][:] = -3.0
    state["classifier.bias"][[2, 10]] = torch.tensor([2.9, 2.87])
    state["op_threshs"][:] = 0.5
    state["op_threshs"][17] = float("nan")
    torch.save(state, tmp_path / "xray.pth")
    values = np.asarray(Image.open(ASSETS / "samples" / "tabby.jpg").convert("L").resize((300, 200))).astype(np.uint16) * 16
    page = visit.open("?tab=Predict&preset=tiny")
    _bring_photo(page, film(tmp_path / "film.dcm", values, WindowCenter=2000, WindowWidth=4000))
    expect(page.locator(".answer")).to_have_count(1)
    bring_weights(page, tmp_path / "xray.pth")
    expect(page.locator(".answer")).to_have_count(2)
    first = page.locator(".answer").first
    shares = [float(text.split("\u00a0")[0]) for text in first.locator(".class-share").all_inner_texts()]
    assert first.locator(".class-name").all_inner_texts()[:2] in (["Infiltration", "Cardiomegaly"], ["Cardiomegaly", "Infiltration"])
    assert shares[:2] == pytest.approx([95, 95], abs=1.5)
    assert max(shares[2:]) < 10
    expect(first.locator(".meaning")).to_contain_text("labels are independent")
    first.get_by_role("button", name="all 18 labels").click()
    expect(first.locator(".class-row")).to_have_count(18)
    expect(first.locator(".class-row").last).to_contain_text("never trained")
    page.get_by_label("Find one of the labels of xray").fill("opac")
    expect(first.locator(".class-row")).to_have_count(1)
    first.locator(".class-row").click()
    expect(page.locator("#maps .map-head")).to_contain_text("Why Lung Opacity?")

    form = page.locator("#feeding")
    form.get_by_role("button").first.click()
    expect(form).to_contain_text("The preprocessing is TorchXRayVision's: 224 x 224 pixels.")
    form.get_by_label("Side, px").fill("96")
    form.get_by_role("button", name="Apply").click()
    expect(page.locator(".answer").first.locator("img")).to_have_attribute("title", "What the net sees: 96 × 96 px")
    form.get_by_role("button", name="Save with card").click()
    links = page.locator("#net-with-card a")
    expect(links).to_have_count(2)
    for i in range(2):
        with page.expect_download() as saved:
            links.nth(i).click()
        saved.value.save_as(tmp_path / "saved" / saved.value.suggested_filename)
    record = load_file(tmp_path / "saved" / "xray.safetensors").weights
    assert record is not None
    assert (record.preprocessing.crop_px, record.activation, record.assumptions) == (96, "sigmoid", ())


def test_a_net_is_tried_on_a_folder(visit: Visit, tmp_path: Path) -> None:
    """The surest mistake opens with its maps."""
    for sample, name in {"tabby": "cat", "beagle": "beagle", "pizza": "church"}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        shutil.copy(ASSETS / "samples" / f"{sample}.jpg", tmp_path / "photos" / name)
    page = visit.open("?tab=Predict&preset=tiny")
    page.get_by_role("tab", name="On a folder").click()
    page.get_by_label("Folder on this machine", exact=True).fill(str(tmp_path / "photos"))
    page.locator("#trial-start").click()
    expect(page.locator("#trial-line")).to_contain_text("of 3 pictures")
    expect(page.locator("#trial-table tbody tr").nth(2)).to_be_visible()  # and one for each class that one was taken for
    page.locator("#trial-mistakes .mistake", has_text="church, taken for").click()
    expect(page.locator(".class-row")).to_have_count(5)
    wait_for_maps(page, 3)
