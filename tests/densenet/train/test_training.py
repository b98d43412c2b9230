"""Trainings: what they learn, and that nothing is lost however they end."""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from densenet import PRESETS
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import Preprocessing
from densenet.stopping import Cancelled, stop_when
from densenet.train import Event, ImageSet, Recipe, ask, fit, read_log
from densenet.train import checkpoint as checkpoints
from densenet.train.evaluation import evaluate
from densenet.train.events import log_of
from densenet.train.recipe import rate_factor
from tests.support.patience import PATIENCE_SECONDS
from tests.support.small_pictures import CLASSES, NET, net, pictures
from tests.support.training_process import STEPS, release, started, wait_for

SHORT = Recipe(epochs=2, batch_size=8, lr=0.05)
EXACT = replace(SHORT, crop="none", flip=False)  # what a plain loop can repeat
Tensors = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(recipe: Recipe, file: Path | None = None, events: list[Event] | None = None, **options: object) -> tuple[DenseNet, list[Event]]:
    events = [] if events is None else events
    result = fit(net(), pictures(64), pictures(30, seed=1), recipe, file, device="cpu", report=events.append, **options)  # type: ignore[arg-type]
    return result.model, events


def same(left: Tensors, right: Tensors) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def equal(left: object, right: object) -> bool:
    """Whether two checkpoints' contents are equal to the last bit."""
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and torch.equal(left, right)
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return isinstance(right, list | tuple) and len(left) == len(right) and all(map(equal, left, right))
    return left == right


def without_times(saved: dict[str, object]) -> dict[str, object]:
    kept = {key: value for key, value in saved.items() if key != "seconds"}
    kept["history"] = [{k: v for k, v in event.items() if k != "seconds"} for event in saved["history"]]  # type: ignore[attr-defined]
    return kept


# What a training does


def test_it_learns() -> None:
    start = net()
    before = evaluate(start, pictures(30, seed=1)).accuracy
    result = fit(start, pictures(96), pictures(30, seed=1), replace(SHORT, epochs=6, ema_decay=0.9), device="cpu")
    assert before < 0.7
    assert result.valid.accuracy > 0.9
    assert result.model is start
    assert not result.model.training
    assert result.finished
    assert result.steps == 6 * 12
    assert len(result.history) == 6
    assert result.history[result.epoch - 1].valid_accuracy == max(event.valid_accuracy or 0 for event in result.history)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_it_is_a_plain_loop(optimizer: str, ema_decay: float) -> None:
    """The same steps written out with torch: order, rates, smoothing, decay that spares norms and biases, average."""
    recipe = replace(EXACT, optimizer=optimizer, ema_decay=ema_decay, label_smoothing=0.1, weight_decay=0.2, epochs=1, lr=0.01)
    config = replace(NET, drop_rate=0.0)
    train, model = pictures(64), net(config)
    plain = copy.deepcopy(model)
    fit(model, train, pictures(30, seed=1), recipe, device="cpu")

    decayed = [p for name, p in plain.named_parameters() if "norm" not in name and not name.endswith("bias")]
    spared = [p for name, p in plain.named_parameters() if "norm" in name or name.endswith("bias")]
    groups = [{"params": decayed, "weight_decay": 0.2}, {"params": spared, "weight_decay": 0.0}]
    kinds = {"sgd": lambda: torch.optim.SGD(groups, momentum=0.9, nesterov=True), "adam": lambda: torch.optim.AdamW(groups)}
    stepper = kinds[optimizer]()
    average = AveragedModel(plain, use_buffers=True)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (train.preprocessing.mean, train.preprocessing.std))
    plain.train()
    for step, batch in enumerate(order.split(8)):
        for group in stepper.param_groups:
            group["lr"] = recipe.lr * rate_factor(recipe, step / 8)
        stepper.zero_grad()
        x = (train.images[batch] / 255 - mean) / std
        nn.functional.cross_entropy(plain(x), train.labels[batch], label_smoothing=0.1).backward()
        stepper.step()
        average.multi_avg_fn = get_ema_multi_avg_fn(min(ema_decay, (1 + step) / (10 + step)))
        average.update_parameters(plain)
    expected = (average.module if ema_decay else plain).state_dict()
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[key], atol=2e-5, rtol=1e-4)


def test_the_epoch_is_chosen_on_held_out_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of accuracies that rise and fall, the weights of the highest are given back."""
    from densenet.train import loop

    real, seen = loop.evaluate, []
    accuracies = [0.2, 0.9, 0.4]

    def scripted(model: DenseNet, data: ImageSet, scaling: Preprocessing) -> object:
        seen.append(copy.deepcopy(model.state_dict()))
        return replace(real(model, data, scaling), accuracy=accuracies[len(seen) - 1])

    monkeypatch.setattr(loop, "evaluate", scripted)
    result = fit(net(), pictures(64), pictures(30, seed=1), replace(SHORT, epochs=3), device="cpu")
    assert result.epoch == 2
    assert same(result.model.state_dict(), seen[1])
    assert not same(result.model.state_dict(), seen[2])


def test_events_tell_what_happens() -> None:
    _, events = trained(SHORT, report_seconds=0.0)
    assert [event.kind for event in events] == ["start", *(["progress"] * 8 + ["epoch"]) * 2, "end"]
    steps = [event for event in events if event.kind == "progress"]
    assert [event.step for event in steps] == list(range(1, 17))
    assert all(event.steps == 16 for event in events)
    assert [event.epoch for event in steps] == [1] * 8 + [2] * 8
    assert all(event.images_per_second and event.images_per_second > 0 for event in steps)
    epochs = [event for event in events if event.kind == "epoch"]
    for number, epoch in enumerate(epochs):
        part = steps[8 * number : 8 * number + 8]
        assert epoch.loss == pytest.approx(sum(event.loss or 0 for event in part) / 8)
        assert epoch.accuracy == pytest.approx(sum(event.accuracy or 0 for event in part) / 8)
        assert epoch.valid_loss is not None
    assert [event.seconds for event in events] == sorted(event.seconds for event in events)
    assert steps[-1].lr < 1e-6 < max(event.lr for event in steps)


def test_checkpointed_nets_are_trained_alike() -> None:
    """And are checkpointed: a dense layer's norms are run twice in a step, its convolutions where they are not kept."""
    nets, runs = [], {}
    for kind in ("none", "norm", "layer"):
        torch.manual_seed(0)
        model = DenseNet(NET, checkpointing=kind)
        layer, counted = model.features.denseblock1.denselayer1, [0, 0]
        for i, part in enumerate((layer.norm1, layer.conv1)):

            def count(module: nn.Module, inputs: object, output: object, i: int = i, counted: list[int] = counted) -> None:
                counted[i] += module.training

            part.register_forward_hook(count)
        nets.append(fit(model, pictures(32), pictures(30, seed=1), replace(SHORT, epochs=1), device="cpu").model.state_dict())
        runs[kind] = counted
    assert runs["none"] == [4, 4]
    assert runs["layer"] == [8, 8]
    assert runs["norm"][0] == 8
    for other in nets[1:]:
        for key, value in nets[0].items():
            torch.testing.assert_close(value, other[key], atol=1e-5, rtol=1e-4)


def test_the_first_part_may_be_learnt_at_a_smaller_size() -> None:
    model, sides = net(), []
    model.features.conv0.register_forward_hook(
        lambda _module, inputs, _output: sides.append(inputs[0].shape[-1]) if model.training else None
    )
    fit(model, pictures(64), pictures(30, seed=1), replace(SHORT, early_px=6, early_share=0.25), device="cpu")
    assert sides == [6] * 4 + [8] * 12


def test_the_callers_random_numbers_go_on() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    model = net()
    torch.manual_seed(5)
    fit(model, pictures(16), pictures(6), replace(SHORT, epochs=1), device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_small_data_and_left_over_pictures() -> None:
    result = fit(net(), pictures(5), pictures(3), replace(SHORT, epochs=3, batch_size=64), device="cpu")
    assert result.steps == 3
    result = fit(net(), pictures(21), pictures(3), replace(SHORT, epochs=1), device="cpu")
    assert result.steps == 2


def test_what_does_not_go_together_is_refused() -> None:
    train, valid = pictures(12), pictures(6)
    grey = ImageSet(train.images[:, :1], train.labels, CLASSES, train.names, train.preprocessing)
    other = ImageSet(valid.images, valid.labels, ("a", "b", "c"), valid.names, valid.preprocessing)
    for model, data, held_out, recipe, message in (
        (net(replace(NET, num_classes=4)), train, valid, SHORT, "num_classes must be 3.*got 4"),
        (net(), grey, grey, SHORT, "in_channels must be 1.*got 3"),
        (net(), train, other, SHORT, "valid must have the classes"),
        (net(), train, pictures(6, 16), SHORT, "valid must have the classes, channels and size"),
        (net(PRESETS["densenet121"]), train, valid, SHORT, "image_size must be"),
        (net(), train, valid, replace(SHORT, batch_size=1), "batch_size must give each process at least 2"),
        (net(), train, valid, replace(SHORT, cutout_px=8), "cutout_px must be below the pictures' 8"),
        (net(), train, valid, replace(SHORT, cutout_px=4, early_px=4), "cutout_px must be below the pictures' 4"),
        (net(), train, valid, replace(SHORT, early_px=9), "early_px must be at most the pictures' 8, got 9"),
        (net(), train, valid, replace(SHORT, early_px=1), "image_size must be 2 to"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(model, data, held_out, recipe, device="cpu")


def test_a_loss_that_is_not_finite_ends_it_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lr must be lower than 100: the loss is no longer finite at step \d+"):
        trained(replace(SHORT, epochs=500, lr=100, schedule="constant", optimizer="sgd", momentum=0.99), tmp_path / "a.pt")


# Nothing is lost


def test_killed_and_started_again_it_ends_where_an_uninterrupted_one_ends(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.pt", tmp_path / "broken.pt"
    uninterrupted = started(whole)
    chance = random.Random(0)
    for at in (3, 9, 14, 17, 23, 29):
        victim = started(broken, hold_at=at + 2)  # it cannot end before it is killed, however late that is
        wait_for(broken, at, victim)
        time.sleep(chance.random() * 0.03)  # anywhere in a step, also while it writes
        victim.kill()
        victim.join()
        assert victim.exitcode == -signal.SIGKILL
        assert not checkpoints.load(broken)["finished"]
    for process in (uninterrupted, started(broken)):
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == 0
    assert equal(*(without_times(checkpoints.load(file)) for file in (whole, broken)))
    assert checkpoints.load(broken)["step"] == STEPS

    starts = [event.step for event in read_log(broken) if event.kind == "start"]
    assert starts == sorted(set(starts))  # each went on, and none began again
    assert len(starts) == 7
    logs = [[told(event) for event in read_log(file) if event.kind in ("progress", "epoch")] for file in (whole, broken)]
    assert logs[0] == logs[1]


def told(event: Event) -> tuple[object, ...]:
    return event.kind, event.step, event.loss, event.accuracy, event.lr, event.valid_loss, event.valid_accuracy


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: int) -> None:
    file = tmp_path / "a.pt"
    running = started(file, hold_at=4)
    wait_for(file, 4, running)
    assert running.pid is not None
    os.kill(running.pid, number)
    release(file)
    running.join(PATIENCE_SECONDS)
    assert running.exitcode == 0
    last = read_log(file)[-1]
    assert last.kind == "stopped"
    assert checkpoints.load(file)["step"] == last.step == 4


def test_stopped_and_gone_on_with_in_one_process(tmp_path: Path) -> None:
    """Asked through the file to stop in each epoch; the same weights, rates, and history as without a stop."""
    recipe = replace(SHORT, epochs=3, ema_decay=0.9, optimizer="adam", lr=0.01)
    expected, _ = trained(recipe)
    file = tmp_path / "deep" / "a.pt"
    for at in (5, 8, 17):

        def report(event: Event, at: int = at) -> None:
            if event.step == at and event.kind in ("progress", "epoch"):
                ask(file, "stop")

        model = net()
        result = fit(model, pictures(64), pictures(30, seed=1), recipe, file, device="cpu", report=report, report_seconds=0.0)
        assert not result.finished
        assert result.steps == at
        assert result.model is model
    model, events = trained(recipe, file, report_seconds=0.0)
    assert events[0].kind == "start"
    assert events[0].step == 17
    assert same(model.state_dict(), expected.state_dict())
    assert [event.kind for event in read_log(file)].count("epoch") == 3


@pytest.mark.parametrize("with_checkpoint", [True, False])
def test_given_up_by_who_waits_for_it(tmp_path: Path, with_checkpoint: bool) -> None:
    file = tmp_path / "a.pt" if with_checkpoint else None
    events: list[Event] = []

    def cancelled() -> bool:
        return bool(events) and events[-1].step >= 5

    with pytest.raises(Cancelled):
        trained(SHORT, file, stop=stop_when(cancelled), events=events, report_seconds=0.0)
    assert (events[-1].kind, events[-1].step) == ("stopped", 5)
    assert "nobody waits" in events[-1].message
    if file is not None:
        assert checkpoints.load(file)["step"] == 5
        model, after = trained(SHORT, file, report_seconds=0.0)
        assert after[0].step == 5, "what was learned is kept for whoever asks again"
        assert same(model.state_dict(), trained(SHORT)[0].state_dict())


def test_a_cancelled_training_does_not_wait_for_a_pause_to_end(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    ask(file, "pause")
    with pytest.raises(Cancelled):
        trained(SHORT, file, stop=stop_when(log_of(file).exists))  # once it has said that it begins
    assert checkpoints.load(file)["step"] == 0


def test_what_a_killed_one_left_of_its_checkpoint_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "a.pt.0123456789abcdef.partial"
    left.write_bytes(b"torn")
    trained(replace(SHORT, epochs=1), tmp_path / "a.pt")
    assert not left.exists()


def test_a_finished_one_gives_its_result_again(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    first, _ = trained(SHORT, file)
    log = log_of(file).read_bytes()
    again, events = trained(SHORT, file)
    assert same(first.state_dict(), again.state_dict())
    assert events == []
    assert log_of(file).read_bytes() == log


def test_a_thread_may_train(tmp_path: Path) -> None:
    """Signals can only be caught in the main thread; elsewhere they are left alone."""
    done: list[bool] = []
    before = signal.getsignal(signal.SIGTERM)
    worker = threading.Thread(target=lambda: done.append(bool(trained(replace(SHORT, epochs=1), tmp_path / "a.pt"))))
    worker.start()
    worker.join(PATIENCE_SECONDS)
    assert done == [True]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": {"lr": 0.02}}, "lr must be 0.05, as in the checkpoint .*, got 0.02"),
        ({"config": {"growth_rate": 5}}, "growth_rate must be 4, as in the checkpoint .*, got 5"),
        ({"seed": 7}, "data must be that of the checkpoint"),
    ],
)
def test_another_trainings_checkpoint_is_refused(tmp_path: Path, change: dict[str, dict[str, object]], message: str) -> None:
    file = tmp_path / "a.pt"
    trained(SHORT, file)
    content = file.read_bytes()
    recipe = replace(SHORT, **change.get("recipe", {}))  # type: ignore[arg-type]
    model = net(replace(NET, **change.get("config", {})))  # type: ignore[arg-type]
    data = pictures(64, seed=change.get("seed", 0))  # type: ignore[arg-type]
    data = replace(data, preprocessing=pictures(64).preprocessing)
    with pytest.raises(ValueError, match=message):
        fit(model, data, pictures(30, seed=1), recipe, file, device="cpu")
    assert file.read_bytes() == content


def test_a_damaged_checkpoint_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    trained(SHORT, file)
    whole = file.read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is not a checkpoint of this version of the project, or it is damaged"):
            trained(SHORT, file)
        assert file.read_bytes() == content
    torch.save({"format": 99}, file)
    with pytest.raises(ValueError, match="is not a checkpoint"):
        trained(SHORT, file)


def test_two_trainings_do_not_share_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"

    def report(event: Event) -> None:
        if event.kind == "start":
            with pytest.raises(ValueError, match="being written by another training"):
                trained(SHORT, file)

    fit(net(), pictures(64), pictures(30, seed=1), SHORT, file, device="cpu", report=report)


# Disks


def test_no_room_is_said_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    started: list[Event] = []
    with pytest.raises(ValueError, match=r"needs about .* MiB of disk, and .* has 0 MiB free"):
        fit(net(), pictures(64), pictures(30), SHORT, tmp_path / "a.pt", device="cpu", report=started.append)
    assert started == []


def test_a_folder_that_cannot_be_written_is_said_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.pt").mkdir()
    for file in (tmp_path / "file" / "a.pt", tmp_path / "folder.pt", Path("/proc/nowhere/a.pt")):
        with pytest.raises(ValueError, match="cannot be written"):
            trained(SHORT, file)


@contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """The kernel refuses to let files grow further, as a full disk does."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, handler)


def limited(steps: range) -> tuple[Callable[[Event], None], list[Event]]:
    """A report that makes the disk full during `steps`, and the events it saw."""
    events: list[Event] = []
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def report(event: Event) -> None:
        events.append(event)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096 if event.step in steps else hard, hard))

    return report, events


def test_a_disk_that_fills_up_for_a_while_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    report, events = limited(range(4, 10))
    with files_limited_to(resource.getrlimit(resource.RLIMIT_FSIZE)[0]):
        result = fit(
            net(), pictures(64), pictures(30, seed=1), SHORT, file, device="cpu", report=report, report_seconds=0.0, save_seconds=0.0
        )
    assert result.finished
    assert any(event.kind == "problem" and "was not written" in event.message for event in events)
    assert checkpoints.load(file)["finished"]
    assert not list(tmp_path.glob("*.partial"))


def test_a_disk_that_stays_full_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    report, _ = limited(range(5, 100))
    with files_limited_to(resource.getrlimit(resource.RLIMIT_FSIZE)[0]), pytest.raises(OSError, match=r"a\.pt|large"):
        fit(net(), pictures(64), pictures(30, seed=1), SHORT, file, device="cpu", report=report, report_seconds=0.0, save_seconds=0.0)
    saved = checkpoints.load(file)
    assert 3 <= int(saved["step"]) <= 5  # type: ignore[call-overload]
    model, _ = trained(SHORT, file)
    assert same(model.state_dict(), trained(SHORT)[0].state_dict())


def test_a_checkpoint_holds_tensors_and_plain_values_only(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    trained(replace(SHORT, ema_decay=0.9, optimizer="adam"), file)
    saved = torch.load(file, weights_only=True)
    assert {"model", "average", "optimizer", "scheduler", "best", "step", "recipe", "config", "data"} <= saved.keys()
    assert Recipe(**saved["recipe"]) == replace(SHORT, ema_decay=0.9, optimizer="adam")


# The log


def test_a_log_survives_a_torn_line_and_other_peoples_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    trained(SHORT, file)
    whole = read_log(file)
    assert whole[0].kind == "start"
    assert all(json.loads(line)["step"] >= 0 for line in log_of(file).read_text().splitlines())
    with open(log_of(file), "a") as log:
        log.write('{"kind": "progress", "ste')
    assert read_log(file) == whole
    assert read_log(tmp_path / "none.pt") == []
