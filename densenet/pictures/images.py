"""Decode a picture that a stranger sent, or say in one sentence why not."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from functools import cache
from os import PathLike
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError, features

from densenet.pictures.films import UnreadableFilm, is_film, read_film
from densenet.pictures.rgb import NotNumbers, as_rgb, times_larger

LARGEST_PX = 12_600_000  # of a picture as it is kept, 4096 x 3072: no net here sees more than some 100,000 of them
MAX_PIXELS = 4 * LARGEST_PX  # 8192 x 6144, which telephones call 50 megapixels, at half its sides
MAX_PIXELS_OF_OTHERS = 25_000_000  # of what telephones do not write: such files unpack to up to 20 bytes a pixel
MAX_FILE_BYTES = 25 * 2**20
FORMATS = {  # Pillow's name and ours; none that runs another program or follows references
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "AVIF": "AVIF",
    "HEIF": "HEIC",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "PPM": "PPM",
}
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P4\n", b"P5\n", b"P6\n")  # of files
FILM_SUFFIX = ".dcm"  # others have no ending, or any
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"hevc")  # of files whose second word is "ftyp"
_OF_TELEPHONES = ("JPEG", "MPO", "HEIF")  # MPO: several JPEGs in one file
_PNG_START = b"\x89PNG\r\n\x1a\n"
_MAX_PROFILE_BYTES = 2**20  # of a PNG, unpacked: Pillow reads no larger one
_CODECS = {"JPEG": "jpg", "PNG": "zlib", "WEBP": "webp", "AVIF": "avif"}  # libraries that Pillow may have been built without

# Pillow warns of many pixels and odd metadata; we count the pixels ourselves. Once and here: `warnings.catch_warnings` is not for threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def looks_like_a_picture(path: str | PathLike[str]) -> bool:
    """Whether a file, whatever its name, begins as a picture does that can be read here; only its first bytes are looked at."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    if Path(path).suffix.lower() == FILM_SUFFIX:
        return is_film(Path(path))
    return start.startswith(_STARTS) or start[:4] + start[8:] == b"RIFFWEBP" or (start[4:8] == b"ftyp" and start[8:] in _BRANDS)


class UnreadablePicture(ValueError):
    """A file that is not read as a photo, and why, in one sentence."""

    def __init__(self, path: Path, reason: str) -> None:
        readable = readable_formats()
        large = " and ".join(FORMATS[name] for name in readable if name in _OF_TELEPHONES)
        *most, last = (FORMATS[name] for name in readable if name not in _OF_TELEPHONES)
        others = f"{', '.join(most)} and {last} up to {MAX_PIXELS_OF_OTHERS // 10**6}"
        works = f"{large} up to {MAX_PIXELS // 10**6} megapixels work, {others}." if large else f"{others} megapixels work."
        super().__init__(f"Cannot read {path.name} as a photo: {reason}. {works}")


@cache
def _learn_formats() -> None:
    """Tell Pillow of all formats: by itself it knows half of them by name, and HEIC not at all."""
    Image.init()
    try:
        import pillow_heif
    except ImportError:  # a machine for which it is not built
        return
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def readable_formats() -> tuple[str, ...]:
    """Return those of `FORMATS` that Pillow can read on this machine."""
    _learn_formats()
    return tuple(name for name in FORMATS if name in Image.OPEN and (name not in _CODECS or features.check(_CODECS[name])))


def picture_suffixes() -> frozenset[str]:
    """Return the endings of names, in small letters and with the dot, of files that may be pictures which can be read here."""
    readable = readable_formats()
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in readable)


def _without_text(path: Path) -> bytes:
    """Return a PNG without its texts, and without a profile that is too large: no eye sees them, and Pillow stumbles over them."""
    content, kept, at = path.read_bytes(), [_PNG_START], len(_PNG_START)
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        chunk = content[at : at + length + 12]
        profile = chunk[8:-4].partition(b"\0")[2][1:] if kind == b"iCCP" else b""
        if kind not in (b"tEXt", b"zTXt", b"iTXt") and not _unpacks_to_more(profile, _MAX_PROFILE_BYTES):
            kept.append(chunk)
        at += length + 12
    return b"".join(kept)


def _unpacks_to_more(packed: bytes, most_bytes: int) -> bool:
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed, most_bytes)
    except zlib.error:
        return False
    return bool(unpacking.unconsumed_tail)


def _source(path: Path) -> Path | IO[bytes]:
    with path.open("rb") as file:
        is_png = file.read(len(_PNG_START)) == _PNG_START
    return io.BytesIO(_without_text(path)) if is_png else path


def read_image(path: str | PathLike[str]) -> Image.Image:
    """Decode a file as upright 8-bit RGB in sRGB; ValueError with one sentence for what is none.

    At most `MAX_PIXELS` of JPEG and HEIC, `MAX_PIXELS_OF_OTHERS` of the rest. One of more than `LARGEST_PX` is averaged down by a whole
    number. A JPEG is decoded at that size in the first place (libjpeg's scaled inverse transform), so that 50 megapixels take no more
    memory than 12. The picture's `info` says under "format" what the file is.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise UnreadablePicture(path, "it is not a file" if path.exists() else "there is no such file")
        size = path.stat().st_size
        if size == 0:
            raise UnreadablePicture(path, "the file is empty")
        if size > MAX_FILE_BYTES:
            raise UnreadablePicture(path, f"it has {size / 2**20:.0f} MB, and {MAX_FILE_BYTES // 2**20} MB is the limit")
        if is_film(path):
            picture = as_rgb(read_film(path), LARGEST_PX)
            picture.info = {"format": "DICOM"}
            return picture
        with Image.open(_source(path), formats=readable_formats()) as image:  # KeyError for a name that Pillow was built without
            width, height = image.size
            if width * height > (MAX_PIXELS if image.format in _OF_TELEPHONES else MAX_PIXELS_OF_OTHERS):
                raise UnreadablePicture(path, f"it has {-(-width * height // 10**6)} megapixels")
            times = times_larger(width * height, LARGEST_PX)
            image.draft(image.mode, (max(1, width // times), max(1, height // times)))
            image.load()
            picture = as_rgb(image, LARGEST_PX)
            picture.info = {"format": image.format}
            return picture
    except UnidentifiedImageError:
        raise UnreadablePicture(path, "its content is not a picture of a known format") from None
    except Image.DecompressionBombError:
        raise UnreadablePicture(path, "it unpacks to far too many pixels") from None
    except UnreadablePicture:
        raise
    except (NotNumbers, UnreadableFilm) as error:
        raise UnreadablePicture(path, str(error)) from None
    except Exception:  # decoders raise what they like on broken files: OSError, SyntaxError, struct.error, ValueError, EOFError, ...
        raise UnreadablePicture(path, "the file is damaged or ends early") from None
