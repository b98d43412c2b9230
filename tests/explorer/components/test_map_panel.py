"""What the panel is handed, and what its script makes of it: colours, scales, the value under the pointer, and the file to keep."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer.components import map_panel
from explorer.components.colours import BOTH_WAYS
from explorer.components.map_panel import MapOnPage, panel_value
from explorer.components.overlays import overlay, scale_of
from explorer.components.scripts import script_of
from tests.support.on_page import values_of

STUBS = Path(__file__).resolve().parents[2] / "support" / "map_panel_page.js"
COLOURS = dict(zip(("--map-below", "--map-zero", "--map-above"), BOTH_WAYS, strict=True))
WIDTH, HEIGHT = 6, 4
random = np.random.default_rng(3)
PHOTO = Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
SMALL, LARGE, ZEROS = (scale * random.normal(size=(HEIGHT, WIDTH)).astype("f4") for scale in (0.01, 3.0, 0.0))


def on_page(values: np.ndarray[Any, Any] | None = None, **words: Any) -> MapOnPage:
    return MapOnPage("Title", "what it says", values=values, **words)


def value(*maps: MapOnPage, key: str = "k", shared: bool = False, photo: Image.Image = PHOTO) -> str:
    return panel_value(photo, maps, head="<b>why</b>", key=key, status="the status", shared=shared)


def run(*steps: tuple[str, Any], photo: Image.Image = PHOTO) -> dict[str, Any]:
    """What the panel's script shows after each of `steps`, saves and triggers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the script of the maps is run in the browser's tests only")
    pixels = np.asarray(photo.convert("RGBA"))
    script = script_of(Path(map_panel.__file__).with_suffix(".js"))
    asked = {"script": script, "colours": COLOURS, "width": photo.width, "height": photo.height, "photo": pixels.flatten().tolist()}
    done = subprocess.run([node, str(STUBS)], input=json.dumps({**asked, "steps": steps}), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def picture(pixels: list[int]) -> np.ndarray[Any, Any]:
    return np.array(pixels).reshape(HEIGHT, WIDTH, 4)


def drawn_by_the_library(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The picture that the HTTP API gives of the same map, one pixel of it for one of the photo."""
    enlarged = np.asarray(overlay(PHOTO, values))
    times = enlarged.shape[1] // WIDTH
    return enlarged[::times, ::times].astype(int)


def test_numbers_are_handed_over_exactly() -> None:
    item = json.loads(value(on_page(LARGE)))["maps"][0]
    assert (values_of(item) == LARGE).all()
    assert item["scale"] == scale_of(LARGE)
    assert (item["height"], item["width"]) == (HEIGHT, WIDTH)
    assert "values" not in json.loads(value(on_page()))["maps"][0], "still computed"


def test_no_word_is_lost_on_the_way() -> None:
    given = MapOnPage("t", "s", "f", SMALL, "n", True, "u", "h", "m")
    item = json.loads(value(given))["maps"][0]
    assert [item[name] for name in ("title", "says", "file", "note", "bad", "unit", "hint", "method")] == [*"tsfn", True, *"uhm"]
    page = json.loads(value(given, key="q", shared=True))
    assert {name: page[name] for name in ("head", "key", "status", "shared")} == {
        "head": "<b>why</b>",
        "key": "q",
        "status": "the status",
        "shared": True,
    }
    png = base64.b64decode(page["view"].removeprefix("data:image/png;base64,"))
    assert (np.asarray(Image.open(io.BytesIO(png))) == np.asarray(PHOTO)).all()


def test_maps_are_drawn_as_the_library_draws_them() -> None:
    maps = (SMALL, LARGE, ZEROS)
    [state] = run(("value", value(*map(on_page, maps))))["states"]
    for values, pixels in zip(maps, state["pixels"], strict=True):
        assert np.abs(picture(pixels)[..., :3] - drawn_by_the_library(values)).max() <= 1, "a rounding"
        assert (picture(pixels)[..., 3] == 255).all()
    for values, (low, high) in zip(maps, state["ends"], strict=True):
        assert low.startswith("−")
        assert float(low[1:]) == float(high[1:]) == pytest.approx(scale_of(values), rel=0.06)
    assert state["says"] == "each on its own scale"
    assert not state["hidden"]


def test_one_scale_makes_maps_comparable() -> None:
    first, second, third = run(("value", value(on_page(SMALL), on_page(), on_page(LARGE))), ("shared", True), ("shared", False))["states"]
    assert first == third
    assert second["says"] == "one scale for all"
    assert second["ends"][0] == second["ends"][1] == first["ends"][1]
    assert second["pixels"][1] == first["pixels"][1], "the largest stays"
    grey = drawn_by_the_library(ZEROS)
    faint, own = (np.abs(picture(state["pixels"][0])[..., :3] - grey).max() for state in (second, first))
    assert faint <= 3 < 20 < own, "a map a hundredth as large is hardly seen"


def test_opacity_and_photo_beside_map() -> None:
    *_, faint, half, bare = run(("value", value(on_page(LARGE))), ("opacity", 0.25), ("opacity", 0), ("uncover", 0.5))["states"]
    full, grey = drawn_by_the_library(LARGE), drawn_by_the_library(ZEROS)
    assert np.abs(picture(faint["pixels"][0])[..., :3] - (0.75 * grey + 0.25 * full)).max() <= 2
    assert np.abs(picture(half["pixels"][0])[..., :3] - grey).max() <= 1
    halves = picture(bare["pixels"][0])[..., :3]
    assert np.abs(halves[:, : WIDTH // 2] - grey[:, : WIDTH // 2]).max() <= 1, "left: the map"
    assert (halves[:, WIDTH // 2 :] == np.asarray(PHOTO)[:, WIDTH // 2 :]).all(), "right: the photo, in its colours"


@pytest.mark.parametrize(("x", "y", "column", "row"), [(0, 0, 0, 0), (25, 39, 2, 3), (59.9, 10, 5, 1), (60, 40, 5, 3), (-3, -3, 0, 0)])
def test_the_value_under_the_pointer(x: float, y: float, column: int, row: int) -> None:
    shown = value(on_page(SMALL, unit="of the score"), on_page(LARGE, unit="of the score"))
    _, pointed, left = run(("value", shown), ("point", [1, x, y]), ("leave", 1))["states"]
    words, number = pointed["status"].rsplit(": ", 1)
    assert words == f"Title, column {column}, row {row}"
    assert number.endswith(" of the score")
    assert float(number.split()[0]) == pytest.approx(float(LARGE[row, column]), rel=1e-3)
    assert left["status"] == "the status"


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (1, 1), (3, 1000)], ids=str)
def test_the_saved_numbers_are_read_by_numpy(shape: tuple[int, int]) -> None:
    values, photo = random.normal(size=shape).astype("f4"), Image.new("RGB", shape[::-1])
    [file] = run(("value", value(on_page(values), photo=photo)), ("press", ".npy"), photo=photo)["files"]
    kept = np.load(io.BytesIO(base64.b64decode(file)))
    assert kept.dtype == np.dtype("<f4")
    assert (kept == values).all()


def test_a_map_can_be_judged_and_a_warning_looks_like_one() -> None:
    shown = value(on_page(SMALL, method="occlusion", note="far off", bad=True), on_page(LARGE, note="fine"))
    done = run(("value", shown), ("press", "Can it be trusted?"))
    assert done["triggered"] == [["judge", {"method": "occlusion"}]]
    assert done["states"][0]["notes"] == [["map-note differs", "far off"], ["map-note", "fine"]]


def test_what_the_visitor_has_set_stays_while_maps_grow() -> None:
    first, grown = value(on_page(), on_page(SMALL)), value(on_page(LARGE), on_page(SMALL))
    steps = (("value", first), ("shared", True), ("value", grown), ("value", value(on_page(LARGE), key="other")), ("value", ""))
    states = run(*steps)["states"]
    assert [state["pending"] for state in states] == [1, 1, 0, 0, 0]
    assert [state["shared"] for state in states[:4]] == [False, True, True, False], "another question begins anew"
    assert run(("value", value(on_page(SMALL), shared=True)))["states"][0]["shared"]
    assert states[-1]["hidden"]
    assert states[-1]["pixels"] == []
