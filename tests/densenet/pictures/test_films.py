"""Films of X-rays, written here as DICOM: what a screen shows of them is what their authors meant."""

from __future__ import annotations

import builtins
import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

from densenet.pictures.images import looks_like_a_picture, read_image

RAMP = (np.arange(40 * 50).reshape(40, 50) * 2).astype(np.uint16)  # 0 to 3998 of 12 bits


def film(path: Path, values: np.ndarray = RAMP, syntax: str = ExplicitVRLittleEndian, **said: Any) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    data = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 1 if values.ndim == 2 else 3
    data.PhotometricInterpretation = "MONOCHROME2" if values.ndim == 2 else "RGB"
    data.BitsAllocated = 8 * values.itemsize
    data.BitsStored = 12 if values.dtype == np.uint16 else data.BitsAllocated
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(values.dtype.kind == "i")
    if values.ndim == 3:
        data.PlanarConfiguration = 0
    data.PixelData = values.tobytes()
    for key, value in said.items():
        setattr(data, key, value)
    data.save_as(path, enforce_file_format=True)
    return path


def grey(path: Path) -> np.ndarray:
    picture = read_image(path)
    assert picture.mode == "RGB"
    assert picture.info["format"] == "DICOM"
    red, green, blue = np.moveaxis(np.asarray(picture), 2, 0)
    assert (red == green).all()
    assert (red == blue).all()
    return red


def test_a_film_without_a_window_is_shown_from_its_least_to_its_largest_value(tmp_path: Path) -> None:
    assert (grey(film(tmp_path / "a.dcm")) == np.round(RAMP / 3998 * 255)).all()


def test_the_window_is_the_films_own(tmp_path: Path) -> None:
    """DICOM PS3.3, C.11.2.1.2.1: below center - 0.5 - (width - 1) / 2 black, above center - 0.5 + (width - 1) / 2 white."""
    center, width = 2000, 1001
    shown = grey(film(tmp_path / "a.dcm", WindowCenter=center, WindowWidth=width))
    expected = ((RAMP - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1) * 255
    assert np.abs(shown - expected).max() <= 1
    assert {int(shown.min()), int(shown.max())} == {0, 255}


def test_values_are_rescaled_before_the_window_is_applied(tmp_path: Path) -> None:
    plain = grey(film(tmp_path / "a.dcm", WindowCenter=2000, WindowWidth=1001))
    shifted = grey(film(tmp_path / "b.dcm", WindowCenter=976, WindowWidth=1001, RescaleSlope=1, RescaleIntercept=-1024))
    assert np.abs(plain.astype(int) - shifted).max() <= 1


def test_the_least_value_of_monochrome1_is_the_brightest(tmp_path: Path) -> None:
    inverted = grey(film(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1"))
    assert np.abs(255 - inverted.astype(int) - grey(film(tmp_path / "b.dcm"))).max() <= 1


def test_signed_values_and_colours(tmp_path: Path) -> None:
    signed = (RAMP.astype(np.int16) - 2000).astype(np.int16)
    assert (grey(film(tmp_path / "a.dcm", signed, BitsStored=16, HighBit=15)) == np.round(RAMP / 3998 * 255)).all()
    colours = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert (np.asarray(read_image(film(tmp_path / "b.dcm", colours))) == colours).all()


def test_jpeg_within_dicom(tmp_path: Path) -> None:
    picture = Image.linear_gradient("L").resize((64, 48))
    packed = io.BytesIO()
    picture.save(packed, "JPEG", quality=95)
    file = film(
        tmp_path / "a.dcm",
        np.asarray(picture),
        JPEGBaseline8Bit,
        PixelData=encapsulate([packed.getvalue()]),
    )
    assert np.abs(grey(file).astype(int) - np.round((np.asarray(picture) - 0.0) / np.asarray(picture).max() * 255)).max() <= 6


def test_a_film_is_known_by_its_mark_whatever_its_name(tmp_path: Path) -> None:
    assert (grey(film(tmp_path / "IM0001")) == grey(film(tmp_path / "a.dcm"))).all()
    assert looks_like_a_picture(tmp_path / "a.dcm")
    (tmp_path / "not.dcm").write_bytes(bytes(300))
    assert not looks_like_a_picture(tmp_path / "not.dcm")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"Rows": 6000, "Columns": 6000}, "it has 36 megapixels, and 16 are the limit of films"),
        ({"PixelData": b"\0" * 10}, "the file is damaged or ends early"),
        ({"Rows": None}, "it holds no picture"),
    ],
)
def test_a_film_that_cannot_be_read_is_a_sentence(said: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^Cannot read a\.dcm as a photo: ") as caught:
        read_image(film(tmp_path / "a.dcm", **said))
    assert reason in str(caught.value)


def test_a_deflated_film_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it is deflated as a whole"):
        read_image(film(tmp_path / "a.dcm", syntax=DeflatedExplicitVRLittleEndian))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_films_never_crash(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.dcm").read_bytes()
    draw = np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole[: int(draw.choice([len(whole), draw.integers(132, len(whole))]))])
        for place in draw.integers(132, min(700, len(content) + 1), 3):
            if place < len(content):
                content[place] = draw.integers(256)
        (tmp_path / "b.dcm").write_bytes(content)
        try:
            read_image(tmp_path / "b.dcm")
        except ValueError as error:
            assert str(error).startswith("Cannot read b.dcm as a photo: ")  # noqa: PT017


def test_without_pydicom_the_sentence_says_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, plain = film(tmp_path / "a.dcm"), builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("pydicom"):
            raise ImportError(name)
        return plain(name, *more)

    assert pydicom.__version__
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pydicom is not installed here: `pip install pydicom`"):
        read_image(file)
