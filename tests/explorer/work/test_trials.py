"""A net on a folder or a zip: what is found is the library's, and nothing is left behind but what the visitor was given."""

from __future__ import annotations

import csv
import shutil
import tempfile
from pathlib import Path

import pytest

from densenet.evaluate import ask_all, report_of, truth_of_folders
from densenet.stopping import Cancelled, go_on
from densenet.weights.known import ASSETS
from densenet.weights.loading import load
from explorer.work.trials import run_trial

IN = {"tabby": "cat", "beagle": "dog", "leopard": "dog", "horse": "frog", "pizza": "ship"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for sample, name in IN.items():
        (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(ASSETS / "samples" / f"{sample}.jpg", tmp_path / "photos" / name)
    (tmp_path / "photos" / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("system", "gradio"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_trial_is_the_librarys_report(zipped: bool, photos: Path, tmp_path: Path) -> None:
    model = load("cifar10")
    archive = Path(shutil.make_archive(str(tmp_path / "z"), "zip", photos)) if zipped else None
    told: list[tuple[str, int, int]] = []
    trial = run_trial(model, "" if zipped else str(photos), archive, None, told.append, go_on)
    truth = truth_of_folders(photos, model.weights.labels())  # type: ignore[union-attr]
    assert trial.report == report_of(model, truth, ask_all(model, truth.files))
    assert len(trial.said) == 1
    assert "broken.jpg" in trial.said[0]
    assert {what for what, _, _ in told} == ({"unpacked", "pictures"} if zipped else {"pictures"})
    assert told[-1] == ("pictures", 6, 6)
    rows = list(csv.reader(trial.table.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 6
    assert {row[0] for row in rows[1:]} == {f"{name}/{sample}.jpg" for sample, name in IN.items()}
    assert trial.failures
    for one in trial.failures:
        assert one.copy.read_bytes() == (ASSETS / "samples" / one.file).read_bytes()
        assert max(one.picture.size) <= 96
        assert one.right == IN[Path(one.file).stem]
    assert list((tmp_path / "system").iterdir()) == [], "what was unpacked is gone"


@pytest.mark.parametrize(
    ("folder", "sentence"), [("", "Name a folder, or bring a zip of one."), ("/nowhere", "There is no folder '/nowhere'")]
)
def test_no_folder_is_a_sentence(folder: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        run_trial(load("cifar10"), folder, None, None, lambda _: None, go_on)


def test_a_trial_that_is_given_up_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "z"), "zip", photos))
    asked = [0]

    def stop() -> None:
        asked[0] += 1
        if asked[0] > 8:  # the zip has been unpacked
            raise Cancelled

    with pytest.raises(Cancelled):
        run_trial(load("cifar10"), "", archive, None, lambda _: None, stop)
    assert list((tmp_path / "system").iterdir()) == list((tmp_path / "gradio").iterdir()) == []


def test_a_table_of_labels_says_what_is_right(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,cat\ncat/tabby.jpg,1\ndog/beagle.jpg,0\n")
    trial = run_trial(load("cifar10"), str(photos), None, tmp_path / "t.csv", lambda _: None, go_on)
    assert (trial.report.pictures, trial.report.accuracy.value) == (2, 1.0)
    assert trial.report.confusion == ()
