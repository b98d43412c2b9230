"""What the tests of the views of a photo share: a photo, a net and a class that are asked, and a map as the page is handed it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from PIL import Image

from densenet.weights.known import ASSETS
from explorer.settings import Settings
from explorer.work.subject import Asked

SETTINGS = Settings(device="cpu", offline=True)
TABBY = Image.open(ASSETS / "samples" / "tabby.jpg")
CAT, DOG = 3, 5
ASKED = Asked("a", "cifar10", CAT)


class Visitor:
    """What a handler reads of a gr.Request."""

    session_hash = "predict"


def values_of(item: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The numbers of a map that the page is handed, H x W."""
    return np.frombuffer(base64.b64decode(item["values"]), "<f4").reshape(item["height"], item["width"])
