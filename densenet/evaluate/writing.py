"""A report in words, and every answer as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import torch

from densenet.evaluate.asking import Answers
from densenet.evaluate.metrics import Report, Share
from densenet.evaluate.truth import Truth
from densenet.model.net import DenseNet
from densenet.model.outputs import shares_of

_MOST_COLUMNS = 200  # of classes in the table of answers


def _shown(share: Share) -> str:
    if share.value is None:
        return "-"
    return f"{100 * share.value:.1f} %" + ("" if share.low is None else f" ({100 * share.low:.1f} to {100 * share.high:.1f})")  # type: ignore[operator]


def written(report: Report, labels: Sequence[str], files: Sequence[Path]) -> str:
    """Return a report as text for people."""
    lines = [f"{report.pictures:,} pictures", f"accuracy {_shown(report.accuracy)}"]
    if report.top5.value is not None:
        lines.append(f"top-5    {_shown(report.top5)}")
    lines.append(f"calibration error {report.before.error:.3f}")
    if report.after is not None:
        lines[-1] += f", {report.after.error:.3f} at temperature {report.temperature:.2f}"
    lines.append(f"{'class':>24} {'pictures':>8}  {'precision':<24}{'recall':<24}{'area under the curve'}")
    for one in report.classes:
        lines.append(f"{one.label:>24.24} {one.pictures:>8}  {_shown(one.precision):<24}{_shown(one.recall):<24}{_shown(one.auc)}")
    if report.mistakes:
        lines.append("surest mistakes:")
        lines += [
            f"  {files[m.place].name}: {labels[m.label]}, taken for {labels[m.predicted]} ({m.probability:.0%})"
            for m in report.mistakes[:5]
        ]
    return "\n".join(lines)


def write_answers(file: IO[bytes], model: DenseNet, truth: Truth, answers: Answers, root: Path) -> None:
    """Write every answer as CSV: file, what is right, the best class and its probability, and the probability of each of up to 200."""
    assert model.weights is not None
    labels = model.weights.labels()
    said = shares_of(model, torch.from_numpy(answers.logits)).numpy()
    best = said.argmax(1)
    columns = range(min(len(labels), _MOST_COLUMNS))

    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    table = csv.writer(text)
    table.writerow(["file", "right", "answer", "probability", *(labels[i] for i in columns)])
    for row, place in enumerate(answers.read):
        right = "; ".join(labels[i] for i in (truth.values[place] == 1).nonzero()[0])
        path = truth.files[place]
        shown = path.relative_to(root) if path.is_relative_to(root) else path.name
        probabilities = [f"{said[row, i]:.6g}" for i in columns]
        table.writerow([shown, right, labels[best[row]], f"{said[row, best[row]]:.6g}", *probabilities])
    text.detach()  # written out, and left open
