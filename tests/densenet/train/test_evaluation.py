"""An evaluation counts as scikit-learn does, and names the mistakes that the net was surest of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score

from densenet import DenseNetConfig
from densenet.pictures.preprocessing import Preprocessing
from densenet.train import evaluation
from densenet.train.data import ImageSet
from densenet.train.evaluation import answers_of, evaluate
from tests.conftest import randomised
from tests.support.small_pictures import net, pictures

CLASSES = tuple("abcdefgh")
DATA = replace(pictures(300), labels=torch.arange(300) % 8, classes=CLASSES)


def scripted(monkeypatch: pytest.MonkeyPatch, logits: torch.Tensor) -> None:
    monkeypatch.setattr(evaluation, "answers_of", lambda model, data, preprocessing: (logits, None))


def test_it_counts_as_scikit_learn_does(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    logits[torch.arange(300), DATA.labels] += 1.0
    logits[:, 2] += 0.5  # taken for c too often: rows and columns of the confusion are not alike
    scripted(monkeypatch, logits)
    found = evaluate(net(), DATA)
    labels, shares = DATA.labels.numpy(), logits.double().softmax(1).numpy()
    expected = confusion_matrix(labels, shares.argmax(1))
    assert not np.array_equal(expected, expected.T)
    assert np.array_equal(found.confusion, expected)
    assert found.accuracy == pytest.approx(accuracy_score(labels, shares.argmax(1)))
    assert found.top5_accuracy == pytest.approx(top_k_accuracy_score(labels, shares, k=5))
    assert found.loss == pytest.approx(log_loss(labels, shares), rel=1e-5)


def test_mistakes_are_those_that_the_net_was_surest_of(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(300, 8, generator=torch.Generator().manual_seed(0)) * 3
    scripted(monkeypatch, logits)
    shares = logits.softmax(1)
    found = evaluate(net(), DATA).mistakes
    wrong = [i for i in range(300) if int(shares[i].argmax()) != int(DATA.labels[i])]
    expected = sorted(wrong, key=lambda i: -float(shares[i].max()))[:24]
    assert len(wrong) > 24
    assert [mistake.index for mistake in found] == expected
    for mistake in found:
        assert mistake.name == DATA.names[mistake.index]
        assert mistake.label == int(DATA.labels[mistake.index])
        assert mistake.predicted == int(logits[mistake.index].argmax()) != mistake.label
        assert mistake.probability == pytest.approx(float(shares[mistake.index].max()))


def test_the_net_is_asked_as_it_predicts_and_left_as_it_was() -> None:
    """Without dropout, on its running statistics, scaled as it was trained, however many pictures there are."""
    config = DenseNetConfig(growth_rate=4, block_config=(2,), num_init_features=6, num_classes=3, stem="cifar", drop_rate=0.5)
    model, data = net(config).train(), pictures(260)
    randomised(model)
    scaling = Preprocessing(crop_px=8, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = answers_of(model, data, scaling)[0]
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (scaling.mean, scaling.std))
    with torch.inference_mode():
        expected = model.eval()((data.images / 255 - mean) / std)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_with_five_classes_or_fewer_the_first_five_say_nothing() -> None:
    assert evaluate(net(), pictures(9)).top5_accuracy is None


def test_with_six_classes_the_first_five_say_something(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, torch.eye(6)[[5, 1, 2, 3, 4, 5]] - 2.0 * torch.eye(6)[[0, 0, 0, 0, 0, 0]])
    data = replace(pictures(6), labels=torch.arange(6), classes=CLASSES[:6])
    assert evaluate(net(), data).top5_accuracy == pytest.approx(5 / 6), "class 0 is the last of its picture, and no other is of its own"


def test_scaling_is_the_datas_own_where_none_is_given() -> None:
    model, data = net().eval(), pictures(30)
    randomised(model)
    other = Preprocessing(crop_px=8, mean=(0.9, 0.1, 0.9), std=(0.1, 0.9, 0.1))
    assert evaluate(model, data).loss == evaluate(model, data, data.preprocessing).loss != evaluate(model, data, other).loss


def test_data_of_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    data: ImageSet = pictures(9)
    scripted(monkeypatch, 9.0 * torch.nn.functional.one_hot(data.labels, 3).float())
    found = evaluate(net(), data)
    assert (found.accuracy, found.mistakes) == (1.0, ())
    assert found.confusion == ((3, 0, 0), (0, 3, 0), (0, 0, 3))
