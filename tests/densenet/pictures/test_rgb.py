"""From pictures of every kind to RGB: modes, and the colours that a profile gives to values."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from densenet.pictures.images import read_image
from densenet.pictures.rgb import as_rgb

# ICC profiles are made of XYZ curves and primaries; Pillow can make only these. What is asked of others is asked of a matrix profile below.
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16", "La", "RGBa", "PA", "RGBX"]
)
def test_as_rgb_takes_every_mode(mode: str) -> None:
    image = Image.new(mode, (3, 2))
    assert as_rgb(image).mode == "RGB"
    assert as_rgb(image).size == (3, 2)


def curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big") + bytes(2)


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(round(value * 65536).to_bytes(4, "big", signed=True) for value in values)


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile (version 2.4, ICC.1:2001-04) for a screen: header, table of tags, tags."""
    table, content, at = len(tags).to_bytes(4, "big"), b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + (at + len(content)).to_bytes(4, "big") + len(tag).to_bytes(4, "big")
        content += tag
    d50 = xyz(0.9642, 1.0, 0.8249)[8:]
    header = (at + len(content)).to_bytes(4, "big") + b"lcms" + bytes.fromhex("02400000") + b"mntr" + space + b"XYZ "
    header = header.ljust(36, b"\0") + b"acsp"
    return header.ljust(68, b"\0") + d50 + bytes(128 - 80) + table + content


WHITE = xyz(0.9642, 1.0, 0.8249)
# Adobe RGB (1998): primaries brought to D50, gamma 563/256.
ADOBE_RGB = profile(
    b"RGB ",
    {
        b"wtpt": WHITE,
        b"rXYZ": xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": xyz(0.14919, 0.06322, 0.74457),
        b"rTRC": curve(563 / 256),
        b"gTRC": curve(563 / 256),
        b"bTRC": curve(563 / 256),
    },
)
LINEAR_GREY = profile(b"GRAY", {b"wtpt": WHITE, b"kTRC": curve(1.0)})


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """The curve of IEC 61966-2-1, from light 0 to 1 to values 0 to 255."""
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def adobe_in_srgb(rgb: tuple[int, int, int]) -> np.ndarray:
    """By the published matrices of both (D65)."""
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    from_xyz = np.array([[3.24045, -1.53714, -0.49853], [-0.96927, 1.87601, 0.04156], [0.05564, -0.20403, 1.05723]])
    linear = from_xyz @ to_xyz @ (np.array(rgb) / 255) ** (563 / 256)
    return to_srgb(linear.clip(0, 1))


@pytest.mark.parametrize("rgb", [(180, 120, 90), (200, 200, 200), (90, 140, 60), (20, 30, 200), (60, 90, 120)])
@pytest.mark.parametrize(("name", "options"), [("a.png", {}), ("a.tiff", {}), ("a.webp", {"lossless": True})])
def test_adobe_rgb_is_brought_to_srgb(tmp_path: Path, name: str, options: dict[str, object], rgb: tuple[int, int, int]) -> None:
    path = tmp_path / name
    Image.new("RGB", (8, 8), rgb).save(path, icc_profile=ADOBE_RGB, **options)
    seen = np.array(read_image(path).getpixel((4, 4)))
    assert np.abs(seen - adobe_in_srgb(rgb)).max() <= 2
    assert np.abs(seen - rgb).max() >= 3 or rgb == (200, 200, 200)


def test_the_profile_of_a_jpeg_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (16, 16), (90, 140, 60)).save(path, quality=98, subsampling=0, icc_profile=ADOBE_RGB)
    assert np.abs(np.array(read_image(path).getpixel((8, 8))) - adobe_in_srgb((90, 140, 60))).max() <= 4


@pytest.mark.parametrize("value", [0, 20, 128, 255])
def test_greys_have_a_curve(value: int) -> None:
    image = Image.new("L", (4, 4), value)
    image.info["icc_profile"] = LINEAR_GREY
    expected = float(to_srgb(np.array(value / 255)))
    assert as_rgb(image).getpixel((0, 0)) == pytest.approx((expected,) * 3, abs=2)
    image.info["icc_profile"] = ADOBE_RGB  # the curve of its greys
    assert as_rgb(image).getpixel((0, 0)) == pytest.approx(tuple(adobe_in_srgb((value,) * 3)), abs=2)


def test_what_lies_under_transparency_has_colours_too() -> None:
    image = Image.new("RGBA", (2, 1), (90, 140, 60, 255))
    image.putpixel((1, 0), (90, 140, 60, 0))
    image.info["icc_profile"] = ADOBE_RGB
    seen = as_rgb(image)
    assert np.abs(np.array(seen.getpixel((0, 0))) - adobe_in_srgb((90, 140, 60))).max() <= 2
    assert seen.getpixel((1, 0)) == (255, 255, 255)


def test_srgb_stays_and_nothing_is_brought_there_twice() -> None:
    image = Image.effect_noise((32, 32), 80).convert("RGB")
    image.info["icc_profile"] = SRGB
    assert np.abs(np.asarray(as_rgb(image), int) - np.asarray(image, int)).max() <= 1
    image.info["icc_profile"] = ADOBE_RGB
    once = as_rgb(image)
    assert as_rgb(once).tobytes() == once.tobytes()
    assert image.info["icc_profile"] == ADOBE_RGB, "the picture that was given is as it was"


@pytest.mark.parametrize("bad", [b"", b"junk", ADOBE_RGB[:100], ADOBE_RGB[:200], LINEAR_GREY, SRGB[:-40] + bytes(40), ADOBE_RGB + b"more"])
def test_a_broken_or_foreign_profile_does_not_hide_the_photo(bad: bytes) -> None:
    image = Image.new("RGB", (3, 2), (10, 20, 30))
    image.info["icc_profile"] = bad
    seen = as_rgb(image)
    assert seen.mode == "RGB"
    assert seen.size == (3, 2)
    if bad in (b"", b"junk", LINEAR_GREY):
        assert seen.getpixel((0, 0)) == (10, 20, 30)


def test_cmyk_without_a_profile_is_converted_plainly() -> None:
    image = Image.new("RGB", (2, 2), (200, 40, 90)).convert("CMYK")
    assert as_rgb(image).tobytes() == image.convert("RGB").tobytes()
    image.info["icc_profile"] = io.BytesIO(SRGB).getvalue()  # of another space
    assert as_rgb(image).tobytes() == image.convert("RGB").tobytes()
