"""What a net sees of a photo: exactly torchvision's transforms, whatever the photo's shape."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.models import DenseNet121_Weights
from torchvision.transforms import functional

from densenet.pictures.preprocessing import IMAGENET, Preprocessing
from densenet.weights.known import WEIGHTS

THEIRS = DenseNet121_Weights.IMAGENET1K_V1.transforms()
SIZES = [
    (640, 480),
    (480, 640),
    (224, 224),
    (256, 256),
    (255, 257),
    (100, 37),
    (37, 100),
    (31, 31),
    (1000, 130),
    (130, 1000),
    (2, 3),
    (7, 1),
]


def noise(width: int, height: int) -> Image.Image:
    """A smooth gradient with noise on it: both a shift of a pixel and another filter would show."""
    generator = np.random.default_rng(width * 1000 + height)
    ramp = np.linspace(0, 120, width)[None, :, None] + np.linspace(0, 80, height)[:, None, None]
    return Image.fromarray((ramp + generator.integers(0, 55, (height, width, 3))).astype(np.uint8))


def check_equal_to_torchvisions(image: Image.Image) -> None:
    view = IMAGENET.view(image)
    assert view.size == (224, 224)
    assert view.mode == "RGB"
    ours, theirs = IMAGENET.tensor(view), THEIRS(image).unsqueeze(0)
    assert ours.shape == (1, 3, 224, 224)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_equal_to_torchvisions_transforms(size: tuple[int, int]) -> None:
    check_equal_to_torchvisions(noise(*size))


def test_equal_to_torchvisions_transforms_on_the_samples(samples: Path) -> None:
    files = sorted(samples.glob("*.jpg"))
    assert len(files) >= 10
    for file in files:
        with Image.open(file) as image:
            check_equal_to_torchvisions(image.convert("RGB"))
            check_equal_to_torchvisions(image.convert("RGB").transpose(Image.Transpose.ROTATE_90))


def test_the_record_says_what_torchvision_says() -> None:
    assert [IMAGENET.crop_px] == THEIRS.crop_size
    assert [IMAGENET.resize_px] == THEIRS.resize_size
    assert list(IMAGENET.mean) == THEIRS.mean
    assert list(IMAGENET.std) == THEIRS.std


@pytest.mark.parametrize("preprocessing", [IMAGENET, WEIGHTS["cifar10"].preprocessing], ids=["imagenet", "cifar10"])
@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 1), (3, 4999)], ids=str)
def test_strips_and_points_work_and_stay_small(preprocessing: Preprocessing, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (200, 100, 50))
    side = preprocessing.crop_px
    widest = 0
    resize = functional.resize

    def watched(picture: Image.Image, to: list[int]) -> Image.Image:
        nonlocal widest
        result = resize(picture, to)
        widest = max(widest, *result.size)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "resize", watched)
        view = preprocessing.view(image)
    assert view.size == (side, side)
    assert view.getextrema() == ((200, 200), (100, 100), (50, 50))
    assert widest <= 2100, "a 1 x 5000 strip resized to 256 would be 1.28 million pixels long"
    assert preprocessing.tensor(view).isfinite().all()


def test_a_long_strip_is_seen_at_its_centre() -> None:
    image = Image.new("RGB", (9000, 30), "red")
    image.paste("blue", (4400, 0, 4600, 30))
    assert IMAGENET.view(image).getextrema() == ((0, 0), (0, 0), (255, 255))


def test_the_embedded_nets_view_is_the_largest_centred_square() -> None:
    preprocessing = WEIGHTS["cifar10"].preprocessing
    image = noise(90, 60)
    square = image.resize((32, 32), Image.Resampling.LANCZOS, box=(15, 0, 75, 60))
    np.testing.assert_allclose(np.asarray(preprocessing.view(image), int), np.asarray(square, int), atol=1)
    tensor = preprocessing.tensor(square)
    expected = np.asarray(square, dtype=np.float32) / 255
    expected = (expected - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)
    assert preprocessing.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=0.001), "of the published images; the JPEG files' are near"
    assert preprocessing.std == pytest.approx((0.247, 0.2435, 0.2616), abs=0.005)


def test_one_channel_reads_grey() -> None:
    preprocessing = Preprocessing(crop_px=28, mean=(0.5,), std=(0.25,))
    view = preprocessing.view(Image.new("RGB", (40, 30), (255, 0, 0)))
    tensor = preprocessing.tensor(view)
    assert tensor.shape == (1, 1, 28, 28)
    red_as_grey = ImageOps.grayscale(Image.new("RGB", (1, 1), (255, 0, 0))).getpixel((0, 0))
    torch.testing.assert_close(tensor, torch.full((1, 1, 28, 28), (float(red_as_grey) / 255 - 0.5) / 0.25))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resize_px", [None, 32, 100])
def test_no_more_pixels_are_made_than_were_counted(size: tuple[int, int], resize_px: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    preprocessing = Preprocessing(crop_px=32, mean=(0.5,) * 3, std=(0.5,) * 3, resize_px=resize_px)
    made: list[int] = []
    resize = Image.Image.resize

    def watched(image: Image.Image, size: tuple[int, int], *args: object, **options: Any) -> Image.Image:
        result = resize(image, size, *args, **options)  # type: ignore[arg-type]
        _, top, _, bottom = options.get("box") or (0, 0, *image.size)
        made.append(result.width * (result.height + math.floor(bottom - top)))  # Pillow resizes sideways first
        return result

    monkeypatch.setattr(Image.Image, "resize", watched)
    view = preprocessing.view(noise(*size))
    counted = preprocessing.pixels_made(*size)
    assert sum(made) <= counted
    assert preprocessing.bytes_needed(*size) >= 4 * (counted + 32 * 32) + 4 * preprocessing.tensor(view).numel()


def test_a_card_can_ask_for_billions_of_pixels() -> None:
    assert Preprocessing(crop_px=4096, mean=(0.5,) * 3, std=(0.5,) * 3, resize_px=16384).bytes_needed(800, 100) > 8 * 2**30
    assert IMAGENET.bytes_needed(4000, 3000) < 10 * 2**20


PLAIN = {"crop_px": 40, "mean": (0.0,) * 3, "std": (1.0,) * 3}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_stretched_picture_is_torchvisions(size: tuple[int, int]) -> None:
    view = Preprocessing(**PLAIN, fit="stretch").view(noise(*size))
    assert (np.asarray(view) == np.asarray(functional.resize(noise(*size), [40, 40]))).all()


@pytest.mark.parametrize(("size", "box"), [((80, 40), (0, 10, 40, 30)), ((30, 60), (10, 0, 30, 40)), ((40, 40), (0, 0, 40, 40))])
def test_a_padded_picture_is_whole_with_black_around_it(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    view = np.asarray(Preprocessing(**PLAIN, fit="pad").view(Image.new("RGB", size, (9, 200, 30)))).copy()
    left, top, right, bottom = box
    assert (view[top:bottom, left:right] == (9, 200, 30)).all()
    view[top:bottom, left:right] = 0
    assert not view.any()


@pytest.mark.parametrize("mean", [(0.0,) * 3, (0.0,)])
def test_dark_and_bright_can_be_swapped(mean: tuple[float, ...]) -> None:
    plain = Preprocessing(crop_px=40, mean=mean, std=(1.0,) * len(mean))
    swapped = Preprocessing(crop_px=40, mean=mean, std=(1.0,) * len(mean), invert=True)
    ours, theirs = swapped.tensor(swapped.view(noise(60, 50))), 1 - plain.tensor(plain.view(noise(60, 50)))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1.01 / 255 if len(mean) == 1 else 1e-6)


@pytest.mark.parametrize("fit", ["pad", "stretch"])
@pytest.mark.parametrize("size", [*SIZES, (5000, 1)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_no_way_to_fit_makes_more_pixels_than_it_says(fit: str, size: tuple[int, int]) -> None:
    """Sideways first, then up and down: what lies between the two is what it says at most."""
    said = Preprocessing(**PLAIN, fit=fit).pixels_made(*size)
    assert said >= 40 * max(40, size[1])
    assert said <= 40 * (41 + max(size))
