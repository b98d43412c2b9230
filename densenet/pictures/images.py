"""Decode a picture that a stranger sent, or say in one sentence why not."""

from __future__ import annotations

import warnings
from contextlib import suppress
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

MAX_PIXELS = 24_000_000
MAX_FILE_BYTES = 10 * 2**20
FORMATS = {  # Pillow's name and ours; none that runs another program or follows references
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "AVIF": "AVIF",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
}
_CODECS = {"JPEG": "jpg", "PNG": "zlib", "WEBP": "webp", "AVIF": "avif"}  # libraries that Pillow may have been built without

# Pillow warns of many pixels and odd metadata; we count the pixels ourselves. Once and here: `warnings.catch_warnings` is not for threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class UnreadablePicture(ValueError):
    """A file that is not read as a photo, and why, in one sentence."""

    def __init__(self, path: Path, reason: str) -> None:
        *most, last = (FORMATS[name] for name in readable_formats())
        works = f"{', '.join(most)} and {last} up to {MAX_PIXELS / 1e6:.0f} megapixels work."
        super().__init__(f"Cannot read {path.name} as a photo: {reason}. {works}")


def readable_formats() -> tuple[str, ...]:
    """Return those of `FORMATS` that Pillow can read on this machine."""
    Image.init()  # without it Pillow knows only half of the formats by name
    return tuple(name for name in FORMATS if name in Image.OPEN and (name not in _CODECS or features.check(_CODECS[name])))


def picture_suffixes() -> frozenset[str]:
    """Return the endings of names, in small letters and with the dot, of files that may be pictures which can be read here."""
    readable = readable_formats()
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in readable)


def _scale_to_bytes(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and float greys to 8 bits by their full scale, where Pillow would clip them."""
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not numbers")
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        full_scale = 65_535.0  # a dark picture must stay dark
    elif image.mode == "I":  # 32 bits that in practice hold 8 or 16
        full_scale = 255.0 if high <= 255.0 else 65_535.0 if high <= 65_535.0 else high
    else:
        full_scale = 1.0 if high <= 1.0 else 255.0 if high <= 255.0 else high
    values = np.clip(values, 0.0, None) if low < 0.0 else values
    return Image.fromarray(np.round(values * (255.0 / full_scale)).astype(np.uint8), "L")


def as_rgb(image: Image.Image) -> Image.Image:
    """Return `image` upright, in 8-bit RGB, transparency laid on white; of an animation, the first frame."""
    if getattr(image, "is_animated", False):
        image.seek(0)
    with suppress(Exception):  # broken metadata raise what they like, and do not make the photo unreadable
        image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _scale_to_bytes(image)
    if image.mode == "La":  # the one mode that Pillow converts to its plain form only
        image = image.convert("LA")
    if image.mode in ("LA", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def read_image(path: str | PathLike[str]) -> Image.Image:
    """Decode a file as 8-bit RGB; ValueError with one sentence for anything that is not a photo of at most `MAX_PIXELS`."""
    path = Path(path)
    try:
        if not path.is_file():
            raise UnreadablePicture(path, "it is not a file" if path.exists() else "there is no such file")
        size = path.stat().st_size
        if size == 0:
            raise UnreadablePicture(path, "the file is empty")
        if size > MAX_FILE_BYTES:
            raise UnreadablePicture(path, f"it has {size / 2**20:.0f} MB, and {MAX_FILE_BYTES // 2**20} MB is the limit")
        with Image.open(path, formats=readable_formats()) as image:  # Pillow raises KeyError for a name that it was built without
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnreadablePicture(path, f"it has {width * height / 1e6:.0f} megapixels")
            image.load()
            return as_rgb(image)
    except UnidentifiedImageError:
        raise UnreadablePicture(path, "its content is not a picture of a known format") from None
    except Image.DecompressionBombError:
        raise UnreadablePicture(path, "it unpacks to far too many pixels") from None
    except UnreadablePicture:
        raise
    except ValueError as error:
        raise UnreadablePicture(path, str(error)) from None
    except Exception:  # decoders raise what they like on broken files: OSError, SyntaxError, struct.error, EOFError, ...
        raise UnreadablePicture(path, "the file is damaged or ends early") from None
