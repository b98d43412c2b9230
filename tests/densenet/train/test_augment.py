"""Views drawn for a whole batch, beside what torchvision does to one picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as theirs

from densenet.train import Recipe
from densenet.train.augment import adjust, augment, view

PLAIN = Recipe(crop="none", flip=False)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def random_pictures(count: int = 8, size_px: int = 16, channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (count, channels, size_px, size_px), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def views_of(recipe: Recipe, pictures: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Augmented pictures, back on the scale 0 to 255."""
    count = pictures.shape[1]
    generator = torch.Generator().manual_seed(seed)
    return augment(pictures, recipe, pictures.shape[-1], (0.0,) * count, (1.0,) * count, generator) * 255


def test_without_augmentation_a_picture_is_only_scaled() -> None:
    pictures = random_pictures()
    seen = augment(pictures, PLAIN, 16, MEAN, STD, torch.Generator())
    expected = theirs.normalize(theirs.to_dtype(pictures, torch.float32, scale=True), list(MEAN), list(STD))
    torch.testing.assert_close(seen, expected)


def test_each_picture_is_flipped_or_not() -> None:
    pictures = random_pictures(64)
    seen = views_of(Recipe(crop="none"), pictures).round()
    flipped = (seen == theirs.horizontal_flip(pictures)).flatten(1).all(1)
    same = (seen == pictures).flatten(1).all(1)
    assert (flipped ^ same).all()
    assert 16 < int(flipped.sum()) < 48


def test_a_shift_is_a_crop_of_the_mirrored_picture() -> None:
    pictures, shift = random_pictures(200), 3
    seen = views_of(Recipe(flip=False, shift_px=shift), pictures).round()
    padded = theirs.pad(pictures, [shift] * 4, padding_mode="symmetric")
    places = {}
    for i in range(len(pictures)):
        crops = {(y, x): padded[i, :, y : y + 16, x : x + 16] for y in range(2 * shift + 1) for x in range(2 * shift + 1)}
        found = [place for place, crop in crops.items() if torch.equal(crop.float(), seen[i])]
        assert len(found) == 1
        places[found[0]] = True
    assert len(places) > 40  # of 49


def test_a_crop_is_torchvisions_away_from_its_edges() -> None:
    picture = random_pictures(1, 32).float() / 255
    top, left, height, width = 4, 8, 20, 12
    x, y = (left + width / 2) / 16 - 1, (top + height / 2) / 16 - 1
    theta = torch.tensor([[[width / 32, 0, x], [0, height / 32, y]]])
    seen = view(picture, theta, 32)
    expected = theirs.resized_crop(picture, top, left, height, width, [32, 32], antialias=False)
    torch.testing.assert_close(
        seen[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-5, rtol=0
    )  # at its edges torchvision looks no further


def test_crops_have_the_areas_that_were_asked_for() -> None:
    """A ramp shows where each view came from."""
    ramp = (torch.arange(64).float() + 0.5) * 4 - 2
    pictures = torch.stack([ramp.expand(64, 64), ramp.expand(64, 64).T, ramp.expand(64, 64)]).to(torch.uint8).expand(300, 3, 64, 64)
    area, aspect = (0.3, 0.8), (0.5, 2.0)
    seen = views_of(Recipe(flip=False, crop="resized", crop_area=area, crop_aspect=aspect), pictures) / 256
    across = (seen[:, 0, 32, 48] - seen[:, 0, 32, 16]) * 2  # half of the view
    down = (seen[:, 1, 48, 32] - seen[:, 1, 16, 32]) * 2
    areas, aspects = across * down, across / down
    assert areas.min() > 0.25
    assert areas.max() < 0.85
    assert areas.max() - areas.min() > 0.4
    assert aspects.min() > 0.45
    assert aspects.max() < 2.2
    assert aspects.max() / aspects.min() > 3


def test_an_area_above_one_shows_the_whole_picture_and_its_mirrored_surroundings() -> None:
    pictures = torch.full((50, 3, 32, 32), 10, dtype=torch.uint8)
    pictures[:, :, 15:17, 15:17] = 250
    seen = views_of(Recipe(flip=False, crop="resized", crop_area=(1.9, 2.0), crop_aspect=(1.0, 1.0)), pictures)
    assert (seen.flatten(1).max(1).values > 100).all()
    assert (seen >= 9.9).all()  # nothing black came in from outside


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("brightness", theirs.adjust_brightness),
        ("contrast", theirs.adjust_contrast),
        ("saturation", theirs.adjust_saturation),
        ("sharpness", theirs.adjust_sharpness),
    ],
)
def test_adjustments_are_torchvisions(kind: str, function: object) -> None:
    pictures = random_pictures().float() / 255
    factors = torch.linspace(0.2, 1.8, len(pictures))
    seen = adjust(pictures, kind, factors)
    for i, factor in enumerate(factors.tolist()):
        torch.testing.assert_close(seen[i], function(pictures[i], factor), atol=2e-5, rtol=0)  # type: ignore[operator]


def test_cutout_sets_one_square_to_the_mean() -> None:
    pictures = random_pictures(100).clamp_min(1)
    recipe = Recipe(crop="none", flip=False, cutout_px=6)
    seen = augment(pictures, recipe, 16, (0.0,) * 3, (1.0,) * 3, torch.Generator().manual_seed(0))
    cut = seen == 0
    assert (cut == cut[:, :1]).all()  # in all channels
    counts = cut[:, 0].flatten(1).sum(1)
    assert counts.max() == 36
    assert counts.min() >= 9  # a centre in the corner leaves a quarter
    for one in cut[:, 0]:
        rows, columns = one.any(1).nonzero().flatten(), one.any(0).nonzero().flatten()
        assert one.sum() == len(rows) * len(columns) == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)


@given(
    st.integers(1, 5),
    st.sampled_from([1, 3, 4]),
    st.integers(2, 20),
    st.sampled_from(["none", "shift", "resized"]),
    st.booleans(),
    st.floats(0, 1),
    st.integers(0, 2**31 - 1),
)
def test_any_recipe_gives_finite_views_of_the_asked_size(
    count: int, channels: int, size_px: int, crop: str, flip: bool, strength: float, seed: int
) -> None:
    recipe = Recipe(
        crop=crop,
        flip=flip,
        brightness=strength,
        contrast=strength,
        saturation=strength,
        sharpness=strength,
        crop_area=(0.1, 3.0),
        cutout_px=2,
    )
    pictures = random_pictures(count, size_px, channels)
    mean, std = (0.5,) * channels, (0.5,) * channels
    seen, again = (augment(pictures, recipe, size_px, mean, std, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert seen.shape == pictures.shape
    assert torch.isfinite(seen).all()
    assert seen.abs().max() <= 1 + 1e-5
    assert torch.equal(seen, again)
