"""How pictures are scaled for a net whose card says it, whose hub's settings say it, or of which nobody says anything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from densenet import PRESETS, DenseNetConfig
from densenet.pictures.preprocessing import IMAGENET, Preprocessing
from densenet.predict import input_of, view_of
from densenet.weights.composing import preprocessing_entry
from densenet.weights.loading import load_file
from densenet.weights.scaling import assumed_preprocessing, preprocessing_of_timm, preprocessing_on
from tests.support.upstream import of

TINY = PRESETS["tiny"]
GREY = replace(TINY, in_channels=1)
USUAL_CIFAR10 = Preprocessing(32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))  # the published images' own, as most people scale


@pytest.mark.parametrize(
    ("config", "preprocessing", "says"),
    [
        (PRESETS["densenet121"], IMAGENET, "224 x 224 pixels, scaled as for ImageNet"),
        (replace(PRESETS["densenet121"], stem="deep"), IMAGENET, "224 x 224 pixels, scaled as for ImageNet"),
        (TINY, USUAL_CIFAR10, "32 x 32 pixels, scaled as for CIFAR-10"),
        (replace(TINY, stem="cifar_norm_pool"), USUAL_CIFAR10, "32 x 32 pixels, scaled as for CIFAR-10"),
        (PRESETS["classroom"], Preprocessing(224, (0.0,), (1.0,)), "224 x 224 pixels, grey values from 0 to 1"),
        (GREY, Preprocessing(28, (0.0,), (1.0,)), "28 x 28 pixels, grey values from 0 to 1"),
        (replace(TINY, in_channels=4), Preprocessing(32, (0.0,) * 4, (1.0,) * 4), "32 x 32 pixels, values from 0 to 1"),
        (replace(GREY, block_config=(1,) * 7), Preprocessing(64, (0.0,), (1.0,)), "64 x 64 pixels, grey values from 0 to 1"),
        (
            DenseNetConfig(block_config=(1,) * 8),
            replace(IMAGENET, crop_px=509, resize_px=581),
            "509 x 509 pixels, scaled as for ImageNet",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_assumed_preprocessing_suits_the_net(config: DenseNetConfig, preprocessing: Preprocessing, says: str) -> None:
    found, sentence = assumed_preprocessing(config)
    assert found == preprocessing
    assert says in sentence
    assert len(found.mean) == len(found.std) == config.in_channels
    config.check_image_size(found.crop_px)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kuangliu", Preprocessing(32, (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))),
        ("bamos", USUAL_CIFAR10),
        ("andreasveit", USUAL_CIFAR10),
        ("huyvnphan", USUAL_CIFAR10),
        ("monai, grey", Preprocessing(64, (0.0,), (1.0,), fit="stretch")),
        ("torchxrayvision", Preprocessing(224, (0.5,), (1 / 2048,))),
        ("timm, deep", IMAGENET),
    ],
)
def test_each_family_is_fed_as_its_authors_feed_it(name: str, expected: Preprocessing, tmp_path: Path) -> None:
    torch.save(of(name)[0].state_dict(), tmp_path / "net.pth")
    record = load_file(tmp_path / "net.pth").weights
    assert record is not None
    assert record.preprocessing == expected


def test_x_rays_are_brought_to_the_range_that_their_nets_read(tmp_path: Path) -> None:
    """TorchXRayVision's `normalize`: (2 * (picture / 255) - 1) * 1024."""
    torch.save(of("torchxrayvision")[0].state_dict(), tmp_path / "net.pth")
    model = load_file(tmp_path / "net.pth")
    picture = Image.linear_gradient("L").resize((224, 224))
    x = input_of(model, view_of(model, picture.convert("RGB")))
    expected = (2 * torch.tensor(list(picture.tobytes()), dtype=torch.float32).reshape(224, 224) / 255 - 1) * 1024
    assert (x[0, 0] - expected).abs().max() < 0.01


@pytest.mark.parametrize(
    "preprocessing",
    [
        USUAL_CIFAR10,
        replace(USUAL_CIFAR10, crop_px=40, resize_px=48),
        replace(USUAL_CIFAR10, fit="pad"),
        replace(USUAL_CIFAR10, fit="stretch", invert=True),
    ],
)
def test_what_a_card_says_is_what_it_is_read_as(preprocessing: Preprocessing) -> None:
    assert preprocessing_on(json.loads(json.dumps(preprocessing_entry(preprocessing))), TINY) == preprocessing
    assert preprocessing_on(None, TINY) is None


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("fit", "bend", "its card's fit must be one of crop, pad, stretch, got 'bend'"),
        ("fit", "pad", "its card's resize_px belongs to fit 'crop', got 'pad'"),
        ("invert", "yes", "its card's invert must be true or false, got 'yes'"),
    ],
)
def test_bad_ways_to_fit_are_named(field: str, value: object, sentence: str) -> None:
    entry = preprocessing_entry(replace(USUAL_CIFAR10, resize_px=48)) | {field: value}
    with pytest.raises(ValueError, match=r"\w") as caught:
        preprocessing_on(entry, TINY)
    assert str(caught.value) == sentence


def test_timms_settings_say_how_a_net_is_fed(tmp_path: Path) -> None:
    """densenet121.ra_in1k's: 224 of 0.875, which is 256 first, as torchvision's; for the test 288 of 1.0."""
    scale = {"mean": list(IMAGENET.mean), "std": list(IMAGENET.std)}
    config = {"architecture": "densenet121", "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.875, **scale}}
    assert preprocessing_of_timm(config, PRESETS["densenet121"]) == IMAGENET
    assert preprocessing_of_timm({"input_size": [3, 288, 288], "crop_pct": 1.0, **scale}, PRESETS["densenet121"]) == replace(
        IMAGENET, crop_px=288, resize_px=288
    )
    torch.save(of("timm, deep")[0].state_dict(), tmp_path / "net.pth")
    config["pretrained_cfg"]["input_size"] = [3, 96, 96]  # type: ignore[index]
    (tmp_path / "net.json").write_text(json.dumps(config))
    record = load_file(tmp_path / "net.pth").weights
    assert record is not None
    assert record.preprocessing == replace(IMAGENET, crop_px=96, resize_px=109)
    assert "The preprocessing is that of the JSON beside it: 96 x 96 pixels." in record.assumptions
    assert "Not used of the JSON beside it: architecture." in record.assumptions


def test_what_is_used_of_a_flat_config_is_not_said_to_be_unused(tmp_path: Path) -> None:
    torch.save(of("timm, deep")[0].state_dict(), tmp_path / "net.pth")
    config = {"architecture": "x", "input_size": [3, 96, 96], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 1.0}
    (tmp_path / "net.json").write_text(json.dumps(config))
    record = load_file(tmp_path / "net.pth").weights
    assert record is not None
    assert (record.preprocessing.crop_px, record.preprocessing.mean) == (96, (0.5,) * 3)
    assert "Not used of the JSON beside it: architecture." in record.assumptions


@pytest.mark.parametrize("settings", [{}, {"input_size": [3, 224]}, {"input_size": [3, 8, 8], "mean": [0.5] * 3}, {"input_size": 224}])
def test_settings_that_say_nothing_of_it_are_left_alone(settings: dict[str, object]) -> None:
    assert preprocessing_of_timm(settings, PRESETS["densenet121"]) is None
