"""What a training tells and is told: nothing of it is lost, whoever writes, reads, or dies meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from densenet.train import Event, ask, read_log
from densenet.train import events as module
from densenet.train.events import LogFollower, append, asked, forget_after, log_of


def event(step: int, **more: object) -> Event:
    values: dict[str, object] = {"kind": "progress", "steps": 100, "epoch": 1, "seconds": 1.0, "lr": 0.1, "loss": 0.5} | more
    return Event(step=step, **values)  # type: ignore[arg-type]


def written(checkpoint: Path, steps: int) -> list[Event]:
    events = [event(step) for step in range(1, steps + 1)]
    for one in events:
        append(log_of(checkpoint), one)
    return events


def test_many_may_ask_at_once(tmp_path: Path) -> None:
    file, errors = tmp_path / "a.pt", []

    def press(wish: str) -> None:
        try:
            for _ in range(100):
                ask(file, wish)
                assert asked(file) in module.WISHES
        except Exception as error:
            errors.append(error)

    visitors = [threading.Thread(target=press, args=(wish,)) for wish in ("pause", "go", "stop", "pause")]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert errors == []
    ask(file, "stop")
    assert asked(file) == "stop"
    assert [path.name for path in tmp_path.iterdir()] == ["a.ask"]


def test_only_known_wishes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wish must be one of go, pause, stop, got 'halt'"):
        ask(tmp_path / "a.pt", "halt")
    (tmp_path / "a.ask").write_text("halt")
    assert asked(tmp_path / "a.pt") == "go"


def test_lines_of_steps_that_are_taken_again_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    events = written(file, 6)
    with open(log_of(file), "a") as log:
        log.write('{"kind": "progress", "ste')
    forget_after(log_of(file), 4)
    assert read_log(file) == events[:4]
    append(log_of(file), events[4])
    assert read_log(file) == events[:5], "the torn line is gone, so that the next one stands alone"
    forget_after(tmp_path / "none.jsonl", 4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_whoever_reads_while_lines_are_forgotten_sees_all_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, seen = tmp_path / "a.pt", []
    written(file, 50)
    real = module._step_of

    def step_of(line: bytes) -> float:
        seen.append(len(read_log(file)))  # a poll at every moment of the rewriting
        return real(line)

    monkeypatch.setattr(module, "_step_of", step_of)
    forget_after(log_of(file), 40)
    assert set(seen) == {50}
    assert len(read_log(file)) == 40


def test_killed_while_lines_are_forgotten_the_log_is_still_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.pt"
    events = written(file, 50)

    def killed(line: bytes) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_step_of", killed)
        with pytest.raises(KeyboardInterrupt):
            forget_after(log_of(file), 40)
    assert read_log(file) == events
    left = tmp_path / "a.jsonl.0123.partial"
    left.write_text("torn")
    forget_after(log_of(file), 40)
    assert read_log(file) == events[:40]
    assert not left.exists()


def test_a_log_that_grows_is_read_on_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, parsed = tmp_path / "a.pt", []
    real = module._parsed
    monkeypatch.setattr(module, "_parsed", lambda lines: parsed.append(len(lines)) or real(lines))
    follower = LogFollower(file)
    assert follower.all() == ()
    events = written(file, 50)
    assert follower.all() == tuple(events)
    before = follower.all()
    assert follower.all() is before, "nothing was added"
    append(log_of(file), event(51))
    with open(log_of(file), "a") as log:
        log.write('{"kind": "progress", "ste')
    assert follower.all() == (*events, event(51)), "a line that is being written is left for the next time"
    with open(log_of(file), "a") as log:
        log.write('p": 1, "nonsense": 2}\n')
    append(log_of(file), event(52))
    assert follower.all() == (*events, event(51), event(52)) == tuple(read_log(file))
    line = len(log_of(file).read_bytes()) / 52
    assert sum(parsed[:-1]) < 55 * line, "each line is parsed once"


def test_a_log_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    events, follower = written(file, 9), LogFollower(file)
    assert follower.all() == tuple(events)
    forget_after(log_of(file), 5)
    for step in range(6, 14):
        append(log_of(file), event(step, loss=0.25))
    assert follower.all() == (*events[:5], *(event(step, loss=0.25) for step in range(6, 14)))
    log_of(file).unlink()
    assert follower.all() == ()
