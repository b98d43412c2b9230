"""The Train tab: from its fields to a training and to a net in Predict; what cannot be trained is a sentence."""

from __future__ import annotations

import html
import json
import re
import shutil
import tempfile
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch

from densenet import PRESETS, Workload, totals
from densenet.train.job import read_job
from densenet.weights.known import WEIGHTS
from densenet.weights.loading import load, load_file
from explorer.app import create_app, try_net
from explorer.page import controls
from explorer.page.shared import Seen
from explorer.settings import Settings
from explorer.tabs.train import form
from explorer.tabs.train import tab as train
from explorer.tabs.train.progress import NOTHING
from explorer.work import jobs, nets, runs
from tests.support.trainings import RECIPE, START, TINY, finished_run, said, wait_for_state

SEEN = Seen("tiny", TINY, Workload(image_size=32), None, 0.8)


def test_a_training_from_start_to_predict(run_settings: Settings, picture_folder: Path) -> None:
    values = (TINY, jobs.FOLDER, str(picture_folder), 16, *START, *RECIPE)
    assert f"<b>{totals(replace(TINY, num_classes=2), 16).params:,}</b> parameters, 60 pictures" in train.forecast(run_settings, *values)[0]
    train.begin(run_settings, *values)
    with pytest.raises(gr.Error, match="one training at a time"):
        train.begin(run_settings, *values)
    wait_for_state(run_settings, "finished")
    line, curves, confusion, _, _, _, file, _ = train.look(run_settings)
    assert "finished" in line
    assert "held out: <b>" in line
    assert [len(json.loads(panel)["figures"]) for panel in (curves, confusion)] == [3, 1]
    assert Path(file["value"]).is_file()
    ((label, name), *_) = nets.choices(run_settings)
    assert "trained here" in label
    model = nets.loaded(run_settings, name)
    record = nets.record_of(model)
    assert record.labels() == ("dark", "light")
    assert record.label == "pictures"
    assert record.top1_accuracy is not None
    assert model.config == replace(TINY, num_classes=2)
    assert sum(one.startswith("epoch ") for one in said(run_settings).splitlines()) == 3


def test_what_cannot_be_trained_is_a_sentence(run_settings: Settings, picture_folder: Path) -> None:
    place = (jobs.FOLDER, str(picture_folder))
    for values, sentence in (
        ((TINY, jobs.FOLDER, "/nowhere", 16, *START, *RECIPE), "There is no folder"),
        ((TINY, jobs.FOLDER, "", 16, *START, *RECIPE), "There is no folder"),
        ((TINY, jobs.FOLDER, None, 16, *START, *RECIPE), "There is no folder"),
        ((TINY, jobs.FOLDER, "x" * 400, 16, *START, *RECIPE), "There is no folder"),
        ((PRESETS["densenet121"], *place, 16, *START, *RECIPE), "image_size must be 29 to 4096"),
        ((TINY, *place, None, *START, *RECIPE), "size must be 1 to 4096, got None"),
        ((TINY, *place, 16.5, *START, *RECIPE), "size must be 1 to 4096, got 16.5"),
        ((TINY, *place, 16, *START, None, *RECIPE[1:]), "epochs must be 1 to 100000, got None"),
        ((TINY, *place, 16, *START, 0, *RECIPE[1:]), "epochs must be 1 to 100000, got 0"),
        ((TINY, *place, 16, *START, 3, -1, *RECIPE[2:]), "minutes must be above 0"),
        ((TINY, *place, 16, *START, *RECIPE[:3], None, *RECIPE[4:]), "batch_size must be 1 to 65536, got None"),
        ((TINY, *place, 16, *START, *RECIPE[:5], None, *RECIPE[6:]), "lr must be above 0 to 100, got None"),
        ((TINY, *place, 16, *START, *RECIPE[:7], None, *RECIPE[8:]), "label_smoothing must be 0 to below 1, got None"),
    ):
        shown = train.forecast(run_settings, *values)[0]
        assert 'role="alert"' in shown
        assert sentence in shown
        with pytest.raises(gr.Error, match=sentence):
            train.begin(run_settings, *values)
    assert runs.latest(run_settings) is None
    assert train.look(run_settings)[0] == NOTHING


def test_a_training_that_starts_from_a_net(run_settings: Settings, picture_folder: Path) -> None:
    """The embedded net with a new head for two classes; of its blocks only the last learns."""
    place = (TINY, jobs.FOLDER, str(picture_folder), 32)
    config = WEIGHTS["cifar10"].config
    whole, part = (train.forecast(run_settings, *place, "cifar10", frozen, *RECIPE, 0.1)[0] for frozen in ("none", "blocks:1-3"))
    assert all("parameters of <b>Embedded net, CIFAR-10</b>, not of the sliders' net" in shown for shown in (whole, part))
    for shown in (whole, part):
        assert f"<b>{totals(replace(config, num_classes=2), 32).params:,}</b> parameters" in shown, "not those of the sliders"
    assert train.started_size(run_settings, "cifar10") == 32
    train.begin(run_settings, *place, "cifar10", "blocks:1-3", 1, *RECIPE[1:], 0.1)
    wait_for_state(run_settings, "finished")
    run = runs.latest(run_settings)
    assert run is not None
    job = read_job(run.job)
    assert (job.frozen, job.recipe.head_lr) == ("blocks:1-3", 0.1)
    assert Path(job.start_from or "").is_relative_to(run_settings.runs_dir), "it is there whenever the training goes on"
    before, after = load("cifar10").state_dict(), load_file(run.net).state_dict()
    moved = {name for name, tensor in after.items() if tensor.shape != before[name].shape or not torch.equal(tensor, before[name])}
    assert {name.split(".")[1] for name in moved if name.startswith("features.")} == {"denseblock4", "norm5"}
    assert {"classifier.weight", "classifier.bias"} <= moved
    assert any("its classifier is new, for 2 classes" in line for line in said(run_settings).splitlines())


@pytest.mark.parametrize(
    ("start", "frozen", "sentence"),
    [
        ("", "features", "Random weights are not worth keeping as they are"),
        ("no-such-net", "none", "There is no net and no file"),
        ("cifar10", "blocks:1-9", "frozen must be none, features or blocks:1-N with N 1 to 4 for this net, got blocks:1-9"),
        ("cifar10", "some", "frozen must be none, features or blocks:1-N"),
        ("trained-gone", "none", "net is no longer here"),
        ("brought-gone", "none", "net is no longer here: please bring its file again"),
    ],
)
def test_a_start_that_cannot_be_is_a_sentence(start: str, frozen: str, sentence: str, run_settings: Settings, picture_folder: Path) -> None:
    values = (TINY, jobs.FOLDER, str(picture_folder), 32, start, frozen, *RECIPE)
    assert sentence in html.unescape(train.forecast(run_settings, *values)[0])
    with pytest.raises(gr.Error, match=re.escape(sentence)):
        train.begin(run_settings, *values)
    assert runs.latest(run_settings) is None


def test_a_zip_of_class_folders_is_unpacked_once(run_settings: Settings, picture_folder: Path, tmp_path: Path) -> None:
    zipped = shutil.make_archive(str(tmp_path / "mine"), "zip", picture_folder)
    data, folder = train.unpack(run_settings, [zipped])
    assert data == jobs.FOLDER
    assert Path(folder).is_relative_to(run_settings.runs_dir)
    assert "60 pictures" in train.forecast(run_settings, TINY, data, folder, 16, *START, *RECIPE)[0]
    assert train.unpack(run_settings, [zipped]) == (data, folder)
    bad = tmp_path / "bad.zip"
    bad.write_bytes(Path(zipped).read_bytes()[:400])
    with pytest.raises(gr.Error, match=r"Cannot read bad\.zip as a zip of pictures"):
        train.unpack(run_settings, [str(bad)])
    with pytest.raises(gr.Error, match="Please bring one zip"):
        train.unpack(run_settings, [zipped, zipped])
    assert [path.name for path in (run_settings.runs_dir / ".pictures").iterdir()] == [Path(folder).name]
    assert runs.latest(run_settings) is None


def test_a_forecast_says_time_and_memory(run_settings: Settings, picture_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = jobs.Expected(images=60, parameters=1234, epoch_seconds=120.0, peak_bytes=3 * 2**20, data_bytes=2**20)
    monkeypatch.setattr(jobs, "expected", lambda *_: seen)
    place = (TINY, jobs.FOLDER, str(picture_folder), 16, *START)
    shown = train.forecast(run_settings, *place, 10, None, "bfloat16", *RECIPE[3:])[0]
    for part in (
        "1,234</b> parameters",
        "60 pictures",
        "an epoch about <b>2\u00a0min",
        "10 epochs 20\u00a0min",
        "3.00\u00a0MiB a step (bfloat16)",
    ):
        assert part in shown
    assert "1.00\u00a0MiB of pictures" in shown
    assert "5 min, about 2.5 epochs" in train.forecast(run_settings, *place, 10, 5, *RECIPE[2:])[0]
    assert "10 epochs" in train.forecast(run_settings, *place, 10, 500, *RECIPE[2:])[0], "they end before the minutes"


def test_a_folder_is_looked_at_when_the_typing_rests(run_settings: Settings) -> None:
    """Not at each key: at the first "/" of a path the whole file system would be walked."""
    app = create_app(run_settings)
    (folder,) = (block for block in app.blocks.values() if getattr(block, "label", None) == "Folder")
    asking = {target[1] for fn in app.fns.values() for target in fn.targets if target[0] == folder._id}
    assert asking == {"submit", "blur"}


def test_a_finished_training_is_looked_at(run_settings: Settings) -> None:
    finished_run(run_settings)
    assert "finished" in train.look(run_settings)[0]


def test_a_net_that_fits_is_put_into_the_sliders(run_settings: Settings, picture_folder: Path) -> None:
    """The address, the headline and the training then show the same net."""
    place = (jobs.FOLDER, str(picture_folder), 16)
    *sidebar, net, why = train.set_sliders(run_settings, "tiny", TINY, Workload(), *place, form.SLIDERS, "none", *RECIPE)
    values = [value["value"] if isinstance(value, dict) else value for value in sidebar[: len(controls.NAMES)]]
    shown = controls.read(values)
    job, reason = form.job_of(run_settings, TINY, *place, form.FITS, "none", *RECIPE)
    assert shown.config == replace(job.config, in_channels=3, num_classes=2)
    assert shown.workload.image_size == 16
    assert net == form.SLIDERS
    assert html.escape(reason) in why
    with pytest.raises(gr.Error, match="There is no folder"):
        train.set_sliders(run_settings, "tiny", TINY, Workload(), jobs.FOLDER, "", 16, form.SLIDERS, "none", *RECIPE)


def test_a_trained_net_is_tried_in_predict(run_settings: Settings) -> None:
    with pytest.raises(gr.Error, match="There is no trained net yet"):
        try_net(run_settings, [], *SEEN)
    assert train.to_try(None)["visible"] is False
    run = finished_run(run_settings)
    assert train.to_try(train.look(run_settings)[-1])["visible"] is True
    chosen, tabs, title, tiles = try_net(run_settings, [("mine", "brought-1")], *SEEN)
    assert chosen["value"] == [f"trained-{run.name}"]
    assert {("mine", "brought-1"), (f"{run.name} · trained here", f"trained-{run.name}")} <= set(chosen["choices"])
    assert (tabs.selected, title, tiles["tab"]) == ("Predict", "Predict", "Predict")


def posted(url: str, app: gr.Blocks, api_name: str, values: list[Any]) -> Any:
    """Ask an event of a running app as its page does."""
    number = next(i for i, fn in app.fns.items() if fn.api_name == api_name)
    body = json.dumps({"fn_index": number, "data": values, "session_hash": "one"}).encode()
    request = urllib.request.Request(f"{url}gradio_api/run/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]


def test_a_net_is_offered_from_wherever_trainings_are_kept(run_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio gives out what lies in the working folder or the system's temporary one, which tmp_path is not here."""
    for name in ("system", "gradio"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    run = finished_run(run_settings)
    app = create_app(run_settings)
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True)
    try:
        answer = posted(url, app, "show_training", [None])
        file = answer[6]["value"]
        assert file["orig_name"] == run.net.name
        with urllib.request.urlopen(f"{url}gradio_api/file={file['path']}") as got:
            assert got.read() == run.net.read_bytes()
    finally:
        app.close()
