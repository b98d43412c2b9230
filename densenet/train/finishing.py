"""The end of a training: the net is tested once, and written with all that was found out about it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from densenet.files import write_whole
from densenet.model.calibration import calibrated
from densenet.model.familiarity import statistics_of
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import Preprocessing
from densenet.record import FeatureStatistics
from densenet.train.card import claim, write_net
from densenet.train.data import ImageSet
from densenet.train.evaluation import Evaluation, answers_of, evaluation_of
from densenet.train.job import Job
from densenet.train.run import Run
from densenet.train.training import Result
from densenet.train.watching import shown_picture
from densenet.weights.findings import calibration_entry
from densenet.weights.net_files import round_to_float16

_MOST_FOR_STATISTICS = 20_000  # training pictures whose features are looked at


@dataclass(frozen=True)
class Findings:
    """What was found out about a trained net: `accuracy` and `calibration` as entries of a card, and the evaluation that people read."""

    tested: Evaluation
    accuracy: dict[str, object]
    by_class: dict[str, float]
    calibration: dict[str, object] | None
    familiar: FeatureStatistics | None


def findings_of(model: DenseNet, train: ImageSet, valid: ImageSet, test: ImageSet | None, scaling: Preprocessing) -> Findings:
    """Test `model` once on the pictures for the test or, where there are none, on those held out, and return all that is to be said of it.

    The temperature is fitted on pictures held out, and tried on those of the test; without these it is fitted on every other of them, and
    tried on those between. The distances from the training pictures are of held-out pictures in any case.
    """
    logits, held_out_features = answers_of(model, valid, scaling)
    held_out = evaluation_of(logits, valid)
    if test is None:
        tested, on = held_out, "every other of the held-out pictures"
        accuracy = claim(held_out, f"the {len(valid):,} held-out pictures, by which the epoch was chosen")
        found = calibrated(logits[::2], valid.labels[::2], logits[1::2], valid.labels[1::2])
    else:
        test_logits, _ = answers_of(model, test, scaling)
        tested, on = evaluation_of(test_logits, test), f"the {len(test):,} test pictures"
        accuracy = {**claim(tested, on), f"held_out_{len(valid)}": round(held_out.accuracy, 6)}
        found = calibrated(logits, valid.labels, test_logits, test.labels)
    some = train.subset(torch.arange(0, len(train), max(1, -(-len(train) // _MOST_FOR_STATISTICS))))
    _, features = answers_of(model, some, scaling)
    return Findings(
        tested=tested,
        accuracy=accuracy,
        by_class={name: row[i] / max(1, sum(row)) for i, (name, row) in enumerate(zip(train.classes, tested.confusion, strict=True))},
        calibration=None if found is None else calibration_entry(found, on),
        familiar=statistics_of(features, some.labels, (logits, held_out_features)),
    )


def write_results(result: Result, run: Run, job: Job, data: tuple[ImageSet, ImageSet, ImageSet | None]) -> Evaluation:
    """Write the net with its card and its result, and return the evaluation that people read.

    `data`: the pictures that it learnt from, those held out, by which the epoch was chosen, and those for the test, if there are any.
    """
    train, valid, test = data
    model = round_to_float16(result.model) if job.half else result.model
    found = findings_of(model, train, valid, test, train.preprocessing)
    tested = found.tested
    write_net(
        model,
        run.net,
        label=job.name,
        classes=train.classes,
        preprocessing=train.preprocessing,
        recipe=job.recipe,
        accuracy=found.accuracy,
        data=f"{job.describe or Path(job.data).name}, {len(train)} training pictures, {len(valid)} held out of train",
        licence=job.licence,
        half=job.half,
        by_class=found.by_class,
        calibration=found.calibration,
        familiar=found.familiar,
    )
    shown = {"on": "held_out" if test is None else "test", "classes": train.classes, **asdict(tested)}
    for mistake, entry in zip(tested.mistakes, shown["mistakes"], strict=True):
        entry["picture"] = shown_picture((valid if test is None else test).images[mistake.index])
    write_whole(run.result, lambda file: file.write(json.dumps(shown).encode()))
    return tested
