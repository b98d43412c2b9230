"""Small archives in the form of the published ones, for the tests of downloads: a CIFAR of a few pictures, and four idx files."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import replace

import numpy as np

from densenet.train.archives import PUBLISHED, Published
from tests.support.file_server import Server


def _batch(seed: int, count: int = 20) -> bytes:
    pictures = np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)
    return pickle.dumps({"data": pictures, "labels": [i % 10 for i in range(count)]})


def cifar_archive() -> bytes:
    """A cifar-10-python.tar.gz with twenty pictures a batch."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for i, path in enumerate(PUBLISHED["cifar10"].archives[0].brings):
            content = pickle.dumps({"label_names": [f"class {n}" for n in range(10)]}) if path.endswith("meta") else _batch(i)
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def idx_files(train: int = 30, test: int = 10) -> dict[str, bytes]:
    """The four files of Fashion-MNIST, with so many pictures."""
    made = {}
    for part, count in (("train", train), ("t10k", test)):
        pictures = np.random.default_rng(count).integers(0, 256, count * 784, dtype=np.uint8).tobytes()
        labels = bytes(i % 10 for i in range(count))
        made[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(struct.pack(">IIII", 2051, count, 28, 28) + pictures)
        made[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(struct.pack(">II", 2049, count) + labels)
    return made


def published_by(server: Server, name: str, files: dict[str, bytes]) -> Published:
    """Return a data set whose archives are `files` of the server, with their hashes and sizes."""
    server.files |= files
    archives = tuple(
        replace(one, url=server.url + one.name, md5=hashlib.md5(files[one.name]).hexdigest(), size_bytes=len(files[one.name]))
        for one in PUBLISHED[name].archives
    )
    return replace(PUBLISHED[name], archives=archives)
