"""Whose net a file holds: families told by their names, heads under any name, and what is left out is named."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import DenseNet as TorchvisionDenseNet

from densenet import PRESETS
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import IMAGENET
from densenet.predict import input_of, view_of
from densenet.weights.loading import load_file
from densenet.weights.reading import reading_of, rename_key
from tests.conftest import randomised
from tests.support.upstream import UPSTREAM, Monai, check_equal, of, of_huyvnphan

NET = "features.conv0.weight"
SAID = {
    "kuangliu": "kuangliu/pytorch-cifar's, its channels put into this project's order.",
    "bamos": "bamos/densenet.pytorch's.",
    "andreasveit": "andreasveit/densenet-pytorch's.",
    "monai": "MONAI's.",
    "torchxrayvision": "TorchXRayVision's.",
}


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.net."])
@pytest.mark.parametrize("name", UPSTREAM)
def test_logits_are_the_authors(name: str, prefix: str, tmp_path: Path) -> None:
    net, x, expected = of(name)
    torch.save({"state_dict": {f"{prefix}{key}": value for key, value in net.state_dict().items()}}, tmp_path / "net.pth.tar")
    model = check_equal(tmp_path / "net.pth.tar", x, expected)
    assert model.weights is not None
    said = [sentence for sentence in model.weights.assumptions if sentence.startswith("The names are read as")]
    assert said == [f"The names are read as {text}" for key, text in SAID.items() if name.split(",")[0] == key]
    left_out = [sentence for sentence in model.weights.assumptions if sentence.startswith("Left out")]
    assert left_out == ([f"Left out, as it is no part of the net: {prefix}op_threshs."] if name == "torchxrayvision" else [])


def test_a_small_net_without_pooling_is_told_so_by_its_visitor(tmp_path: Path) -> None:
    """Whether the stem pools shows in no tensor: huyvnphan's way is assumed, and a card or the page says otherwise."""
    net = randomised(of_huyvnphan(pooled=False)).eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    torch.save(net.state_dict(), tmp_path / "net.pth")
    assumed = load_file(tmp_path / "net.pth")
    told = load_file(tmp_path / "net.pth", said={"config": asdict(replace(assumed.config, stem="cifar_norm"))})
    with torch.inference_mode():
        torch.testing.assert_close(told(x), net(x), rtol=1e-5, atol=1e-5)
        assert (assumed(x) - net(x)).abs().max() > 0.01
    assert assumed.weights is not None
    assert any("max pooling" in sentence for sentence in assumed.weights.assumptions)


@pytest.mark.parametrize("renamed", [("trans1.bn.", "trans1.bn1."), ("linear.", "fc."), ("bn.", "bn1."), ("dense1.", "block1.")])
def test_a_family_that_is_nearly_known_is_refused(renamed: tuple[str, str], tmp_path: Path) -> None:
    net, _, _ = of("kuangliu")
    names = {name: name.replace(renamed[0], renamed[1], 1) if name.startswith(renamed[0]) else name for name in net.state_dict()}
    torch.save({names[name]: tensor for name, tensor in net.state_dict().items()}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"not a DenseNet with torchvision's names, nor with those of MONAI, .*kuangliu"):
        load_file(tmp_path / "net.pth")


def test_chexnet_as_it_is_saved(tmp_path: Path) -> None:
    """Old names, in a part of a part, behind DataParallel, with a sigmoid behind the head."""
    net, x, _ = of("torchvision")
    assert isinstance(net, TorchvisionDenseNet)
    net.classifier = nn.Sequential(net.classifier, nn.Sigmoid())
    with torch.inference_mode():
        shares = net(x)
    old = {}
    for name, tensor in net.state_dict().items():
        for part in ("norm", "conv"):
            for number in "12":
                name = name.replace(f".{part}{number}.", f".{part}.{number}.")
        old[f"module.densenet121.{name}"] = tensor
    assert any(".norm.1." in name for name in old)
    torch.save({"epoch": 3, "state_dict": old, "best_loss": 0.1, "optimizer": {"state": {}}}, tmp_path / "model.pth.tar")
    model = load_file(tmp_path / "model.pth.tar")
    with torch.inference_mode():
        assert torch.allclose(model(x).sigmoid(), shares, atol=1e-6)
    record = model.weights
    assert record is not None
    assert record.activation == "sigmoid"
    assert (record.labels()[0], record.labels()[13]) == ("Atelectasis", "Hernia")
    assert record.preprocessing == IMAGENET
    assert "The classes are assumed to exclude each other." not in record.assumptions


def test_a_head_in_a_sequential_with_other_outputs_is_nobodys_in_particular(tmp_path: Path) -> None:
    net, x, expected = of("torchvision")
    assert isinstance(net, TorchvisionDenseNet)
    net.classifier = nn.Sequential(nn.Linear(net.classifier.in_features, 5))
    with torch.inference_mode():
        expected = net(x)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    record = check_equal(tmp_path / "net.pth", x, expected).weights
    assert record is not None
    assert record.activation == "softmax"
    assert "The classes are assumed to exclude each other." in record.assumptions


def test_x_rays_are_scaled_and_named_as_torchxrayvision_does(tmp_path: Path) -> None:
    net, _, _ = of("torchxrayvision")
    torch.save(net.state_dict(), tmp_path / "net.pt")
    model = load_file(tmp_path / "net.pt")
    record = model.weights
    assert record is not None
    assert record.activation == "sigmoid"
    assert (record.labels()[0], record.labels()[17]) == ("Atelectasis", "Enlarged Cardiomediastinum")
    for value, expected in ((0, -1024.0), (255, 1024.0)):
        x = input_of(model, view_of(model, Image.new("RGB", (300, 300), (value,) * 3)))
        assert x.shape == (1, 1, 224, 224)
        assert torch.allclose(x, torch.tensor(expected))


def test_what_stands_outside_the_nets_own_prefix_is_left_out_and_named(tmp_path: Path) -> None:
    net, x, expected = of("torchvision")
    state = {f"model.{name}": tensor for name, tensor in net.state_dict().items()} | {"criterion.pos_weight": torch.ones(14)}
    torch.save({"state_dict": state, "callbacks": {}, "hyper_parameters": {"lr": 0.1}}, tmp_path / "last.ckpt")
    model = check_equal(tmp_path / "last.ckpt", x, expected)
    assert model.weights is not None
    assert "Left out, as it is no part of the net: criterion.pos_weight." in model.weights.assumptions


@pytest.mark.parametrize("head", ["classifier.1", "fc", "head.fc", "classifier.fc.2"])
@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_a_head_under_any_name(head: str, prefix: str, tmp_path: Path) -> None:
    net, x, expected = of("torchvision")
    state = {f"{prefix}{name.replace('classifier.', f'{head}.')}": tensor for name, tensor in net.state_dict().items()}
    torch.save(state, tmp_path / "net.pth")
    check_equal(tmp_path / "net.pth", x, expected)


def test_a_head_beside_the_net(tmp_path: Path) -> None:
    net, x, expected = of("torchvision")
    state = {name.replace("classifier.", "fc.1.") if "classifier" in name else f"encoder.{name}": t for name, t in net.state_dict().items()}
    torch.save(state, tmp_path / "net.pth")
    check_equal(tmp_path / "net.pth", x, expected)
    for between in ("fc.0.running_mean", "fc.0.weight"):
        torch.save(state | {between: torch.zeros(18)}, tmp_path / "net.pth")
        with pytest.raises(ValueError, match=f"its head fc.1 stands beside the net with {between}"):
            load_file(tmp_path / "net.pth")


def with_head(state: dict[str, Tensor], more: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: t for name, t in state.items() if "classifier" not in name} | {name: torch.zeros(shape) for name, shape in more.items()}


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_head_that_is_not_one_layer_is_a_clear_no(prefix: str, tmp_path: Path) -> None:
    net, _, _ = of("torchvision")
    channels = net.state_dict()["features.norm5.weight"].numel()
    for more, why in (
        ({"classifier.0.weight": (32, channels), "classifier.3.weight": (5, 32)}, "its head has more than one layer"),
        ({"a.weight": (5, channels), "b.weight": (5, channels)}, "there is no classifier.weight, and 2 could be it: .*a, .*b"),
        ({"fc.weight": (5, channels + 1)}, "no linear layer reads the"),
        ({"classifier.0.weight": (channels,), "classifier.1.weight": (5, channels)}, "left over|stands beside"),
    ):
        state = with_head(net.state_dict(), more)
        torch.save({f"{prefix}{name}": tensor for name, tensor in state.items()}, tmp_path / "net.pth")
        with pytest.raises(ValueError, match=why):
            load_file(tmp_path / "net.pth")


def test_a_net_for_volumes_is_named(tmp_path: Path) -> None:
    net = Monai()
    state = {name: t[..., None] if t.dim() == 4 else t for name, t in net.state_dict().items()}
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"features\.conv0\.weight is 8 x 1 x 7 x 7 x 1, of a net for volumes"):
        load_file(tmp_path / "net.pth")


def plain_names(names: list[str]) -> dict[str, str]:
    return dict(reading_of({name: (1, 1) if name == "classifier.weight" else (1,) for name in names}).names)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("features.denseblock1.denselayer1.norm.1.weight", "features.denseblock1.denselayer1.norm1.weight"),
        ("features.denseblock12.denselayer48.conv.2.weight", "features.denseblock12.denselayer48.conv2.weight"),
        ("features.transition1.norm.weight", "features.transition1.norm.weight"),
        ("features.norm_final.running_var", "features.norm5.running_var"),
        ("classifier.bias", "classifier.bias"),
    ],
)
def test_old_names_become_new_ones(old: str, new: str) -> None:
    assert rename_key(old) == new
    assert rename_key(new) == new


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "model.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.model.",
        "net.encoder.",
        "module.densenet121.",
        "model.module.",
    ],
)
def test_prefixes_are_taken_off(prefix: str) -> None:
    with torch.device("meta"):
        names = list(DenseNet(PRESETS["tiny"]).state_dict())
    assert plain_names([f"{prefix}{name}" for name in names]) == {f"{prefix}{name}": name for name in names}


@pytest.mark.parametrize("wrapper", ["module", "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"])
def test_wrappers_in_the_middle_of_a_name_are_taken_off(wrapper: str) -> None:
    names = [NET, f"features.{wrapper}.denseblock1.{wrapper}.denselayer1.norm1.weight", "n_averaged"]
    assert list(plain_names(names).values()) == [NET, "features.denseblock1.denselayer1.norm1.weight"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "it has no tensors"),
        (["conv1.weight", "bn1.weight"], "it has 2 tensors, the first are conv1.weight, bn1.weight"),
        (list("abcde"), "it has 5 tensors, the first are a, b, c and 2 more"),
        (["a" * 500], "a" * 120),
        ([f"student.{NET}", f"teacher.{NET}"], "it holds 2 DenseNets, student., teacher.: save one alone"),
        ([NET, f"module.{NET}"], f"it holds {NET} more than once"),
        (["xfeatures.conv0.weight"], "there is no features.conv0.weight"),
    ],
)
def test_other_names_are_refused(names: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=r"holds|there is no") as caught:
        plain_names(names)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 600
