"""Pictures that strangers send: each is decoded rightly or refused in one sentence that gives nothing of the server away."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import threading
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin, features

from densenet.pictures import images
from densenet.pictures.images import FORMATS, UnreadablePicture, picture_suffixes, read_image, readable_formats
from densenet.pictures.rgb import NotNumbers, as_rgb

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.", "ignore::PIL.Image.DecompressionBombWarning")  # as the library does

ROOT = Path(images.__file__).parents[2]
GREY = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (48, 1))  # 64 x 48, dark to bright
COLOUR = np.stack([GREY, GREY[:, ::-1], np.full_like(GREY, 90)], axis=-1)
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    assert "HEIF" in readable_formats()  # Pillow writes HEIC, too, once it has been told of it

    def save(name: str, content: bytes | np.ndarray | Image.Image, **options: object) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            (Image.fromarray(content) if isinstance(content, np.ndarray) else content).save(path, **options)
        return path

    return save


def check_refused(path: Path, reason: str) -> None:
    """`path` is refused with one sentence and a list of what works, naming the file but not its folder."""
    with pytest.raises(ValueError, match=reason) as caught:
        read_image(path)
    text = str(caught.value)
    assert text.startswith(f"Cannot read {path.name} as a photo: ")
    assert text.endswith("JPEG and HEIC up to 50 megapixels work, PNG, WebP, AVIF, GIF, BMP, TIFF and PPM up to 25.")
    assert str(path.parent) not in text
    assert "\n" not in text
    assert len(text) < 250
    assert "Traceback" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def check_close(image: Image.Image, expected: np.ndarray, tolerance: float = 1) -> None:
    assert image.mode == "RGB"
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=2)
    assert np.asarray(image).shape == expected.shape
    np.testing.assert_allclose(np.asarray(image, int), expected.astype(int), atol=tolerance)


@pytest.mark.parametrize(
    ("name", "tolerance", "options"),
    [
        ("a.png", 0, {}),
        ("a.bmp", 0, {}),
        ("a.tiff", 0, {}),
        ("a.webp", 0, {"lossless": True}),
        ("a.jpg", 6, {"quality": 95, "subsampling": 0}),
        ("a.avif", 8, {"quality": 95, "subsampling": "4:4:4"}),
        ("a.heic", 8, {"quality": 95, "chroma": 444}),
        ("a.JPG", 6, {"quality": 95, "subsampling": 0, "progressive": True}),
    ],
)
def test_everyday_formats(save: Save, name: str, tolerance: float, options: dict[str, object]) -> None:
    check_close(read_image(save(name, COLOUR, **options)), COLOUR, tolerance)
    assert read_image(str(save(name, COLOUR, **options))).size == (64, 48)


def test_the_name_does_not_matter(save: Save) -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, "PNG")
    check_close(read_image(save("photo.jpg", buffer.getvalue())), COLOUR)
    check_close(read_image(save("photo", buffer.getvalue())), COLOUR)


def test_samples(samples: Path) -> None:
    files = sorted(samples.glob("*.jpg"))
    assert len(files) >= 10
    for file in files:
        assert read_image(file).mode == "RGB"


def test_an_empty_file(save: Save) -> None:
    check_refused(save("a.png", b""), "the file is empty")


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"


@pytest.mark.parametrize(
    "content", [b"hello, world\n" * 50, SVG, b"%PDF-1.4", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x00" * 4096, b"GIF8", b"\x89PNG"]
)
def test_what_is_no_picture(save: Save, content: bytes) -> None:
    check_refused(save("a.png", content), "not a picture of a known format|damaged or ends early")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.webp", "a.tiff", "a.bmp", "a.avif", "a.heic"])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.5, 0.9])
def test_truncated_files(save: Save, name: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    path = save(name, noise)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    check_refused(path, "not a picture of a known format|damaged or ends early")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.webp", "a.tiff", "a.bmp", "a.avif", "a.heic"])
def test_corrupt_files_are_read_or_refused(save: Save, name: str) -> None:
    path = save(name, COLOUR)
    whole, generator = path.read_bytes(), np.random.default_rng(1)
    refusals = []
    for _ in range(60):
        broken = bytearray(whole)
        for position in generator.integers(0, min(len(whole), 200), 4):
            broken[position] = generator.integers(256)
        path.write_bytes(bytes(broken))
        try:
            assert read_image(path).mode == "RGB"
        except ValueError as error:
            refusals.append(str(error))
    assert refusals
    for text in refusals:
        assert re.fullmatch(rf"Cannot read {name} as a photo: [^\n]* work, [^\n]* up to 25\.", text)
        assert str(path.parent) not in text


def test_a_png_with_a_wrong_checksum(save: Save) -> None:
    path = save("a.png", COLOUR)
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"IDAT") + 40] ^= 0xFF
    path.write_bytes(bytes(whole))
    check_refused(path, "damaged or ends early")


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_16_bit_greys_have_the_brightness_of_8_bits(save: Save, name: str) -> None:
    check_close(read_image(save(name, GREY.astype(np.uint16) * 257)), GREY)


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_a_dark_16_bit_grey_stays_dark(save: Save, name: str) -> None:
    check_close(read_image(save(name, GREY.astype(np.uint16))), np.zeros_like(GREY))


def test_16_bit_colour(save: Save) -> None:
    """Pillow writes none: a PNG by hand."""
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in COLOUR.astype(np.uint16) * 257)
    check_close(read_image(save("a.png", png(64, 48, bits=16, kind=2, data=zlib.compress(rows)))), COLOUR)


def test_32_bit_integers(save: Save) -> None:
    check_close(read_image(save("a.tiff", GREY.astype(np.int32))), GREY)
    check_close(read_image(save("b.tiff", GREY.astype(np.int32) * 257)), GREY)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_float_tiffs(save: Save, scale: float) -> None:
    check_close(read_image(save("a.tiff", (GREY / 255.0 * scale).astype(np.float32))), GREY)


def test_a_black_float_tiff_and_one_with_negative_values(save: Save) -> None:
    check_close(read_image(save("a.tiff", np.zeros((4, 5), np.float32))), np.zeros((4, 5)))
    check_close(read_image(save("b.tiff", np.full((4, 5), -3.0, np.float32))), np.zeros((4, 5)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_float_tiff_with_holes(save: Save, bad: float) -> None:
    values = np.full((8, 8), 0.5, np.float32)
    values[3, 3] = bad
    check_refused(save("a.tiff", values), "values that are not numbers")


def test_a_cmyk_jpeg(save: Save) -> None:
    original = Image.new("RGB", (32, 32), (200, 40, 90))
    image = read_image(save("a.jpg", original.convert("CMYK"), quality=95))
    check_close(image, np.full((32, 32, 3), (200, 40, 90)), 6)


def test_a_palette(save: Save) -> None:
    check_close(read_image(save("a.png", Image.fromarray(GREY).convert("P"))), GREY)


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_a_palette_with_transparency_lies_on_white(save: Save, name: str) -> None:
    image = Image.new("P", (4, 2), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (2, 0, 4, 2))
    seen = read_image(save(name, image, transparency=0))
    assert seen.mode == "RGB"
    assert [seen.getpixel((x, 0)) for x in range(4)] == [(255, 255, 255)] * 2 + [(0, 0, 255)] * 2


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_transparent_colour_without_alpha_lies_on_white(save: Save, mode: str) -> None:
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((1, 0), (10, 10, 10) if mode == "RGB" else 10)
    seen = read_image(save("a.png", image, transparency=(0, 0, 0) if mode == "RGB" else 0))
    assert [seen.getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), (10, 10, 10)]


def test_grey_with_alpha_lies_on_white(save: Save) -> None:
    alpha = np.zeros_like(GREY)
    alpha[:, 32:] = 255
    seen = read_image(save("a.png", Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])))
    check_close(seen, np.where(alpha == 255, GREY, 255))


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tiff"])
def test_rgba_lies_on_white(save: Save, name: str) -> None:
    image = Image.new("RGBA", (3, 1))
    for x, colour in enumerate([(0, 0, 0, 0), (100, 0, 0, 128), (10, 20, 30, 255)]):
        image.putpixel((x, 0), colour)
    seen = read_image(save(name, image, **({"lossless": True, "exact": True} if name == "a.webp" else {})))
    check_close(seen, np.array([[(255, 255, 255), (177, 127, 127), (10, 20, 30)]]), 1)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tiff"])
def test_of_an_animation_the_first_frame(save: Save, name: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if name == "a.webp" else {}
    path = save(name, frames[0], save_all=True, append_images=frames[1:], **options)
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 3
        image.seek(2)
        check_close(as_rgb(image), np.full((10, 20, 3), (255, 0, 0)))
    check_close(read_image(path), np.full((10, 20, 3), (255, 0, 0)))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_exif_orientation(save: Save, name: str) -> None:
    image = Image.new("RGB", (60, 40), "white")
    image.paste("black", (0, 0, 30, 20))  # top left as stored
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    seen = read_image(save(name, image, exif=exif))
    assert seen.size == (40, 60)
    assert max(seen.getpixel((35, 5))) < 40, "the stored top left is the upright top right"  # type: ignore[arg-type]
    assert min(seen.getpixel((5, 5))) > 215  # type: ignore[arg-type]
    assert 0x0112 not in seen.getexif()


@pytest.mark.parametrize(
    "exif", [b"Exif\x00\x00junk", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff"]
)
def test_broken_exif_does_not_hide_the_photo(save: Save, exif: bytes) -> None:
    check_close(read_image(save("a.jpg", COLOUR, exif=exif, quality=95, subsampling=0)), COLOUR, 6)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_odd_sizes(save: Save, size: tuple[int, int]) -> None:
    image = read_image(save("a.png", Image.new("RGB", size, (1, 2, 3))))
    assert image.size == size
    assert image.getpixel((0, 0)) == (1, 2, 3)


def png(width: int, height: int, bits: int, kind: int, data: bytes) -> bytes:
    """A PNG by hand: header, one data chunk, end."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("side", "reason"), [(10_000, "it has 100 megapixels"), (50_000, "far too many pixels"), (5_050, "it has 26 megapixels")]
)
def test_many_pixels_in_a_small_file_are_refused_without_decoding(
    save: Save, side: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = png(side, side, bits=1, kind=0, data=zlib.compress(b"\x00" * (side * (side // 8 + 1)), 9) if side == 10_000 else b"")
    assert len(content) < 13_000
    path = save("a.png", content)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    tracemalloc.start()
    check_refused(path, reason)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


def test_the_limit_of_pixels_is_exact(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS_OF_OTHERS", 64 * 48)
    monkeypatch.setattr(images, "MAX_PIXELS", 64 * 96)
    for suffix, most in (("png", 48), ("webp", 48), ("jpg", 96), ("heic", 96)):
        assert read_image(save(f"a.{suffix}", Image.new("L", (64, most)))).size == (64, most)
        with pytest.raises(ValueError, match="it has 1 megapixels"):
            read_image(save(f"b.{suffix}", Image.new("L", (64, most + 1))))


def test_a_file_above_the_limit(save: Save) -> None:
    path = save("a.png", b"")
    with path.open("wb") as file:
        file.truncate(images.MAX_FILE_BYTES + 1)
    check_refused(path, "it has 25 MB, and 25 MB is the limit")


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "holiday.jpg"
    folder.mkdir()
    check_refused(folder, "it is not a file")


def test_no_such_file(tmp_path: Path) -> None:
    check_refused(tmp_path / "gone.jpg", "there is no such file")
    check_refused(tmp_path / "no" / "folder.jpg", "there is no such file")


def without(monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    """As if Pillow had been built without the library `codec`."""
    has = features.check
    monkeypatch.setattr(features, "check", lambda name: name != codec and has(name))


def test_what_is_said_to_work_works(save: Save) -> None:
    with pytest.raises(UnreadablePicture) as caught:
        read_image("nowhere")
    works = re.fullmatch(r".*\. (.*) up to 50 megapixels work, (.*) up to 25\.", str(caught.value))
    assert works is not None
    said = [name for names in works.groups() for name in re.split(r", | and ", names)]
    assert sorted(said) == sorted(FORMATS[name] for name in readable_formats())
    for name in said:
        assert read_image(save(f"a.{name.lower()}", COLOUR)).size == (64, 48)


@pytest.mark.parametrize(("codec", "label", "suffix"), [("webp", "WebP", ".webp"), ("avif", "AVIF", ".avif"), ("jpg", "JPEG", ".jpeg")])
def test_a_pillow_without_a_codec_does_not_promise_it(
    save: Save, monkeypatch: pytest.MonkeyPatch, codec: str, label: str, suffix: str
) -> None:
    path = save(f"a{suffix}", COLOUR)
    assert suffix in picture_suffixes()
    without(monkeypatch, codec)
    assert suffix not in picture_suffixes()
    with pytest.raises(UnreadablePicture, match="not a picture of a known format") as caught:
        read_image(path)
    assert label not in str(caught.value)
    assert "PNG" in str(caught.value)


def test_the_endings_of_pictures_are_pillows_own(save: Save) -> None:
    suffixes = picture_suffixes()
    assert {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".gif", ".bmp", ".tif", ".tiff"} <= suffixes
    assert not suffixes & {".svg", ".pdf", ".eps", ".psd", ".txt", ""}
    for suffix in sorted(suffixes - {".apng", ".avifs"}):
        assert read_image(save(f"a{suffix}", COLOUR)).size == (64, 48)


def test_a_refusal_whose_words_begin_alike_is_still_told_apart(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Image.Image:
        raise NotNumbers("Cannot read the palette")

    monkeypatch.setattr(images, "as_rgb", broken)
    with pytest.raises(UnreadablePicture, match=r"^Cannot read a\.png as a photo: Cannot read the palette\. JPEG "):
        read_image(save("a.png", COLOUR))


def test_the_words_of_a_library_are_not_passed_on(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Image.Image:
        raise ValueError("Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK")

    monkeypatch.setattr(images, "as_rgb", broken)
    check_refused(save("a.png", COLOUR), "the file is damaged or ends early")


def png_text(kind: str, count: int = 1) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for i in range(count):
        if kind == "iTXt":
            info.add_itxt("XML:com.adobe.xmp", "x" * 2_000_000, zip=True)
        else:
            info.add_text(f"note {i}", "x" * 1_000_000, zip=kind == "zTXt")
    return info


@pytest.mark.parametrize(("kind", "count"), [("iTXt", 1), ("zTXt", 1), ("tEXt", 3), ("zTXt", 70), ("iTXt", 40)])
def test_text_in_a_png_does_not_hide_the_photo(save: Save, kind: str, count: int) -> None:
    check_close(read_image(save("a.png", COLOUR, pnginfo=png_text(kind, count))), COLOUR, 0)


def test_a_profile_of_a_png_that_is_too_large_is_left_out(save: Save) -> None:
    check_close(read_image(save("a.png", COLOUR, icc_profile=b"x" * 3_000_000)), COLOUR, 0)


@pytest.mark.parametrize("size", [(5712, 4284), (8064, 6048), (8192, 6144)])
def test_the_photos_of_telephones_are_read(save: Save, size: tuple[int, int]) -> None:
    """Sizes of their usual and their largest photos; what is kept is at most 12.6 megapixels, and shows the same."""
    quarters = Image.new("RGB", (2, 2))
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 200)]
    quarters.putdata(colours)
    seen = read_image(save("a.jpg", quarters.resize(size, Image.Resampling.NEAREST), quality=90))
    assert seen.width * seen.height <= images.LARGEST_PX
    assert seen.width / seen.height == pytest.approx(size[0] / size[1], rel=0.001)
    for (x, y), colour in zip([(1, 1), (3, 1), (1, 3), (3, 3)], colours, strict=True):
        assert np.allclose(seen.getpixel((seen.width * x // 4, seen.height * y // 4)), colour, atol=6)


def test_two_views_in_one_file_are_a_telephones_photo_too(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS_OF_OTHERS", 100)
    pair = [Image.fromarray(COLOUR), Image.new("RGB", (64, 48))]
    seen = read_image(save("a.jpg", pair[0], format="MPO", save_all=True, append_images=pair[1:], quality=95, subsampling=0))
    check_close(seen, COLOUR, 6)
    assert seen.info == {"format": "MPO"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says how much a process ever held")
def test_fifty_megapixels_of_a_jpeg_take_no_more_memory_than_twelve(save: Save) -> None:
    """The largest that each process of its own ever held, above one that reads a thumbnail."""
    sizes = {"small": (40, 30), "twelve": (4096, 3072), "fifty": (8192, 6144)}
    peaks = {}
    for name, size in sizes.items():
        path = save(f"{name}.jpg", Image.effect_noise((64, 48), 60).convert("RGB").resize(size), quality=80)
        code = (
            "import re\nfrom pathlib import Path\nfrom densenet.pictures.images import read_image\n"
            f"read_image({str(path)!r})\nprint(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
        )
        told = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True).stdout
        peaks[name] = int(told)
    assert peaks["fifty"] - peaks["small"] < 1.15 * (peaks["twelve"] - peaks["small"])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16", "F", "CMYK", "LA"])
def test_other_pictures_of_many_pixels_are_averaged_down(mode: str, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LARGEST_PX", 300)
    picture = Image.fromarray(COLOUR).convert("L") if mode in ("I;16", "F", "1") else Image.fromarray(COLOUR)
    large = picture.convert("F").point(lambda v: v * 256).convert("I").convert("I;16") if mode == "I;16" else picture.convert(mode)
    whole = as_rgb(large)
    seen = read_image(save("a.tiff", large))
    assert seen.size == (64 // 4 + (64 % 4 > 0), 48 // 4)
    check_close(seen, np.asarray(whole.reduce(4), int), 3)


def test_threads_leave_the_warnings_of_the_process_alone(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that another thread sets meanwhile stays, and "ignore everything" is never in force."""
    path, before = save("a.png", COLOUR), list(warnings.filters)
    inside, all_inside = [], threading.Barrier(8)
    original = Image.open

    def watched(*args: object, **options: object) -> Image.Image:
        inside.append(list(warnings.filters))
        all_inside.wait()
        return original(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Image, "open", watched)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_image, [path] * 64))
    assert len(inside) == 64
    assert all(filters == before for filters in inside)
    assert warnings.filters == before


def test_pillows_remarks_are_not_printed(save: Save, capfd: pytest.CaptureFixture[str]) -> None:
    """In an interpreter of its own: pytest has filters of its own."""
    wide = save("wide.png", png(9_500, 9_500, bits=1, kind=0, data=b""))
    odd = save("odd.tiff", COLOUR)
    content = bytearray(odd.read_bytes())
    content[content.index(struct.pack("<HHI", 256, 4, 1)) + 4] = 52  # 52 widths
    odd.write_bytes(bytes(content))
    code = (
        "import warnings\nfrom PIL import Image\nfrom densenet.pictures.images import read_image\n"
        f"for name in {str(wide)!r}, {str(odd)!r}:\n    try: read_image(name)\n    except ValueError: pass\n"
        "warnings.warn('ours')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    said = capfd.readouterr().err
    assert "ours" in said
    assert "DecompressionBomb" not in said
    assert "Metadata" not in said
