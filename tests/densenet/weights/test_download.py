"""A download comes whole and with the right hash, or not at all and with one sentence."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from densenet.files import sha256_of
from densenet.stopping import Cancelled
from densenet.weights import download as module
from densenet.weights.download import download, part_of
from tests.support.file_server import Server
from tests.support.patience import PATIENCE_SECONDS
from tests.support.ports import closed_port

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(module, "_STALLED_SECONDS", PATIENCE_SECONDS)
    server = Server(CONTENT)
    yield server
    server.close()


def bring(server: Server, file: Path, sha256: str = SHA256) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    download(
        "The weights of a net",
        f"http://127.0.0.1:{server.http.server_address[1]}/{file.name}",
        sha256,
        file,
        lambda *both: told.append(both),
    )
    return told


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_comes_whole_and_its_progress_is_told(server: Server, tmp_path: Path, digits: int) -> None:
    file = tmp_path / "new" / "folder" / "net.pth"
    told = bring(server, file, SHA256[:digits])
    assert file.read_bytes() == CONTENT
    assert list(file.parent.iterdir()) == [file]
    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert {total for _, total in told} == {len(CONTENT)}


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("breaks", "the connection ended after 524288 of 1048576 bytes"),
        ("stalls", "timed out"),
        ("garbage", "its answer broke off or is not HTTP"),
        ("404", "Not Found"),
    ],
)
def test_a_broken_download_leaves_nothing_and_the_next_works(
    manner: str, reason: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.manner = manner
    file = tmp_path / "net.pth"
    if manner == "stalls":  # for ever, so that any limit is reached; for the others none may be
        monkeypatch.setattr(module, "_STALLED_SECONDS", 0.5)
    with pytest.raises(ConnectionError) as caught:
        bring(server, file)
    assert str(caught.value) == (
        f"The weights of a net could not be downloaded from http://127.0.0.1:{server.http.server_address[1]}/net.pth: {reason}."
    )
    assert list(tmp_path.iterdir()) == []
    server.manner = "well"
    monkeypatch.setattr(module, "_STALLED_SECONDS", PATIENCE_SECONDS)
    bring(server, file)
    assert file.read_bytes() == CONTENT


def test_a_file_with_another_hash_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"\x00"
    with pytest.raises(ConnectionError, match="is not the published one, its SHA-256 differs"):
        bring(server, tmp_path / "net.pth", SHA256[:8])
    assert list(tmp_path.iterdir()) == []


def test_an_absent_server_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with closed_port() as port:
        sentence = rf"^The weights of x could not be downloaded from http://127\.0\.0\.1:{port}/y: .*refused.*\.$"
        with pytest.raises(ConnectionError, match=sentence):
            download("The weights of x", f"http://127.0.0.1:{port}/y", SHA256, tmp_path / "y", lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        bring(server, tmp_path / "file" / "net.pth")
    assert server.served == []


def test_two_processes_at_once_do_not_spoil_each_others_file(server: Server, tmp_path: Path) -> None:
    """Threads with no lock between them, as two processes have none."""
    file = tmp_path / "net.pth"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: bring(server, file), range(8)))
    assert len(server.served) == 8
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == CONTENT


def test_a_caller_who_gives_up_leaves_nothing(server: Server, tmp_path: Path) -> None:
    def give_up(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download("The weights of x", f"http://127.0.0.1:{server.http.server_address[1]}/y", SHA256, tmp_path / "y", give_up)
    assert list(tmp_path.iterdir()) == []


def test_the_hash_is_the_files_and_follows_its_changes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(CONTENT)
    assert sha256_of(file) == SHA256
    file.write_bytes(CONTENT[::-1])
    os.utime(file, ns=(1, 1))
    assert sha256_of(file) == hashlib.sha256(CONTENT[::-1]).hexdigest()


def resume(
    server: Server, file: Path, digest: str = hashlib.md5(CONTENT).hexdigest(), told: list[int] | None = None, **more: object
) -> None:
    note = [] if told is None else told
    download("Pictures", server.url + file.name, digest, file, lambda done, _: note.append(done), algorithm="md5", resumable=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("ranges", [True, False])
def test_after_a_cut_only_the_rest_is_asked_for(ranges: bool, server: Server, tmp_path: Path) -> None:
    """Or all of it, from a server that cannot send a part."""
    file, told = tmp_path / "data.tar.gz", list[int]()
    server.manner, server.ranges = "breaks", ranges
    with pytest.raises(ConnectionError, match=r"^Pictures could not .*524288 of 1048576 bytes\. What has come is kept: the next try asks"):
        resume(server, file)
    assert not file.exists()
    assert part_of(file).read_bytes() == CONTENT[: len(CONTENT) // 2]
    server.manner = "well"
    resume(server, file, told=told)
    assert file.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [file]
    assert server.resumed_at == ([len(CONTENT) // 2] if ranges else [])
    assert (told[0] > len(CONTENT) // 2) == ranges, "what was here counts as done"


def test_who_gives_up_a_resumable_download_keeps_what_came(server: Server, tmp_path: Path) -> None:
    file, parts = tmp_path / "data.tar.gz", []

    def stop() -> None:
        parts.append(1)
        if len(parts) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        resume(server, file, stop=stop)
    assert 0 < part_of(file).stat().st_size < len(CONTENT)
    resume(server, file)
    assert file.read_bytes() == CONTENT
    assert len(server.resumed_at) == 1


def test_a_part_of_another_file_is_begun_anew(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "data.tar.gz"
    part_of(file).write_bytes(b"something else")
    with pytest.raises(ConnectionError, match=r"is not the published one, its MD5 differs\.$"):
        resume(server, file)
    part_of(file).write_bytes(CONTENT + b"more")
    with pytest.raises(ConnectionError):
        resume(server, file)
    assert not part_of(file).exists()
    resume(server, file)
    assert file.read_bytes() == CONTENT


def test_a_second_process_does_not_write_into_the_same_part(server: Server, tmp_path: Path) -> None:
    from filelock import FileLock

    file = tmp_path / "data.tar.gz"
    with FileLock(f"{part_of(file)}.lock"), pytest.raises(ConnectionError, match="another process is at it"):
        resume(server, file)
    assert server.served == []
