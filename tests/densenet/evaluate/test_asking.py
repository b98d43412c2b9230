"""A net is asked about every picture, in order, whatever lies between them."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from densenet.evaluate import asking
from densenet.evaluate.asking import ask_all
from densenet.model.net import DenseNet
from densenet.predict import logits_of
from densenet.stopping import Cancelled
from densenet.weights.known import ASSETS
from densenet.weights.loading import load

SAMPLES = sorted((ASSETS / "samples").glob("*.jpg"))


def test_every_picture_has_its_own_answer(tmp_path: Path) -> None:
    broken, empty = tmp_path / "broken.jpg", tmp_path / "empty.png"
    broken.write_bytes(SAMPLES[0].read_bytes()[:300])
    empty.touch()
    files = [SAMPLES[0], broken, *SAMPLES[1:4], empty, *SAMPLES] * 2
    told: list[tuple[int, int]] = []
    answers = ask_all(load("cifar10"), files, progress=lambda done, total: told.append((done, total)))
    readable = [i for i, file in enumerate(files) if file not in (broken, empty)]
    assert answers.read.tolist() == readable
    assert len(answers.unreadable) == 4
    assert all("Cannot read" in sentence for sentence in answers.unreadable)
    expected = np.stack([logits_of(load("cifar10"), Image.open(files[i]).convert("RGB")).numpy() for i in readable])
    np.testing.assert_allclose(answers.logits, expected, atol=1e-4)
    assert told[-1] == (len(files), len(files))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_no_picture_at_all_is_no_answer() -> None:
    assert len(ask_all(load("cifar10"), []).logits) == 0


def test_it_ends_where_nobody_waits() -> None:
    asked = []

    def stop() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        ask_all(load("cifar10"), SAMPLES * 20, stop=stop)
    assert len(asked) == 2


def test_pictures_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches are there at most, one that is read and one that is looked at, however many pictures wait."""
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = [0]

    def seen(_model: DenseNet, _file: Path) -> torch.Tensor:
        picture = torch.zeros(1, 3, 32, 32)
        alive.add(picture)
        most[0] = max(most[0], len(alive))
        return picture

    monkeypatch.setattr(asking, "_seen", seen)
    answers = ask_all(load("cifar10"), [Path("x")] * 400)
    assert len(answers.read) == 400
    assert most[0] <= 3 * 16
