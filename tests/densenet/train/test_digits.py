"""The digits are scikit-learn's, split once and for all, and a small net learns them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from densenet.model.net import DenseNet
from densenet.train import digits, evaluate, fit, hold_out
from densenet.train.digits import DIGITS_NET, DIGITS_RECIPE, load_digits
from densenet.train.sources import load_split


def test_the_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits as published

    theirs, train, test = published(), load_digits(train=True), load_digits(train=False)
    found = np.zeros((1797, 8, 8))
    labels = np.full(1797, -1)
    for part in (train, test):
        rows = [int(name) for name in part.names]
        found[rows] = part.images[:, 0].double().numpy() * 16 / 255
        labels[rows] = part.labels.numpy()
    assert np.abs(found - theirs.images).max() < 0.04, "whole values of 0 to 16, as bytes"
    assert (labels == theirs.target).all(), "each picture is in one of the two parts"
    assert train.classes == tuple(map(str, theirs.target_names))


def test_each_class_has_its_share_of_the_test() -> None:
    train, test = load_split("digits")
    assert test is not None
    of_test, of_train = torch.bincount(test.labels), torch.bincount(train.labels)
    assert len(train) + len(test) == 1797
    assert bool(((of_test / (of_test + of_train) - 0.2).abs() < 0.01).all())
    assert torch.equal(load_split("digits")[0].images, train.images), "always the same"
    assert (train.images.shape[1:], train.preprocessing.crop_px) == ((1, 8, 8), 8)
    larger = load_split("digits", 16)[0]
    assert larger.images.shape[1:] == (1, 16, 16)


def test_the_digits_need_neither_scikit_learn_loaded_nor_torchvision() -> None:
    """What is imported is what a visitor waits for."""
    code = "import sys, densenet.train.__main__ as m; from densenet.train.digits import load_digits; load_digits(train=True)\n"
    code += "print(*[name for name in ('sklearn', 'torchvision', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr


def test_without_scikit_learn_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="digits come with scikit-learn, and it is not installed here"):
        load_digits(train=True)


def test_their_net_learns_them_by_their_recipe() -> None:
    """Right on more than 97 % of the test pictures, in less time than the page gives it."""
    train, test = load_split("digits")
    assert test is not None
    learnt, held_out = hold_out(train, 144)
    torch.manual_seed(DIGITS_RECIPE.seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        result = fit(DenseNet(DIGITS_NET), learnt, held_out, replace(DIGITS_RECIPE, epochs=8), device="cpu")
    finally:
        torch.set_num_threads(threads)
    assert evaluate(result.model, test, train.preprocessing).accuracy > 0.97
