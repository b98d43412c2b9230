"""What the page asks to be trained, as a job, and what that will take."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from densenet import DenseNetConfig, Workload, estimate_memory, totals
from densenet.checks import show_value
from densenet.stopping import Progress, tell_nobody
from explorer.settings import Settings
from explorer.work.known_device import look

if TYPE_CHECKING:
    from densenet.train import Recipe
    from densenet.train.job import Job

FOLDER = "folder"
DATASETS = {  # name -> label, training pictures, channels, classes
    "fashion_mnist": ("Fashion-MNIST", 60_000, 1, 10),
    "cifar10": ("CIFAR-10", 50_000, 3, 10),
}
MOST_ENTRIES = 500_000  # of a folder, to be counted while a visitor waits
_SAVE_SECONDS = 20.0
_UNPACKED = ".pictures"  # in the folder of trainings


class Pictures(NamedTuple):
    """What there is to learn from."""

    images: int
    channels: int
    classes: int


def job_of(
    settings: Settings, data: str, folder: str, size: int, config: DenseNetConfig, recipe: Recipe, start: str = "", frozen: str = "none"
) -> Job:
    """Return what is to be trained: `data` of DATASETS, whose files may lie in `folder`, or FOLDER. ValueError for what cannot be.

    `start` is the file of a net of `config` that it starts from, empty for random weights; `frozen` is what of that is not trained.
    """
    from densenet.train.job import Job

    place = os.path.abspath(folder) if folder else None  # the trainer runs in another folder
    told: dict[str, object] = {"size": size, "config": config, "recipe": recipe, "device": settings.device, "save_seconds": _SAVE_SECONDS}
    told |= {"start_from": start or None, "frozen": frozen}
    if data in DATASETS:
        return Job(data=data, data_folder=place, label=DATASETS[data][0], **told)  # type: ignore[arg-type]
    if data != FOLDER:
        raise ValueError(f"data must be one of {', '.join((*DATASETS, FOLDER))}, got {show_value(data)}")
    if place is None or not os.path.isdir(place):
        raise ValueError(f"There is no folder {show_value(folder)} on this machine.")
    return Job(data=place, **told)  # type: ignore[arg-type]


def pictures_of(job: Job) -> Pictures:
    """Return what there is to learn from; ValueError where that is nothing, or too much to be counted at once."""
    from densenet.train.data import MIN_CLASSES
    from densenet.train.folders import contents_of, split_folders

    if job.data in DATASETS:
        _, images, channels, classes = DATASETS[job.data]
        return Pictures(images, channels, classes)
    found = contents_of(split_folders(Path(job.data))[0], MOST_ENTRIES)
    if len(found.classes) < MIN_CLASSES or not found.pictures:
        raise ValueError(
            f"{job.data} must hold one folder of pictures for each of two or more classes, it holds {len(found.classes)} folders "
            f"and {found.pictures} pictures in them."
        )
    return Pictures(found.pictures, 3, len(found.classes))


def pictures_of_zip(settings: Settings, zipped: Path, progress: Progress = tell_nobody) -> Path:
    """Unpack a visitor's zip of class folders beside the trainings, once, and return the folder; ValueError for a zip that is none.

    It stays there: a training that goes on reads its pictures again.
    """
    from densenet.files import sha256_of
    from densenet.pictures.zips import check_zip, innermost, unpack

    check_zip(zipped)  # before all of it is read for its hash
    place = settings.runs_dir / _UNPACKED / sha256_of(zipped)[:16]
    if place.is_dir():
        return innermost(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.{secrets.token_hex(4)}.partial")
    try:
        unpack(zipped, partial, progress=progress)
        partial.rename(place)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return innermost(place)


def net_of(job: Job, pictures: Pictures) -> DenseNetConfig:
    """Return the net that would learn from `pictures`; ValueError where it cannot take their size."""
    config = job.net(pictures.channels, pictures.classes)
    config.check_image_size(job.size)
    return config


@dataclass(frozen=True)
class Expected:
    """What a training will take, cautiously."""

    images: int
    parameters: int
    epoch_seconds: float
    peak_bytes: int  # of a step, by `estimate_memory`
    data_bytes: int  # of the decoded pictures


def expected(settings: Settings, job: Job) -> Expected:
    """Estimate time and memory of a training before it starts; ValueError for what cannot be trained."""
    from densenet.measure.forecast import expected_seconds

    pictures = pictures_of(job)
    config, recipe = net_of(job, pictures), job.recipe
    assert job.size is not None
    step = Workload(
        image_size=job.size,
        batch_size=recipe.batch_size,
        mode="train",
        optimizer="adam" if recipe.optimizer == "adam" else "momentum",
        precision=recipe.precision,
        frozen=job.frozen,
    )
    seconds = expected_seconds(config, step, look(settings).type) * pictures.images / recipe.batch_size
    data_bytes = pictures.images * pictures.channels * job.size**2
    return Expected(pictures.images, totals(config, job.size).params, seconds, estimate_memory(config, step).peak, data_bytes)
