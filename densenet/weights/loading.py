"""Trained nets: the records of those that the project knows, and the ways to bring and load one, or one of the visitor's.

torch and torchvision are imported when a net is loaded, not when the list is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from densenet.files import sha256_of
from densenet.kept import Kept
from densenet.record import Weights
from densenet.stopping import Progress, tell_nobody
from densenet.weights.cards import card_bytes
from densenet.weights.download import download, weights_folder
from densenet.weights.known import ASSETS, WEIGHTS, known_record

if TYPE_CHECKING:
    from densenet.model.net import DenseNet

WEIGHT_SUFFIXES = (".pth", ".pt", ".safetensors", ".tar", ".ckpt", ".bin", ".pkl", ".pickle", ".th")  # as people name such files
_KEPT_NETS = 3  # loaded at once; densenet161 alone holds 115 MB


def _file_of(record: Weights, weights_dir: str | PathLike[str] | None) -> Path:
    return ASSETS / f"{record.name}.pth" if record.url is None else weights_folder(weights_dir) / record.url.rsplit("/", 1)[1]


def is_here(name: str, weights_dir: str | PathLike[str] | None = None) -> bool:
    """Whether the file of the weights called `name` is on this machine; what is in it is checked when it is loaded."""
    return _file_of(known_record(name), weights_dir).is_file()


_load_locks = {name: Lock() for name in WEIGHTS}  # one download a net, however many ask; other nets do not wait for it


def _fetch(record: Weights, file: Path, offline: bool, progress: Progress) -> Path:
    """Return `file`, downloaded where it is not here; its hash is checked in either case."""
    if record.url is not None and not file.is_file():
        if offline:
            raise ConnectionError(f"The weights of {record.name} are not on this machine, and downloads are switched off.")
        download(f"The weights of {record.name}", record.url, record.sha256, file, progress)
    found = sha256_of(file)
    if not found.startswith(record.sha256):
        raise ValueError(
            f"{file} does not hold the weights of {record.name}, its SHA-256 begins with {found[:8]} instead of {record.sha256[:8]}: "
            "remove it, and it will be brought again."
        )
    return file


def fetch(name: str, *, weights_dir: str | PathLike[str] | None = None, offline: bool = False, progress: Progress = tell_nobody) -> Path:
    """Return the file of the weights called `name`, brought first where it is not here, without building the net.

    Arguments and errors are those of `load`.
    """
    record = known_record(name)
    with _load_locks[name]:
        return _fetch(record, _file_of(record, weights_dir), offline, progress)


_kept: Kept[tuple[object, ...], DenseNet] = Kept(_KEPT_NETS)
_file_lock = Lock()  # two visitors who bring the same file share one net


def load(name: str, *, weights_dir: str | PathLike[str] | None = None, offline: bool = False, progress: Progress = tell_nobody) -> DenseNet:
    """Return the net called `name` of `WEIGHTS`: eval, frozen, on the CPU, shared and read-only, with its record as `.weights`.

    ImageNet files are kept in `weights_dir`, by default torch's cache; `progress` is told the bytes that came and their total (0: not
    known). The nets loaded last stay in memory. ValueError for an unknown name or a file with another hash, ConnectionError (one sentence)
    where weights are neither here nor to be had.
    """
    record = known_record(name)
    file = _file_of(record, weights_dir)

    def make() -> DenseNet:
        _fetch(record, file, offline, progress)
        from densenet.weights.net_files import read_known_net  # here: it imports torch

        try:
            return read_known_net(file, record)
        except ValueError as error:
            raise _refusal(file, error) from None

    with _load_locks[name]:
        return _kept.get_or((name, file), make)


def _refusal(path: Path, reason: Exception) -> ValueError:
    return ValueError(f"Cannot read {path.name:.120} as a DenseNet's weights: {getattr(reason, 'strerror', None) or reason}.")


def load_file(path: str | PathLike[str], *, card: str | PathLike[str] | None = None, said: Mapping[str, object] | None = None) -> DenseNet:
    """Return the net in a file that somebody brings, as `load` does: eval, frozen, float32, on the CPU, with its record as `.weights`.

    The file is safetensors or torch.save's, plain or a checkpoint of training, of at most 1 GiB; only tensors are read, nothing is run. Its
    config is recognised from names and shapes. Classes, preprocessing and claims come from `card` (`densenet.weights.cards`), by default
    the file's stem with .json beside it, else from the card in a safetensors header; fields of `said` count more than the card's. What
    nobody says is assumed, and `.weights.assumptions` says so. The same file, under the same name, gives the same net while it is kept.

    FileNotFoundError if there is no such file, ValueError with one sentence for any that holds no DenseNet.
    """
    path = Path(path)
    beside = Path(card) if card is not None else path.parent / f"{path.stem}.json"
    try:
        for needed in (path, beside) if card is not None else (path,):
            if not needed.exists():
                raise FileNotFoundError(f"There is no file {needed.name:.120}.")
        from densenet.weights.net_files import read_net  # here: they import torch
        from densenet.weights.tensor_files import check_size

        check_size(path)
        content = card_bytes(beside) if beside != path and (card is not None or beside.is_file()) else None
        with _file_lock:
            digest = sha256_of(path)
            more = dict(said or {})
            return _kept.get_or((path.stem, digest, content, json.dumps(more)), lambda: read_net(path, digest, content, more))
    except FileNotFoundError:
        raise
    except (ValueError, OSError) as error:  # OSError: a file that may not be read, a name too long for one
        raise _refusal(path, error) from None
