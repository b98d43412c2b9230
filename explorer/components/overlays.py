"""Attribution maps as pictures: a signed, colour-blind-safe scale laid over exactly what the net saw."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explorer.components.colours import BOTH_WAYS, rgb

_SHOWN_PX = 256
_NEGATIVE, _POSITIVE = (np.array(rgb(colour), dtype=np.float64) for colour in (BOTH_WAYS[0], BOTH_WAYS[2]))
_QUANTILE = 0.995  # of the magnitudes: one wild pixel must not darken the rest


def data_uri(image: Image.Image) -> str:
    """Return `image` as a PNG that an <img> can hold."""
    out = io.BytesIO()
    image.save(out, format="PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def enlarged(view: Image.Image) -> Image.Image:
    """Return what the net saw, large enough for a projector, each of its pixels still a square."""
    times = max(1, round(_SHOWN_PX / view.width))
    return view.resize((view.width * times, view.height * times), Image.Resampling.NEAREST)


def scale_of(values: NDArray[np.floating]) -> float:
    """Return the magnitude that is drawn in full colour; 0 for a map of zeros."""
    magnitude = float(np.quantile(np.abs(values), _QUANTILE))
    return magnitude or float(np.abs(values).max())


def overlay(view: Image.Image, values: NDArray[np.floating]) -> Image.Image:
    """Lay a signed H x W map over the grey picture: orange raises the class score, blue lowers it, strength is opacity."""
    grey = np.asarray(view.convert("L").convert("RGB"), dtype=np.float64) * 0.6 + 102.0  # pale, so that the map stands out
    scale = scale_of(values)
    strength = np.clip(np.abs(values) / scale, 0.0, 1.0)[..., None] if scale else np.zeros((*values.shape, 1))
    colour = np.where((values > 0)[..., None], _POSITIVE, _NEGATIVE)
    return enlarged(Image.fromarray((grey * (1.0 - strength) + colour * strength).round().astype(np.uint8)))
