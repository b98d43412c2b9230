"""What is written for people and for tables says the same as the report."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from densenet.evaluate.asking import Answers
from densenet.evaluate.metrics import report_of
from densenet.evaluate.truth import Truth
from densenet.evaluate.writing import write_answers, written
from densenet.weights.loading import load

FILES = tuple(Path(f"/photos/cat/{name}.png") for name in ("a, b", "ünï", "=1+1"))
VALUES = np.eye(10, dtype=np.int8)[[3, 5, 3]]
LOGITS = np.random.default_rng(0).normal(0, 3, (3, 10)).astype(np.float32)


def test_every_answer_is_a_row() -> None:
    model, file = load("cifar10"), io.BytesIO()
    assert model.weights is not None
    write_answers(file, model, Truth(FILES, VALUES, exclusive=True), Answers(LOGITS, np.arange(3), ()), Path("/photos"))
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    labels = model.weights.labels()
    said = torch.from_numpy(LOGITS).softmax(1)
    assert [row["file"] for row in rows] == ["cat/a, b.png", "cat/ünï.png", "cat/=1+1.png"]
    assert [row["right"] for row in rows] == ["cat", "dog", "cat"]
    for row, shares in zip(rows, said, strict=True):
        assert row["answer"] == labels[int(shares.argmax())]
        assert float(row["probability"]) == pytest.approx(shares.max().item(), rel=1e-5)
        assert [float(row[label]) for label in labels] == pytest.approx(shares.tolist(), rel=1e-5)


def test_words_name_the_surest_mistakes() -> None:
    model = load("cifar10")
    assert model.weights is not None
    truth, answers = Truth(FILES, VALUES, exclusive=True), Answers(LOGITS, np.arange(3), ())
    report = report_of(model, truth, answers)
    text = written(report, model.weights.labels(), FILES)
    assert text.startswith("3 pictures\naccuracy ")
    one = report.mistakes[0]
    assert f"{FILES[one.place].name}: {model.weights.labels()[one.label]}, taken for {model.weights.labels()[one.predicted]}" in text
