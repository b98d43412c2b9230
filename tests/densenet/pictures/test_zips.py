"""A zip of pictures is unpacked into its folder and nowhere else, up to its limits, or refused in a sentence."""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from densenet.pictures import zips
from densenet.pictures.zips import unpack
from densenet.stopping import Cancelled
from tests.support.small_pictures import CLASSES, written


def packed(path: Path, files: dict[str, bytes], **more: int) -> Path:
    with zipfile.ZipFile(path, "w", **more) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_folder_of_classes_comes_back(tmp_path: Path) -> None:
    source = written(tmp_path / "mine" / "photos")
    with zipfile.ZipFile(tmp_path / "p.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in source.rglob("*.png"):
            archive.write(file, file.relative_to(tmp_path))
        archive.writestr("__MACOSX/mine/photos/red/._0.png", b"x")
        archive.writestr("mine/photos/.DS_Store", b"x")
        archive.writestr("mine/photos/empty/", b"")
    told: list[tuple[int, int]] = []
    place = unpack(tmp_path / "p.zip", tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert place == tmp_path / "out" / "mine" / "photos"
    assert sorted(path.name for path in place.iterdir()) == sorted(CLASSES)
    for file in source.rglob("*.png"):
        assert (place / file.relative_to(source)).read_bytes() == file.read_bytes()
    assert not list((tmp_path / "out").rglob(".*"))
    assert told[-1][0] <= told[-1][1]


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "a\\..\\..\\evil.png"])
def test_no_path_leads_outside(name: str, tmp_path: Path) -> None:
    bad = packed(tmp_path / "bad.zip", {"good/a.png": b"1", name: b"2"})
    with pytest.raises(ValueError, match=r"Cannot read bad.zip as a zip of pictures: it holds a path that leads out of it"):
        unpack(bad, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("evil*"))


def test_links_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        link = zipfile.ZipInfo("cat/passwd.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("cat/a.png", b"1")
        archive.writestr("dog/a.png", b"1")
    place = unpack(tmp_path / "l.zip", tmp_path / "out")
    assert [path.name for path in place.rglob("*.png")] == ["a.png", "a.png"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "bomb.zip", {f"a/{i}.png": bytes(2**24) for i in range(8)}, compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 2**20
    with pytest.raises(ValueError, match=r"it unpacks to 0\.1 GiB"):
        unpack(bomb, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_entry_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    content = bytearray(packed(tmp_path / "x.zip", {"a/1.png": b"\1" * 5000}, compression=zipfile.ZIP_DEFLATED).read_bytes())
    for mark in (b"PK\1\2", b"PK\3\4"):
        at = content.index(mark) + (24 if mark == b"PK\1\2" else 22)
        content[at : at + 4] = struct.pack("<I", 10)
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"Cannot read x\.zip as a zip of pictures"):
        unpack(tmp_path / "x.zip", tmp_path / "out")


@pytest.mark.parametrize("limit", ["MAX_ENTRIES", "MAX_UNPACKED_BYTES", "MAX_ZIP_BYTES"])
def test_limits_are_said(limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, limit, 1)
    with pytest.raises(ValueError, match="is the limit"):
        unpack(packed(tmp_path / "x.zip", {"a/1.png": b"11", "b/1.png": b"11"}), tmp_path / "out")


def encrypted() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a/1.png", b"1")
    changed = bytearray(content.getvalue())
    changed[6] |= 1
    changed[changed.index(b"PK\1\2") + 8] |= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is no zip, or is damaged"),
        (b"no zip at all", "it is no zip, or is damaged"),
        (b"PK\x03\x04" + bytes(50), "it is no zip, or is damaged"),
        (encrypted(), "it is encrypted"),
    ],
    ids=["empty", "text", "cut", "encrypted"],
)
def test_what_is_no_zip_is_a_sentence(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(ValueError, match=f"Cannot read bad.zip as a zip of pictures: {reason}."):
        unpack(tmp_path / "bad.zip", tmp_path / "out")


def test_flipped_bytes_never_crash(tmp_path: Path) -> None:
    draw = random.Random(0)
    good = packed(tmp_path / "g.zip", {f"{c}/{i}.png": bytes(range(200)) for c in "ab" for i in range(4)}, compression=zipfile.ZIP_DEFLATED)
    whole = good.read_bytes()
    for number in range(150):
        content = bytearray(whole[: draw.choice((len(whole), draw.randrange(len(whole))))])
        for _ in range(draw.randint(0, 4)):
            if content:
                content[draw.randrange(len(content))] = draw.randrange(256)
        (tmp_path / "b.zip").write_bytes(content)
        with suppress(ValueError):  # and nothing else
            unpack(tmp_path / "b.zip", tmp_path / f"out{number}")


def test_it_can_be_given_up(tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        unpack(packed(tmp_path / "x.zip", {"a/1.png": b"1"}), tmp_path / "out", stop=stop)
