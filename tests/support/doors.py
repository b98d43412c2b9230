"""Every door of the page through which a visitor's file comes in, and files that are none of what it takes; a program that tries them all.

It prints, as JSON, what each door said of each file, and the most memory that the process has had.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil

from tests.support.resident import most_resident_bytes

LARGE_BYTES = 2 * 2**30
STARTS = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff\xe0",
    "zip": b"PK\x03\x04",
    "pth": b"\x80\x02",
    "safetensors": struct.pack("<Q", 2**31) + b"{",
    "csv": b"file,cat\n",
    "dcm": bytes(128) + b"DICM",
}


def _png_bomb() -> bytes:
    """A picture of 30,000 x 30,000 pixels in some hundred kB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packed = zlib.compress(bytes(3750 * 1000), 9) * 4
    return (
        STARTS["png"]
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def _zip_bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("cat/1.png", "dog/1.png", "dog/2.png"):
            archive.writestr(name, bytes(2**26))
    return content.getvalue()


def _zip_that_leads_outside() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("cat/../../../evil.png", b"1")
    return content.getvalue()


def bad_files(folder: Path, good: dict[str, Path]) -> list[Path]:
    """Write files that no door takes."""
    draw = random.Random(0)
    contents = {
        "empty.bin": b"",
        "words.txt": b"no picture, no weights, no table\n" * 50,
        "noise.bin": draw.randbytes(200_000),
        "bomb.png": _png_bomb(),
        "bomb.zip": _zip_bomb(),
        "outside.zip": _zip_that_leads_outside(),
        "deep.json": b"[" * 200_000,
    }
    for name, file in good.items():
        whole = file.read_bytes()
        contents[f"half-{name}{file.suffix}"] = whole[: len(whole) // 2]
        contents[f"start-{name}{file.suffix}"] = whole[:100]
    written = []
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        written.append(folder / name)
    for kind, start in STARTS.items():
        large = folder / f"large.{kind}"
        with large.open("wb") as file:
            file.write(start)
            file.truncate(LARGE_BYTES)  # sparse: it takes no room on the disk
        written.append(large)
    return written


def _as_card(file: Path) -> str:
    """Return another name of `file` that ends as a card does."""
    card = file.with_name(f"card-{file.stem}-{file.suffix[1:]}.json")
    card.hardlink_to(file)
    return str(card)


def doors(runs: Path, photos: Path, weights: Path) -> dict[str, Callable[[str], object]]:
    """Return what the page does with a file, by door."""
    from explorer.components.photo_input import PhotoInput
    from explorer.settings import Settings
    from explorer.tabs.predict import tab as predict
    from explorer.tabs.predict import trial
    from explorer.tabs.train import tab as train
    from tests.support.session import Request

    settings = Settings(device="cpu", offline=True, runs_dir=runs)
    photo = PhotoInput()
    return {
        "photo": lambda file: photo.preprocess(SimpleNamespace(path=file)),
        "weights": lambda file: predict.bring(settings, [], [], [file]),
        "card": lambda file: predict.bring(settings, [], [], [str(weights), _as_card(Path(file))]),
        "zip to train on": lambda file: train.unpack(settings, [file]),
        "zip to try": lambda file: list(trial.begin(settings, ["cifar10"], "", [file], None, Request("a"))),
        "labels": lambda file: list(trial.begin(settings, ["cifar10"], str(photos), None, [file], Request("a"))),
        "net to start from": lambda file: train.begin(settings, None, "folder", str(photos), 32, file, "none"),  # type: ignore[arg-type]
    }


def main(folder: Path) -> None:
    """Try every file at every door."""
    import gradio as gr
    from PIL import Image

    from densenet.weights.known import ASSETS

    for name in ("system", "gradio", "runs", "good", "bad"):
        (folder / name).mkdir()
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    tempfile.tempdir = str(folder / "system")
    photos = folder / "photos"
    for name in ("cat", "dog"):
        (photos / name).mkdir(parents=True)
        Image.effect_noise((40, 40), 50).convert("RGB").save(photos / name / "a.png")
    weights = Path(shutil.copy(ASSETS / "cifar10.pth", folder / "good" / "net.pth"))
    zipped = Path(shutil.make_archive(str(folder / "good" / "photos"), "zip", photos))
    good = {"net": weights, "photo": ASSETS / "samples" / "tabby.jpg", "photos": zipped}
    said = []
    files = bad_files(folder / "bad", good)
    for door, take in doors(folder / "runs", photos, weights).items():
        for file in files:
            try:
                take(str(file))
            except gr.Error as error:
                said.append([door, file.name, "sentence", str(error.message)])
            except Exception as error:
                said.append([door, file.name, "crash", f"{type(error).__name__}: {error}"])
            else:
                said.append([door, file.name, "taken", ""])
    places = [folder / name for name in ("system", "gradio", "runs")]
    left = sorted(str(path.relative_to(folder)) for place in places for path in place.rglob("*") if path.is_file())
    peak = most_resident_bytes(psutil.Process())
    print(json.dumps({"said": said, "left": left, "peak_bytes": peak, "evil": [str(path) for path in folder.rglob("evil*")]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
