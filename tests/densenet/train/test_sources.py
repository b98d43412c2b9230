"""Data sets are brought to the size that the net learns at."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2.functional import resize

from densenet.train.data import ImageSet, measure_preprocessing
from densenet.train.sources import resize_set


def test_data_sets_are_brought_to_a_size() -> None:
    images = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    data = ImageSet(images, torch.zeros(5, dtype=torch.long), ("a",), tuple("abcde"), measure_preprocessing(images))
    larger = resize_set(data, 32)
    assert torch.equal(larger.images, resize(images, [32, 32], antialias=True))
    assert larger.preprocessing.crop_px == 32
    assert resize_set(data, 28) is data
    with pytest.raises(ValueError, match="above the limit"):
        resize_set(data, 4096, max_bytes=1000)
