"""From a picture of any kind that Pillow knows to upright 8-bit RGB in the colours that screens show."""

from __future__ import annotations

import io
import math
from contextlib import suppress

import numpy as np
from PIL import Image, ImageCms, ImageOps

_ROWS_AT_ONCE = 256  # of a picture whose values are scaled: as floats they take eight times the memory
_MODE_OF_SPACE = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of a colour profile
_SRGB = ImageCms.createProfile("sRGB")


class NotNumbers(ValueError):
    """A picture whose values are no numbers."""


def _bands(image: Image.Image) -> list[tuple[int, int, int, int]]:
    return [(0, top, image.width, min(top + _ROWS_AT_ONCE, image.height)) for top in range(0, image.height, _ROWS_AT_ONCE)]


def _scale_to_bytes(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and float greys to 8 bits by their full scale, where Pillow would clip them."""
    bands = _bands(image)
    spans = [(float(values.min()), float(values.max())) for values in (np.asarray(image.crop(band), np.float64) for band in bands)]
    if not np.isfinite(spans).all():  # the least and the largest of values with a NaN among them are NaN
        raise NotNumbers("it holds values that are not numbers")
    high = max(high for _, high in spans)
    if image.mode.startswith("I;16"):
        full_scale = 65_535.0  # a dark picture must stay dark
    elif image.mode == "I":  # 32 bits that in practice hold 8 or 16
        full_scale = 255.0 if high <= 255.0 else 65_535.0 if high <= 65_535.0 else high
    else:
        full_scale = 1.0 if high <= 1.0 else 255.0 if high <= 255.0 else high
    scaled = Image.new("L", image.size)
    for band in bands:
        values = np.asarray(image.crop(band), np.float64).clip(0.0)
        scaled.paste(Image.fromarray(np.round(values * (255.0 / full_scale)).astype(np.uint8)), band)
    scaled.info = dict(image.info)
    return scaled


def _of_plain_kind(image: Image.Image) -> Image.Image:
    """Return `image` upright and in L, LA, RGB, RGBA or CMYK; of an animation, the first frame."""
    if getattr(image, "is_animated", False):
        image.seek(0)
    with suppress(Exception):  # broken metadata raise what they like, and do not make the photo unreadable
        image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _scale_to_bytes(image)
    if image.mode == "La":  # the one mode that Pillow converts to its plain form only
        image = image.convert("LA")
    if image.mode in ("RGBa", "PA") or (image.mode != "RGBA" and "transparency" in image.info):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return L, RGB or CMYK in the colours that `profile` gives its values, as RGB; as it is where the two do not belong together."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = _MODE_OF_SPACE.get(source.profile.xcolor_space)
    if image.mode == "L" and mode == "RGB":  # the curve of the greys is the profile's too
        image = image.convert("RGB")
    if image.mode != mode:
        return image
    seen = ImageCms.profileToProfile(image, source, _SRGB, ImageCms.Intent.PERCEPTUAL, "RGB")
    return image if seen is None else seen


def _as_rgb(image: Image.Image) -> Image.Image:
    """Return a picture of plain kind in RGB and sRGB, transparency laid on white."""
    profile = image.info.get("icc_profile")
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if alpha is not None:
        image = image.convert(image.mode[:-1])
    if profile:
        with suppress(Exception):  # a broken profile does not make the photo unreadable
            image = _in_srgb(image, profile)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        image.putalpha(alpha)
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    elif image.info.keys() & {"icc_profile", "transparency"}:
        image = image.copy()
    for told in ("icc_profile", "transparency"):  # or it would be brought there twice
        image.info.pop(told, None)
    return image


def as_rgb(image: Image.Image, most_pixels: int | None = None) -> Image.Image:
    """Return `image` upright, in 8-bit RGB, transparency laid on white; of an animation, the first frame.

    Colours are brought to sRGB from the profile that the picture carries (ICC, perceptual intent). A picture of more than `most_pixels` is
    averaged down by the smallest whole number that brings it there, before anything that takes more memory.
    """
    image = _of_plain_kind(image)
    times = 1 if most_pixels is None else times_larger(image.width * image.height, most_pixels)
    if times > 1:
        image = image.reduce((min(times, image.width), min(times, image.height)))
    return _as_rgb(image)


def times_larger(pixels: int, most_pixels: int) -> int:
    """Return the whole number by which both sides of a picture are divided to bring it to at most `most_pixels`, about."""
    return math.ceil(math.sqrt(pixels / most_pixels))
