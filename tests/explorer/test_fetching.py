"""`python -m explorer --fetch`: weights are there before the lecture, or a sentence and an exit code say why not."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from densenet.weights.known import WEIGHTS
from explorer import fetching
from explorer.__main__ import main
from tests.support.file_server import Server
from tests.support.ports import closed_port

CONTENT = b"weights, as far as anybody looks" * 2**15  # 1 MiB; --fetch checks the hash and builds no net
NETS = ("densenet121", "densenet201")
FILE = "net-{}.pth"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of one file, and records of two nets that point to it."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    server = Server(CONTENT)
    for name in NETS:
        url = f"http://127.0.0.1:{server.http.server_address[1]}/{FILE.format(name)}"
        monkeypatch.setitem(WEIGHTS, name, replace(WEIGHTS[name], url=url, sha256=hashlib.sha256(CONTENT).hexdigest()[:8]))
    yield server
    server.close()


@pytest.fixture
def nowhere() -> Iterator[int]:
    """A port where nobody listens."""
    with closed_port() as port:
        yield port


def fetched(folder: Path, *names: str) -> int:
    return main(["--weights-dir", str(folder), "--fetch", *names])


def test_two_nets_are_brought_then_already_here(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetched(tmp_path, *NETS) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"{n}: brought, 1.00\u00a0MiB, hash checked: {tmp_path / FILE.format(n)}" for n in NETS]
    assert said.err == ""
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(FILE.format(n) for n in NETS)
    assert all(file.read_bytes() == CONTENT for file in tmp_path.iterdir())
    assert fetched(tmp_path, *NETS) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [f"{n}: already here" for n in NETS]
    assert len(server.served) == 2


def test_a_terminal_sees_one_growing_line(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert fetched(tmp_path, "densenet121") == 0
    steps, last = capsys.readouterr().out.splitlines()[:-1], None
    assert len(steps) > 2
    for step in filter(None, steps):
        assert step.startswith("densenet121: ")
        last = step
    assert last is not None
    assert last.strip() == "densenet121: 100 %, 1.00\u00a0MiB of 1.00\u00a0MiB"


@pytest.mark.parametrize("manner", ["breaks", "garbage", "404"])
def test_a_failure_is_a_sentence_and_the_others_come_all_the_same(
    manner: str, server: Server, nowhere: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WEIGHTS, "densenet201", replace(WEIGHTS["densenet201"], url=f"http://127.0.0.1:{nowhere}/x.pth"))
    assert fetched(tmp_path, "densenet201", "densenet121") == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"The weights of densenet201 could not be downloaded from http://127.0.0.1:{nowhere}/x.pth: ")
    assert said.out.startswith("densenet121: brought")
    server.manner = manner
    (tmp_path / FILE.format("densenet121")).unlink()
    assert fetched(tmp_path, "densenet121") == 1
    assert capsys.readouterr().err.startswith("The weights of densenet121 could not be downloaded")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_hash_is_refused(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.content = CONTENT + b"!"
    assert fetched(tmp_path, "densenet121") == 1
    assert "is not the published one, its SHA-256 differs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_in_the_folder_is_named_and_left_alone(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / FILE.format("densenet121")
    file.write_bytes(b"the login page of a network")
    assert fetched(tmp_path, "densenet121") == 1
    assert capsys.readouterr().err.startswith(f"{file} does not hold the weights of densenet121, its SHA-256 begins with ")
    assert file.read_bytes() == b"the login page of a network"
    assert server.served == []


def test_all_means_every_published_net(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[list[str], Path | None]] = []
    monkeypatch.setattr(fetching, "fetch_all", lambda names, folder: asked.append((names, folder)) or 0)
    assert main(["--fetch", "all"]) == 0
    assert asked == [(["densenet121", "densenet161", "densenet169", "densenet201"], None)]


def test_ctrl_c_is_no_stack_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "fetch_all", stopped)
    assert main(["--fetch", "densenet121"]) == 130


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fetch", "densenet264"], "--fetch takes densenet121, densenet161, densenet169, densenet201 or all, got 'densenet264'"),
        (["--fetch", "densenet121", "--offline"], "--fetch needs downloads, and --offline forbids them"),
        (["--fetch"], "expected at least one argument"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_command_itself_ends_with_the_code(nowhere: int, tmp_path: Path) -> None:
    """A real process, offline by a proxy that leads nowhere; it loads neither torch nor gradio's server."""
    environment = {"https_proxy": f"http://127.0.0.1:{nowhere}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "explorer", "--fetch", "densenet121"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "The weights of densenet121 could not be downloaded from https://download.pytorch.org/models/densenet121-a639"
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list((tmp_path / ".cache" / "torch" / "hub" / "checkpoints").iterdir())
