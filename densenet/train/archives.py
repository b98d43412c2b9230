"""The published files of data sets: whether they are on this machine, how many pictures they hold, and how they are brought.

Addresses and hashes are torchvision's (`torchvision.datasets.FashionMNIST`, `.CIFAR10`, `.CIFAR100`), whose folders these are, too.
"""

from __future__ import annotations

import gzip
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path

from densenet.checks import checked_choice
from densenet.stopping import Progress, Stop, go_on, tell_nobody
from densenet.train.folders import class_folders, contents_of
from densenet.weights.download import download

FASHION_MNIST_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist
_MOST_ENTRIES = 500_000  # of a folder of pictures, to be counted
_IDX_HEADER = ">II"  # of a file of pictures or labels: its kind, and how many there are


@dataclass(frozen=True)
class Archive:
    """One file that is published, and what it brings into the folder."""

    url: str
    md5: str
    size_bytes: int
    brings: tuple[str, ...]  # files, beneath the folder

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Published:
    """A data set as its authors publish it."""

    label: str
    images: int  # to learn from
    channels: int
    classes: int
    size: int  # pixels a side
    archives: tuple[Archive, ...]


def _idx(name: str, md5: str, size_bytes: int) -> Archive:
    return Archive(f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{name}.gz", md5, size_bytes, (f"{name}.gz",))


def _cifar(archive: str, md5: str, size_bytes: int, folder: str, files: tuple[str, ...]) -> tuple[Archive, ...]:
    brings = tuple(f"{folder}/{file}" for file in files)
    return (Archive(f"https://www.cs.toronto.edu/~kriz/{archive}", md5, size_bytes, brings),)


PUBLISHED = {
    "fashion_mnist": Published(
        *("Fashion-MNIST", 60_000, 1, 10, 28),
        (
            _idx("train-images-idx3-ubyte", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            _idx("train-labels-idx1-ubyte", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
            _idx("t10k-images-idx3-ubyte", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            _idx("t10k-labels-idx1-ubyte", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ),
    ),
    "cifar10": Published(
        *("CIFAR-10", 50_000, 3, 10, 32),
        _cifar(
            *("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170_498_071, "cifar-10-batches-py"),
            ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch", "batches.meta"),
        ),
    ),
    "cifar100": Published(
        *("CIFAR-100", 50_000, 3, 100, 32),
        _cifar(
            *("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 169_001_437, "cifar-100-python"),
            ("train", "test", "meta"),
        ),
    ),
}


def _is_here(folder: Path, file: str) -> bool:
    """Whether a file lies in `folder` as it was published, or unpacked, also where torchvision keeps Fashion-MNIST."""
    names = (file, file.removesuffix(".gz"))
    return any((place / name).is_file() for place in (folder, folder / "FashionMNIST" / "raw") for name in names)


def missing(name: str, folder: Path) -> tuple[Archive, ...]:
    """Return which of a data set's archives `folder` lacks; what is in the others is checked when it is read."""
    found = PUBLISHED[checked_choice("data", name, tuple(PUBLISHED))]
    return tuple(one for one in found.archives if not all(_is_here(folder, file) for file in one.brings))


def held(name: str, folder: Path) -> int:
    """Return how many pictures of a data set `folder` holds to learn from: 0 where there are none to learn from or none for the test.

    CIFAR may lie there as a folder of pictures, train/<class> and test/<class>. ValueError where that cannot be read.
    """
    published = PUBLISHED[checked_choice("data", name, tuple(PUBLISHED))]
    halves = [folder / half for half in ("train", "test")]
    if name != "fashion_mnist" and all(half.is_dir() and class_folders(half) for half in halves):
        found, tested = (contents_of(half, _MOST_ENTRIES) for half in halves)
        return found.pictures if tested.pictures else 0
    if missing(name, folder):
        return 0
    return _counted(folder) if name == "fashion_mnist" else published.images


def _counted(folder: Path) -> int:
    """Return how many pictures an idx file says that it holds; 0 where it does not."""
    file = "train-images-idx3-ubyte"
    for place in (folder, folder / "FashionMNIST" / "raw"):
        for path, opener in ((place / file, open), (place / f"{file}.gz", gzip.open)):
            if not path.is_file():
                continue
            try:
                with opener(path, "rb") as opened:
                    return int(struct.unpack(_IDX_HEADER, opened.read(struct.calcsize(_IDX_HEADER)))[1])
            except (OSError, EOFError, struct.error):
                return 0
    return 0


def bring(name: str, folder: Path, progress: Progress = tell_nobody, stop: Stop = go_on) -> None:
    """Bring what `folder` lacks of a data set, each archive with its hash checked, and unpack it.

    `progress` is told the bytes of all that is missing. What has come before a cut, or before `stop` raised, is kept and gone on with.
    ConnectionError with one sentence where it cannot be had, ValueError for a name that is none.
    """
    label, wanted = PUBLISHED[checked_choice("data", name, tuple(PUBLISHED))].label, missing(name, folder)
    total, before = sum(archive.size_bytes for archive in wanted), 0
    for archive in wanted:
        file, base = folder / archive.name, before

        def told(done: int, _: int, base: int = base) -> None:
            progress(base + done, total)

        download(label, archive.url, archive.md5, file, told, algorithm="md5", resumable=True, stop=stop)
        if archive.brings != (archive.name,):
            with tarfile.open(file) as packed:
                packed.extractall(folder, filter="data")
            file.unlink()
        before += archive.size_bytes
