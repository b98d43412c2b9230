"""What the page asks to be trained: the same pictures as the trainer finds, counted within bounds, refused in sentences."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from densenet import totals
from densenet.train import Recipe, load_folder
from densenet.train.job import Job
from explorer.settings import Settings
from explorer.work import jobs
from tests.support.small_pictures import written
from tests.support.trainings import TINY

RECIPE = Recipe(epochs=3, batch_size=8)


def job_of(settings: Settings, folder: Path | str, data: str = jobs.FOLDER, size: int = 16) -> Job:
    return jobs.job_of(settings, data, str(folder), size, TINY, RECIPE)


def test_the_forecast_counts_what_the_trainer_reads(run_settings: Settings, tmp_path: Path) -> None:
    """Hidden files and folders are neither pictures nor classes, and every format that is read counts."""
    folder = written(tmp_path / "data")
    first = folder / "red" / "0.png"
    (folder / ".thumbnails").mkdir()
    (folder / "red" / ".cache").mkdir()
    for hidden in (folder / ".thumbnails" / "a.png", folder / "red" / ".cache" / "a.png", folder / "red" / "._0.png"):
        hidden.write_bytes(first.read_bytes())
    (folder / "red" / "notes.txt").write_text("no picture")
    for ending in ("avif", "webp", "gif", "bmp", "tiff", "jfif", "PNG"):
        Image.open(first).save(folder / "red" / f"more.{ending}", format="JPEG" if ending == "jfif" else None)
    found = jobs.pictures_of(job_of(run_settings, folder))
    read = load_folder(folder, 8)
    assert read.skipped == ("1 file is no picture: notes.txt",)
    assert (found.images, found.classes, found.channels) == (len(read), len(read.classes), read.images.shape[1]) == (19, 3, 3)


def test_of_a_folder_with_a_test_part_the_pictures_to_learn_from_count(run_settings: Settings, tmp_path: Path) -> None:
    written(tmp_path / "data" / "train", 9)
    written(tmp_path / "data" / "test", 6)
    assert jobs.pictures_of(job_of(run_settings, tmp_path / "data")).images == 9


def test_a_forecast_is_of_the_net_and_the_pictures(run_settings: Settings, picture_folder: Path) -> None:
    """Of each batch it takes the step's time, however many pictures that holds."""
    from densenet import Workload
    from densenet.measure.forecast import expected_seconds

    seen = jobs.expected(run_settings, job_of(run_settings, picture_folder))
    config = replace(TINY, num_classes=2)
    step = Workload(image_size=16, batch_size=8, mode="train", optimizer="momentum")
    assert (seen.images, seen.parameters) == (60, totals(config, 16).params)
    assert seen.epoch_seconds == pytest.approx(60 / 8 * expected_seconds(config, step, "cpu"))
    assert seen.data_bytes == 60 * 3 * 16 * 16


def test_a_folder_without_end_is_given_up(run_settings: Settings, picture_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_ENTRIES", 40)
    with pytest.raises(ValueError, match="holds more than 40 files and folders; name the folder that holds the classes"):
        jobs.expected(run_settings, job_of(run_settings, picture_folder))


def test_pictures_are_counted_once_for_a_request(run_settings: Settings, picture_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from densenet.train import folders

    counted, real = [], folders.contents_of
    monkeypatch.setattr(folders, "contents_of", lambda *given: counted.append(given) or real(*given))
    jobs.expected(run_settings, job_of(run_settings, picture_folder))
    assert len(counted) == 1


@pytest.mark.parametrize("folder", ["/nowhere", "", "x" * 300, "/" + "/".join(["y" * 200] * 30), "a\0b"])
def test_a_folder_that_is_none_is_a_sentence(run_settings: Settings, folder: str) -> None:
    with pytest.raises(ValueError, match="There is no folder") as caught:
        job_of(run_settings, folder)
    assert len(str(caught.value)) < 120


def test_a_folder_that_may_not_be_read_is_a_sentence(run_settings: Settings, picture_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a folder of another account is to somebody who is not root."""
    real = os.scandir

    def scandir(path: object) -> object:
        if str(path).endswith("light"):
            raise PermissionError(13, "Permission denied")
        return real(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match="light cannot be read: Permission denied"):
        jobs.pictures_of(job_of(run_settings, picture_folder))


def test_too_few_classes_and_sizes_are_sentences(run_settings: Settings, picture_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="two or more classes, it holds 0 folders"):
        jobs.pictures_of(job_of(run_settings, tmp_path / "empty"))
    with pytest.raises(ValueError, match="image_size must be"):
        jobs.expected(run_settings, job_of(run_settings, picture_folder, size=1))
    with pytest.raises(ValueError, match="data must be one of digits, fashion_mnist, cifar10, cifar100, folder, got 'mnist'"):
        job_of(run_settings, picture_folder, data="mnist")


def test_a_relative_folder_is_the_apps(run_settings: Settings, picture_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture_folder.parent)
    assert job_of(run_settings, "pictures").data == str(picture_folder)
    assert job_of(run_settings, "pictures", "cifar10", 32).data_folder == str(picture_folder)
    assert Path(str(job_of(run_settings, "", "cifar10", 32).data_folder)).is_relative_to(run_settings.runs_dir), "where it would be brought"


def test_a_net_is_called_after_its_data(run_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "Собаки").mkdir()
    assert job_of(run_settings, tmp_path / "Собаки").name == "Собаки"
    assert job_of(run_settings, "", "fashion_mnist", 28).name == "Fashion-MNIST"


def test_a_crash_costs_a_minute_at_most(run_settings: Settings, picture_folder: Path) -> None:
    assert job_of(run_settings, picture_folder).save_seconds <= 60


def test_the_facts_of_the_datasets_are_the_librarys() -> None:
    from densenet.train.archives import PUBLISHED
    from densenet.train.digits import SIZE_PX
    from densenet.train.sources import DATASETS

    assert set(jobs.DATASETS) == set(DATASETS)
    for name, published in PUBLISHED.items():
        assert jobs.DATASETS[name] == (published.label, published.size)
    assert jobs.DATASETS[jobs.DIGITS][1] == SIZE_PX


def test_the_optimizer_and_what_is_frozen_decide_the_memory(run_settings: Settings, picture_folder: Path) -> None:
    job = job_of(run_settings, picture_folder)
    peaks = {
        name: jobs.expected(run_settings, replace(job, recipe=replace(RECIPE, optimizer=name), frozen=frozen)).peak_bytes
        for name, frozen in (("sgd", "none"), ("adam", "none"))
    }
    params = jobs.expected(run_settings, job).parameters
    assert peaks["adam"] - peaks["sgd"] >= 4 * params, "two values for each parameter, where momentum keeps one"
    still = jobs.expected(run_settings, replace(job, frozen="features"))
    assert still.peak_bytes < peaks["sgd"]
    assert still.epoch_seconds < 0.6 * jobs.expected(run_settings, job).epoch_seconds
    assert still.parameters == params


def test_the_forecast_of_a_dataset_is_of_what_is_there(run_settings: Settings, tmp_path: Path) -> None:
    """Not of what would be: a folder of CIFAR's pictures has as many as lie in it."""
    for half, count in (("train", 9), ("test", 3)):
        written(tmp_path / "cifar" / half, count)
    seen = jobs.expected(run_settings, job_of(run_settings, tmp_path / "cifar", "cifar10", 32))
    assert seen.images == 9
    assert seen.parameters == totals(replace(TINY, in_channels=3, num_classes=10), 32).params
    digits = jobs.expected(run_settings, job_of(run_settings, "", jobs.DIGITS, 8))
    assert digits.images == 1442
    assert digits.parameters == totals(replace(TINY, in_channels=1, num_classes=10), 8).params


@pytest.mark.parametrize("data", ["cifar10", "cifar100"])
def test_a_dataset_that_is_not_here_cannot_be_started(run_settings: Settings, data: str) -> None:
    from explorer.work import runs

    job = job_of(run_settings, "", data, 32)
    with pytest.raises(jobs.Missing, match=r"CIFAR-10+ is not in"):
        jobs.expected(run_settings, job)
    with pytest.raises(jobs.Missing):
        runs.start(run_settings, job)
    assert runs.latest(run_settings) is None
    assert jobs.missing_bytes(run_settings, data) > 10**8
    with pytest.raises(ConnectionError, match="is not on this machine, and downloads are switched off"):
        jobs.bring_dataset(run_settings, data)


def test_what_was_brought_is_found_by_later_trainings(run_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from densenet.train import archives
    from tests.support.archives import idx_files

    monkeypatch.setattr(archives, "FASHION_MNIST_FOLDER", Path("/nowhere"))
    job = job_of(run_settings, "", "fashion_mnist", 28)
    with pytest.raises(jobs.Missing):
        jobs.pictures_of(job)
    place = Path(str(job.data_folder))
    place.mkdir(parents=True)
    for name, content in idx_files().items():
        (place / name).write_bytes(content)
    assert jobs.pictures_of(job_of(run_settings, "", "fashion_mnist", 28)) == (30, 1, 10)
    assert jobs.missing_bytes(run_settings, "fashion_mnist") == 0


def test_a_fitting_net_is_of_the_pictures_and_the_minutes(run_settings: Settings, picture_folder: Path) -> None:
    job, why = jobs.fitted(run_settings, job_of(run_settings, picture_folder))
    assert (job.config.in_channels, job.config.num_classes) == (3, 2)
    assert why.startswith("For 10 minutes on this device: 60 pictures of 16 × 16 in 2 classes")
    short, why = jobs.fitted(run_settings, replace(job, recipe=replace(RECIPE, minutes=0.001)))
    assert totals(short.config, 16).params <= totals(job.config, 16).params
    assert why.startswith("For 0.001 minutes")
