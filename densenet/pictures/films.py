"""DICOM, the files of X-rays, as pictures on a screen: values rescaled, the film's own window applied, MONOCHROME1 the right way round.

It needs pydicom, which is no requirement of the project: most people have no such files.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MAX_PIXELS = 16_000_000  # mammograms have 14 million; on the way to bytes each value takes some 30
_PREAMBLE, _MARK = 128, b"DICM"
_BEYOND = 1e9  # any value of a film
_DEFLATED = "1.2.840.10008.1.2.1.99"  # may unpack to anything
_WITHOUT = "it is a DICOM file, and pydicom is not installed here: `pip install pydicom` lets it be read, or save the film as PNG"

# Odd headers are usual. Once and here: `warnings.catch_warnings` is not for threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)


class UnreadableFilm(ValueError):
    """A DICOM file that is not read, and why, as a clause."""


def is_film(path: Path) -> bool:
    """Whether a file is DICOM, by its mark."""
    with path.open("rb") as file:
        file.seek(_PREAMBLE)
        return file.read(len(_MARK)) == _MARK


def _dataset(path: Path) -> Any:
    try:
        import pydicom
    except ImportError:
        raise UnreadableFilm(_WITHOUT) from None
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") == _DEFLATED:
            raise UnreadableFilm("it is deflated as a whole: save it uncompressed, or as JPEG")
        return pydicom.dcmread(path)
    except UnreadableFilm:
        raise
    except Exception:  # a damaged header makes the parser raise what it likes
        raise UnreadableFilm("the file is damaged or ends early") from None


def _bytes_of(values: np.ndarray, film: Any) -> np.ndarray:
    """Return grey values as 8 bits: through the film's window where it has one, else from its least to its largest value."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    values = np.asarray(apply_modality_lut(values, film), np.float64)
    low, high = values.min(), values.max()
    if "VOILUTSequence" in film:  # a table, of whole numbers
        values = np.asarray(apply_voi_lut(values.astype(np.int64), film), np.float64)
        low, high = values.min(), values.max()
    elif "WindowCenter" in film:
        low, high = np.asarray(apply_voi_lut(np.array([-_BEYOND, _BEYOND]), film), np.float64)  # what it makes of black and of white
        values = np.asarray(apply_voi_lut(values, film), np.float64)
    if not np.isfinite([low, high]).all():
        raise UnreadableFilm("it holds values that are not numbers")
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    if film.get("PhotometricInterpretation") == "MONOCHROME1":  # there the least value is the brightest
        scaled = 1.0 - scaled
    return np.round(scaled.clip(0.0, 1.0) * 255.0).astype(np.uint8)


def read_film(path: Path) -> Image.Image:
    """Return the first picture of a DICOM file as 8-bit grey or RGB; UnreadableFilm with a clause for one that cannot be read."""
    film = _dataset(path)
    rows, columns = film.get("Rows"), film.get("Columns")
    if not isinstance(rows, int) or not isinstance(columns, int) or min(rows, columns) < 1:
        raise UnreadableFilm("it holds no picture")
    if rows * columns > MAX_PIXELS:
        raise UnreadableFilm(f"it has {-(-rows * columns // 10**6)} megapixels, and {MAX_PIXELS // 10**6} are the limit of films")
    try:
        from pydicom.pixels import pixel_array

        values = pixel_array(film, index=0)
    except Exception as error:  # decoders raise what they like; some are no part of pydicom
        missing = "plugin" in str(error) or "missing dependencies" in str(error)
        kind = getattr(getattr(film.file_meta, "TransferSyntaxUID", None), "name", "an unknown kind")
        reason = f"its picture is compressed as {kind}, which is not read here" if missing else "the file is damaged or ends early"
        raise UnreadableFilm(reason) from None
    if values.ndim == 3 and values.shape[-1] == 3 and values.dtype == np.uint8:
        return Image.fromarray(values)
    if values.ndim != 2:
        raise UnreadableFilm("its picture is of a kind that is not read here")
    return Image.fromarray(_bytes_of(values, film))
