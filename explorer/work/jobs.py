"""What the page asks to be trained, as a job, and what that will take."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from densenet import DenseNetConfig, Workload, estimate_memory, totals
from densenet.checks import show_value
from densenet.stopping import Progress, Stop, go_on, tell_nobody
from explorer.settings import Settings
from explorer.work.known_device import look

if TYPE_CHECKING:
    from densenet.train import Recipe
    from densenet.train.job import Job

FOLDER, DIGITS = "folder", "digits"
DATASETS = {  # name -> label, pixels a side
    DIGITS: ("handwritten digits", 8),
    "fashion_mnist": ("Fashion-MNIST", 28),
    "cifar10": ("CIFAR-10", 32),
    "cifar100": ("CIFAR-100", 32),
}
MOST_ENTRIES = 500_000  # of a folder, to be counted while a visitor waits
_SAVE_SECONDS = 20.0
_UNPACKED, _BROUGHT = ".pictures", ".datasets"  # in the folder of trainings
_MINUTES = 10.0  # for a net to fit, where no time is given


class Missing(ValueError):
    """A data set is not on this machine: `bring` brings it."""


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
    if data == DIGITS:
        return Job(data=data, label="Digits", **told)  # type: ignore[arg-type]
    if data in DATASETS:
        return Job(data=data, data_folder=place or _found(settings, data), label=DATASETS[data][0], **told)  # type: ignore[arg-type]
    if data != FOLDER:
        raise ValueError(f"data must be one of {', '.join((*DATASETS, FOLDER))}, got {show_value(data)}")
    if place is None or not os.path.isdir(place):
        raise ValueError(f"There is no folder {show_value(folder)} on this machine.")
    return Job(data=place, **told)  # type: ignore[arg-type]


def _place_of(settings: Settings, data: str) -> Path:
    """Return where a data set is that the page has brought, or will be."""
    return settings.runs_dir / _BROUGHT / data


def _found(settings: Settings, data: str) -> str:
    """Return the folder of a data set on this machine, the page's own where it is nowhere."""
    from densenet.train.archives import FASHION_MNIST_FOLDER, held

    own = _place_of(settings, data)
    debian = data == "fashion_mnist" and not held(data, own) and held(data, FASHION_MNIST_FOLDER)
    return str(FASHION_MNIST_FOLDER if debian else own)


def pictures_of(job: Job) -> Pictures:
    """Return what there is to learn from; `Missing` for a data set that is not here, ValueError where there is too little or too much."""
    from densenet.train.archives import PUBLISHED, held
    from densenet.train.data import MIN_CLASSES
    from densenet.train.digits import CLASSES, load_digits
    from densenet.train.folders import contents_of, split_folders

    if job.data == DIGITS:
        return Pictures(len(load_digits(train=True)), 1, len(CLASSES))
    if job.data in DATASETS:
        published = PUBLISHED[job.data]
        images = held(job.data, Path(job.data_folder or ""))
        if not images:
            raise Missing(f"{published.label} is not in {job.data_folder}.")
        return Pictures(images, published.channels, published.classes)
    found = contents_of(split_folders(Path(job.data))[0], MOST_ENTRIES)
    if len(found.classes) < MIN_CLASSES or not found.pictures:
        raise ValueError(
            f"{job.data} must hold one folder of pictures for each of two or more classes, it holds {len(found.classes)} folders "
            f"and {found.pictures} pictures in them."
        )
    return Pictures(found.pictures, 3, len(found.classes))


def missing_bytes(settings: Settings, data: str) -> int:
    """Return what is still to be downloaded of a data set, of which a part may have come already."""
    from densenet.train.archives import missing
    from densenet.weights.download import part_of

    place = _place_of(settings, data)
    archives = missing(data, place)
    return sum(a.size_bytes - (part.stat().st_size if (part := part_of(place / a.name)).is_file() else 0) for a in archives)


def bring_dataset(settings: Settings, data: str, progress: Progress = tell_nobody, stop: Stop = go_on) -> None:
    """Download what is missing of a data set, for all later trainings; ConnectionError with a sentence where it cannot be had."""
    from densenet.train.archives import PUBLISHED, bring

    if settings.offline and data in PUBLISHED:
        raise ConnectionError(f"{PUBLISHED[data].label} is not on this machine, and downloads are switched off.")
    bring(data, _place_of(settings, data), progress, stop)


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


def fitted(settings: Settings, job: Job) -> tuple[Job, str]:
    """Return the job with a net that fits its pictures, its recipe's minutes and this device, and why it is this one.

    Errors are those of `pictures_of`, and ValueError where no net fits into the memory.
    """
    from densenet.measure.fitting import Task, fitting_net
    from densenet.running.device import choose_device, device_memory
    from densenet.train.digits import DIGITS_NET, SIZE_PX

    pictures, step = pictures_of(job), _step(job)
    if (job.data, job.size) == (DIGITS, SIZE_PX):
        size, blocks = f"{SIZE_PX} × {SIZE_PX} pixels", "-".join(map(str, DIGITS_NET.block_config))
        why = f"A small net, k = {DIGITS_NET.growth_rate} with blocks of {blocks} layers, is enough for {size}, and learns in seconds."
        return replace(job, config=DIGITS_NET, threads=1), why  # steps so short that two threads wait for each other longer than they work
    minutes = job.recipe.minutes or _MINUTES
    task = Task(
        images=pictures.images,
        size=step.image_size,
        channels=pictures.channels,
        classes=pictures.classes,
        seconds=60.0 * minutes,
        memory_bytes=device_memory(choose_device(settings.device)).free_bytes,
        device_type=look(settings).type,
        batch_size=step.batch_size,
        optimizer=step.optimizer,
        precision=step.precision,
    )
    found = fitting_net(task)
    return replace(job, config=found.config), f"For {minutes:g} minutes on this device: {found.why}"


def _step(job: Job) -> Workload:
    """Return one step of the job."""
    assert job.size is not None
    return Workload(
        image_size=job.size,
        batch_size=job.recipe.batch_size,
        mode="train",
        optimizer="adam" if job.recipe.optimizer == "adam" else "momentum",
        precision=job.recipe.precision,
        frozen=job.frozen,
    )


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
    config, step = net_of(job, pictures), _step(job)
    seconds = expected_seconds(config, step, look(settings).type) * pictures.images / step.batch_size
    data_bytes = pictures.images * pictures.channels * step.image_size**2
    return Expected(pictures.images, totals(config, step.image_size).params, seconds, estimate_memory(config, step).peak, data_bytes)
