"""The command that starts the app: whom it listens to."""

from __future__ import annotations

import psutil
import pytest

from explorer.__main__ import _arguments


def test_only_this_machine_is_listened_to(server: tuple[str, int]) -> None:
    """The app, started without --host, has no socket that another machine could reach."""
    url, pid = server
    listening = [one.laddr for one in psutil.Process(pid).net_connections(kind="inet") if one.status == psutil.CONN_LISTEN]
    assert [f"http://{ip}:{port}/" for ip, port in listening] == [url]
    assert url.startswith("http://127.0.0.1:")


def test_another_host_is_a_choice() -> None:
    assert _arguments([]).host == "127.0.0.1"
    assert _arguments(["--host", "0.0.0.0"]).host == "0.0.0.0"


@pytest.mark.parametrize("port", ["x", "", "1.5"])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _arguments(["--port", port])
    assert "--port" in capsys.readouterr().err


def test_the_help_says_what_a_person_must_type(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _arguments(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for expected in ("--host ADDRESS", "--port N", "--device NAME", "--weights-dir FOLDER", "--runs-dir FOLDER", "--fetch NET"):
        assert expected in said
