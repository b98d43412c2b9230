"""Fine-tuning: all that a net knows is taken along, its head is new, and pictures come as it was fed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from densenet import PRESETS
from densenet.model.net import DenseNet
from densenet.train import Recipe, fit, hold_out
from densenet.train.__main__ import main
from densenet.train.starting import loaded_start, scaled_as, started_config, started_net
from densenet.train.state import TrainingState
from densenet.weights.known import WEIGHTS
from densenet.weights.loading import load, load_file
from tests.support.small_pictures import CLASSES, pictures, written


def started(channels: int = 3, classes: tuple[str, ...] = CLASSES) -> tuple[DenseNet, str]:
    source = load("cifar10")
    config = started_config(source.config, channels=channels, classes=len(classes), drop_rate=0.1)
    return started_net(source, config, classes)


def test_everything_but_the_head_is_taken_along() -> None:
    model, words = started()
    before = load("cifar10").state_dict()
    for name, tensor in model.state_dict().items():
        assert name.startswith("classifier.") or torch.equal(tensor, before[name])
    assert model.classifier.weight.shape == (3, before["classifier.weight"].shape[1])
    assert (model.config.num_classes, model.config.drop_rate) == (3, 0.1)
    assert words == "its classifier is new, for 3 classes"
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_same_classes_keep_their_head() -> None:
    model, words = started(classes=WEIGHTS["cifar10"].labels())
    x = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model.eval()(x), load("cifar10")(x))
    assert words == "its classes are the same, so its classifier too is kept"


def test_grey_pictures_are_seen_as_they_were_in_colour() -> None:
    model, words = started(channels=1)
    grey = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model.eval().features(grey), load("cifar10").features(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)
    assert "its first filters are brought from 3 to 1 channels" in words


def test_pictures_are_scaled_as_the_net_was_fed() -> None:
    data = scaled_as(load("cifar10"), pictures(6))
    theirs = WEIGHTS["cifar10"].preprocessing
    assert (data.preprocessing.mean, data.preprocessing.std) == (theirs.mean, theirs.std)
    assert data.preprocessing.crop_px == pictures(6).preprocessing.crop_px


@pytest.mark.parametrize("bad", ["nowhere.pth", "", "resnet50"])
def test_a_start_that_is_none_is_named(bad: str) -> None:
    with pytest.raises(ValueError, match=r"the net must be one of photos23, cifar10, .*densenet121.* or a file of weights"):
        loaded_start(bad)


def test_fine_tuning_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """Bit for bit as without the interruption, with frozen blocks and a head of its own rate."""
    train, valid = hold_out(scaled_as(load("cifar10"), pictures(24, 32)), 6)
    recipe = Recipe(epochs=2, batch_size=6, lr=0.01, head_lr=0.1, crop="none", flip=False)
    torch.manual_seed(0)
    whole = fit(started()[0], train, valid, recipe, device="cpu", frozen="blocks:1-3")
    taken = [0]

    def stop() -> None:
        taken[0] += 1
        if taken[0] == 4:
            raise KeyboardInterrupt

    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        fit(started()[0], train, valid, recipe, tmp_path / "c.pt", device="cpu", frozen="blocks:1-3", stop=stop, save_seconds=0.0)
    torch.manual_seed(0)
    again = fit(started()[0], train, valid, recipe, tmp_path / "c.pt", device="cpu", frozen="blocks:1-3")
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    with pytest.raises(ValueError, match="frozen must be 'blocks:1-3', as in the checkpoint"):
        fit(started()[0], train, valid, recipe, tmp_path / "c.pt", device="cpu")


def test_the_head_has_a_rate_of_its_own() -> None:
    model, _ = started()
    groups = TrainingState(model, Recipe(lr=0.01, head_lr=0.2)).optimizer.param_groups
    rates = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    assert {rates[id(p)] for p in model.features.parameters()} == {0.01}
    assert {rates[id(p)] for p in model.classifier.parameters()} == {0.2}
    assert {group["initial_lr"] for group in TrainingState(model, Recipe(lr=0.01)).optimizer.param_groups} == {0.01}


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "pictures", 24, 32)
    told = ["--from", "cifar10", "--freeze", "blocks:1-3", "--lr", "0.01", "--head-lr", "0.1", "--epochs", "2", "--batch-size", "6"]
    assert main([str(folder), *told, "--run-dir", str(tmp_path / "run"), "--device", "cpu", "--crop", "none"]) == 0
    said = capsys.readouterr().out
    assert "starts from cifar10: its classifier is new, for 3 classes" in said
    assert "32 pixels a side" in said, "as that net was fed"
    assert "frozen)" in said
    model = load_file(tmp_path / "run" / "net.pth")
    assert model.weights is not None
    assert model.weights.labels() == tuple(sorted(CLASSES))
    assert model.weights.preprocessing.mean == WEIGHTS["cifar10"].preprocessing.mean
    assert torch.equal(model.state_dict()["features.conv0.weight"], load("cifar10").state_dict()["features.conv0.weight"])
    again = tmp_path / "again"
    assert (
        main([str(folder), "--from", str(tmp_path / "run" / "net.pth"), "--run-dir", str(again), "--epochs", "1", "--batch-size", "6"]) == 0
    )
    assert "so its classifier too is kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (["--from", "cifar10", "--growth-rate", "12"], "growth_rate is that of the net which --from names, and cannot be given besides"),
        (["--from", "cifar10", "--preset", "tiny"], "preset is that of the net which --from names"),
        (["--from", "gone.pth"], "the net must be one of"),
        (["--from", "cifar10", "--freeze", "head"], "frozen must be none, features or blocks:1-N"),
        (["--from", "cifar10", "--freeze", "blocks:1-7"], "with N 1 to 4 for this net, got blocks:1-7"),
        (["--head-lr", "-1"], "head_lr must be above 0 to 100"),
    ],
)
def test_bad_starts_are_sentences(told: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "pictures", 12, 32)
    assert main([str(folder), *told, "--run-dir", str(tmp_path / "run"), "--device", "cpu"]) == 2
    assert sentence in capsys.readouterr().err


def test_colours_are_seen_by_a_grey_net_as_their_mean() -> None:
    torch.manual_seed(0)
    source = DenseNet(replace(PRESETS["tiny"], in_channels=1)).eval()
    model, _ = started_net(source, started_config(source.config, channels=3, classes=2, drop_rate=0.0), ("a", "b"))
    grey = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(model.eval().features(grey.expand(-1, 3, -1, -1)), source.features(grey), rtol=1e-4, atol=1e-4)
