"""Every kind of file that people drop on an image component."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.serving import ROOT

TABBY = ROOT / "assets" / "samples" / "tabby.jpg"


def _png_bomb(side: int) -> bytes:
    """A 1-bit PNG of side x side zeros in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes((side + 7) // 8)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _saved(image: Image.Image, kind: str, **settings: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **settings)  # type: ignore[arg-type]
    return out.getvalue()


def write_refused(folder: Path) -> list[Path]:
    """Write files that must be answered with a sentence; returns their paths."""
    jpeg = TABBY.read_bytes()
    nan = np.full((40, 40), np.nan, dtype=np.float32)
    contents = {
        "empty.jpg": b"",
        "corrupt.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "truncated.jpg": jpeg[: len(jpeg) // 3],
        "text.png": b"this is no picture\n" * 20,
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
        "bomb.png": _png_bomb(10_000),
        "nan.tiff": _saved(Image.fromarray(nan), "TIFF"),
    }
    return _written(folder, contents)


def write_accepted(folder: Path) -> list[Path]:
    """Write the photo of a tabby cat in many ways that must all be read as what they show; returns their paths."""
    photo = Image.open(TABBY).convert("RGB")
    grey = photo.convert("L")
    values = np.asarray(grey)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the picture has to be rotated by 270 degrees
    other = Image.new("RGB", photo.size, "black")
    transparent = grey.convert("LA")
    contents = {
        "grey16.png": _saved(Image.fromarray(values.astype(np.uint16) * 257), "PNG"),
        "float01.tiff": _saved(Image.fromarray((values / 255.0).astype(np.float32)), "TIFF"),
        "float255.tiff": _saved(Image.fromarray(values.astype(np.float32)), "TIFF"),
        "cmyk.jpg": _saved(photo.convert("CMYK"), "JPEG", quality=95),
        "palette.png": _saved(photo.quantize(256), "PNG"),
        "grey_alpha.png": _saved(transparent, "PNG"),
        "animated.gif": _saved(photo.quantize(256), "GIF", save_all=True, append_images=[other.quantize(2)]),
        "turned.jpg": _saved(photo.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95),
    }
    return _written(folder, contents)


def write_extreme(folder: Path) -> list[Path]:
    """Write pictures of odd shapes, which show nothing but must get an answer; returns their paths."""
    contents = {f"{w}x{h}.png": _saved(Image.new("RGB", (w, h), "orange"), "PNG") for w, h in ((1, 1), (1, 5000), (5000, 1))}
    return _written(folder, contents)


def _written(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]
