"""Data sets are brought to the size that the net learns at."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2.functional import resize

from densenet.train.data import ImageSet, measured_preprocessing
from densenet.train.sources import resized


def test_data_sets_are_brought_to_a_size() -> None:
    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    data = ImageSet(images, torch.zeros(5, dtype=torch.long), ("a",), tuple("abcde"), measured_preprocessing(images))
    larger = resized(data, 32)
    assert torch.equal(larger.images, resize(images, [32, 32], antialias=True))
    assert larger.preprocessing.crop_px == 32
    assert resized(data, 28) is data
    with pytest.raises(ValueError, match="above the limit"):
        resized(data, 4096, max_bytes=1000)
