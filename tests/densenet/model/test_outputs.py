"""What outputs mean: each net's own function, and one that all use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from densenet import PRESETS
from densenet.attribution import attribute
from densenet.attribution.insertion import curves
from densenet.attribution.trust import Completeness, RandomisedWeights, trust
from densenet.features.lesion import lesion, lesion_map
from densenet.model.net import DenseNet
from densenet.model.outputs import activation_of, shares
from densenet.predict import best_of, classify, confidence, logits_of
from densenet.weights.composing import compose_card
from densenet.weights.loading import load_file
from densenet.weights.net_files import save_net

Make = Callable[..., DenseNet]
PHOTO = Image.effect_noise((40, 40), 80).convert("RGB")


@pytest.fixture
def saved(make_net: Make, tmp_path: Path) -> Callable[..., DenseNet]:
    """Return a function that loads the tiny net with `classes` outputs and a card that says this."""

    def made(classes: int, **said: object) -> DenseNet:
        net = make_net(replace(PRESETS["tiny"], num_classes=classes))
        save_net(net, tmp_path / "net.pth", said)
        return load_file(tmp_path / "net.pth")

    return made


def test_a_plain_net_is_judged_by_its_outputs(make_net: Make) -> None:
    assert activation_of(make_net()) == "softmax"
    assert activation_of(make_net(replace(PRESETS["tiny"], num_classes=1))) == "sigmoid"


def test_functions_are_torchs() -> None:
    logits = torch.randn(3, 5)
    torch.testing.assert_close(shares(logits, "softmax", 2.0), torch.softmax(logits / 2, 1))
    torch.testing.assert_close(shares(logits, "sigmoid", 2.0), torch.sigmoid(logits / 2))
    assert shares(logits, "none", 2.0) is logits


def test_a_card_says_what_outputs_mean(saved: Callable[..., DenseNet]) -> None:
    exclusive = "The classes are assumed to exclude each other."
    for classes, said, activation, assumed in (
        (10, {}, "softmax", True),
        (1, {}, "sigmoid", False),
        (10, {"activation": "sigmoid"}, "sigmoid", False),
        (10, {"activation": "softmax"}, "softmax", False),
        (1, {"activation": "none"}, "none", False),
    ):
        record = saved(classes, **said).weights
        assert record is not None
        assert record.activation == activation
        assert (exclusive in record.assumptions) == assumed


@pytest.mark.parametrize(("classes", "said"), [(10, "tanh"), (10, 3), (1, "softmax")])
def test_a_card_that_says_what_cannot_be_is_refused(classes: int, said: object, saved: Callable[..., DenseNet]) -> None:
    with pytest.raises(ValueError, match="its card's activation must be"):
        saved(classes, activation=said)


def test_what_is_said_counts_more_than_the_card(make_net: Make, tmp_path: Path) -> None:
    save_net(make_net(), tmp_path / "net.safetensors", {"activation": "softmax", "label": "mine"})
    record = load_file(tmp_path / "net.safetensors", said={"activation": "sigmoid"}).weights
    assert record is not None
    assert (record.activation, record.label) == ("sigmoid", "mine")
    again = load_file(tmp_path / "net.safetensors").weights
    assert again is not None
    assert again.activation == "softmax"


def test_a_composed_card_carries_it(saved: Callable[..., DenseNet]) -> None:
    record = saved(3).weights
    assert record is not None
    card = compose_card(label="x", classes=("a", "b", "c"), preprocessing=record.preprocessing, activation="sigmoid")
    assert json.loads(json.dumps(card))["activation"] == "sigmoid"


@pytest.mark.parametrize("bias", [6.0, -6.0])
def test_one_output_is_a_class_and_its_contrary(bias: float, saved: Callable[..., DenseNet]) -> None:
    """Every photo was "class 0, 100 %" before, whatever the net said."""
    model = saved(1)
    best = best_of(model, torch.tensor([bias]))
    probability = torch.tensor(6.0).sigmoid().item()
    assert [one.label for one in best] == (["class 0", "not class 0"] if bias > 0 else ["not class 0", "class 0"])
    assert [one.probability for one in best] == pytest.approx([probability, 1 - probability], abs=1e-6)
    assert len(best_of(model, torch.tensor([bias]), 1)) == 1
    sure = confidence(torch.tensor([bias]), "sigmoid")
    assert sure is not None
    assert not sure.unsure


def test_independent_labels(saved: Callable[..., DenseNet]) -> None:
    model = saved(14, activation="sigmoid")
    logits = torch.full((14,), -3.0)
    logits[4], logits[9] = 2.9, 2.87
    best = best_of(model, logits, 3)
    assert [one.index for one in best[:2]] == [4, 9]
    assert [one.probability for one in best] == pytest.approx([0.9478, 0.9464, 0.0474], abs=1e-4)
    asked = classify(model, PHOTO, 14, temperature=2.0)
    torch.testing.assert_close(
        torch.tensor([one.probability for one in sorted(asked, key=lambda one: one.index)]), (logits_of(model, PHOTO) / 2).sigmoid()
    )


def test_numbers_stay_numbers(saved: Callable[..., DenseNet]) -> None:
    model = saved(1, activation="none")
    (one,) = classify(model, PHOTO, 5, temperature=3.0)
    assert one.probability == pytest.approx(logits_of(model, PHOTO).item())
    assert confidence(torch.tensor([3.0]), "none") is None


def test_insertion_and_lesion_follow_the_nets_own_function(saved: Callable[..., DenseNet]) -> None:
    model = saved(3, activation="sigmoid")
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = model(x)[0]
    seen = curves(model, x, 1, x, steps=4, maps=2)
    assert seen.insertion.probabilities[-1] == pytest.approx(logits.double().sigmoid()[1].item(), abs=1e-5)
    against = curves(model, x, 1, x, steps=4, maps=2, against=2)
    assert against.insertion.probabilities[-1] == pytest.approx(logits.double()[[1, 2]].softmax(0)[0].item(), abs=1e-5)
    one = lesion(model, x, 1, 0)
    torch.testing.assert_close(one.probabilities_before, logits.sigmoid())
    torch.testing.assert_close(one.probabilities_after, one.logits_after.sigmoid())
    whole = lesion_map(model, x, 1, 1, cells=False)
    assert whole.probability == pytest.approx(logits.sigmoid()[1].item(), abs=1e-5)
    moved = one.logits_after.sigmoid()[1] - logits.sigmoid()[1]
    assert whole.everywhere[0].probability == pytest.approx(moved.item(), abs=1e-5)


def test_what_has_no_probability_has_none_that_rises(saved: Callable[..., DenseNet]) -> None:
    model, x = saved(2, activation="none"), torch.randn(1, 3, 16, 16)
    for work in (lambda: curves(model, x, 0, x, steps=4, maps=2), lambda: lesion(model, x, 1, 0), lambda: lesion_map(model, x, 0, 1)):
        with pytest.raises(ValueError, match="This net answers with numbers, not with probabilities"):
            work()
    checks = list(trust(model, x, 0, lambda net: attribute(net, x, 0, "input_x_gradient"), nets=2))
    assert [type(check) for check in checks if not isinstance(check, Completeness)] == [RandomisedWeights]


POINTS = (0.07, 0.5, 0.9, None)


def as_its_authors_show_it(p: float, point: float | None) -> float:
    """TorchXRayVision's op_norm, of one label."""
    if point is None:
        return 0.5
    return p / (point * 2) if p < point else 1 - (1 - p) / ((1 - point) * 2)


def test_operating_points_decide_at_one_half() -> None:
    plain = torch.tensor([0.07, 0.0699, 0.5, 0.2, 0.95, 0.01, 0.999])
    for p in plain.tolist():
        logits = torch.full((len(POINTS),), p, dtype=torch.float64).logit()
        said = shares(logits, "sigmoid", points=POINTS)
        assert said.tolist() == pytest.approx([as_its_authors_show_it(p, point) for point in POINTS], abs=1e-9)
        assert [value >= 0.5 for value in said.tolist()[:3]] == [p >= point - 1e-12 for point in (0.07, 0.5, 0.9)]
    assert shares(torch.zeros(2, 4), "sigmoid", 3.0, POINTS).shape == (2, 4)


def test_a_label_that_was_never_trained_is_never_the_best(saved: Callable[..., DenseNet]) -> None:
    model = saved(4, activation="sigmoid", operating_points=list(POINTS))
    logits = torch.tensor([-4.0, -3.0, 1.0, 9.0])
    best = best_of(model, logits, 4)
    assert [one.index for one in best] == [2, 0, 1, 3]
    assert best[-1].probability == 0.5
    sure = confidence(logits, "sigmoid", POINTS)
    assert sure is not None
    assert sure.top1 == pytest.approx(best[0].probability)
    assert confidence(logits, "sigmoid", (None,) * 4) is None
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = shares(model(x)[0].double(), "sigmoid", points=POINTS)
    assert curves(model, x, 0, x, steps=4, maps=2).insertion.probabilities[-1] == pytest.approx(expected[0].item(), abs=1e-5)
    torch.testing.assert_close(lesion(model, x, 1, 0).probabilities_before.double(), expected, rtol=1e-4, atol=1e-5)
    assert lesion_map(model, x, 0, 1, cells=False).probability == pytest.approx(expected[0].item(), abs=1e-5)


@pytest.mark.parametrize("points", [[0.5] * 3, 0.5, [0.5, 0.5, 0.5, 1.0], [0.5, 0.5, 0.5, "a"], [0, 0.5, 0.5, 0.5]])
def test_operating_points_that_are_none_are_refused(points: object, saved: Callable[..., DenseNet]) -> None:
    with pytest.raises(ValueError, match="operating_points"):
        saved(4, activation="sigmoid", operating_points=points)
    with pytest.raises(ValueError, match="of labels that are independent"):
        saved(4, activation="softmax", operating_points=[0.5] * 4)
