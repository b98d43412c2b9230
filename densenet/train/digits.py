"""Handwritten digits that are always here: 1,797 pictures of 8 x 8 pixels, which scikit-learn brings along.

They are the test part of the UCI set "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998,
https://doi.org/10.24432/C50P49). `densenet.pictures.strokes` brings a drawing into their form.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from densenet.config import DenseNetConfig
from densenet.train.data import ImageSet, measure_preprocessing
from densenet.train.recipe import Recipe

CLASSES = tuple("0123456789")
SIZE_PX = 8
_MOST = 16  # the value of a pixel that is all ink
_TESTED_OF = 5  # every fifth picture of a class is for the test

# Learnt in seconds on two cores, and right on more than 97 % of the test pictures. A mirrored digit is another one, or none.
DIGITS_NET = DenseNetConfig(
    growth_rate=12, block_config=(3, 3), num_init_features=24, bn_size=4, num_classes=len(CLASSES), in_channels=1, stem="cifar"
)
DIGITS_RECIPE = Recipe(epochs=20, batch_size=64, lr=0.1, ema_decay=0.99, flip=False, crop="resized", crop_area=(0.75, 1.3), shift_px=1)


def digits_file() -> Path:
    """Return the table that scikit-learn keeps the digits in, without loading scikit-learn; ValueError where it is not installed."""
    found = find_spec("sklearn")
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz" if found is not None and found.origin else None
    if file is None or not file.is_file():
        raise ValueError("digits come with scikit-learn, and it is not installed here")
    return file


def load_digits(*, train: bool) -> ImageSet:
    """Return four fifths of the digits to learn from, or the fifth for the test: of each class every fifth, always the same."""
    table = np.loadtxt(digits_file(), delimiter=",", dtype=np.uint8)  # a row: 64 pixels, 0 to 16, and the digit
    labels = torch.from_numpy(table[:, -1].astype(np.int64))
    pixels = torch.from_numpy(table[:, :-1].astype(np.float32)).view(-1, 1, SIZE_PX, SIZE_PX)
    images = (pixels * (255.0 / _MOST)).round().to(torch.uint8)
    place = torch.zeros_like(labels)  # among those of its class
    for digit in range(len(CLASSES)):
        mine = labels == digit
        place[mine] = torch.arange(int(mine.sum()))
    kept = ((place % _TESTED_OF == _TESTED_OF - 1) != train).nonzero().flatten()
    chosen = images[kept]
    return ImageSet(chosen, labels[kept], CLASSES, tuple(map(str, kept.tolist())), measure_preprocessing(chosen))
