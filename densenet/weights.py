"""Trained nets: where their weights come from, how to feed them, what is claimed of them.

torch and torchvision are imported when a net is loaded, not when the list is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import urllib.request
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from densenet.config import DenseNetConfig
from densenet.preprocessing import IMAGENET, Preprocessing
from densenet.presets import PRESETS, PUBLISHED

if TYPE_CHECKING:
    from torch import Tensor

    from densenet.model import DenseNet

ASSETS = Path(__file__).resolve().parent.parent / "assets"
_STALLED_SECONDS = 10  # without a byte: a network that swallows packets would keep a thread, and all that wait for it, for ever
_KEPT_NETS = 3  # loaded at once; densenet161 alone holds 115 MB


Progress = Callable[[int, int], object]  # told of a download: bytes that came, bytes in all


@dataclass(frozen=True)
class Weights:
    """One set of trained weights. `sha256` is the file's, or its first eight digits; accuracy in percent on `accuracy_on`."""

    name: str
    label: str
    config: DenseNetConfig
    preprocessing: Preprocessing
    params: int
    sha256: str
    licence: str
    top1_accuracy: float
    accuracy_on: str
    url: str | None = None  # None: shipped with the project
    classes: tuple[str, ...] = ()  # empty: torchvision's list of the ImageNet classes

    def labels(self) -> tuple[str, ...]:
        """Return the names of the classes, by index."""
        if self.classes:
            return self.classes
        from torchvision.models import DenseNet121_Weights

        return tuple(DenseNet121_Weights.IMAGENET1K_V1.meta["categories"])


def _imagenet(name: str, digits: str) -> Weights:
    published = PUBLISHED[name]
    assert published.params is not None
    assert published.top1_accuracy is not None
    return Weights(
        name=name,
        label=f"DenseNet-{name.removeprefix('densenet')}, ImageNet",
        config=PRESETS[name],
        preprocessing=IMAGENET,
        params=published.params,
        sha256=digits,
        licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms apply to its images",
        top1_accuracy=published.top1_accuracy,
        accuracy_on="the 50,000 ImageNet validation images",
        url=f"https://download.pytorch.org/models/{name}-{digits}.pth",
    )


def _embedded(name: str) -> Weights:
    """Read the card of a net that is shipped under assets/."""
    card = json.loads((ASSETS / f"{name}.json").read_text(encoding="utf-8"))
    means, stds = card["preprocessing"]["mean"], card["preprocessing"]["std"]
    return Weights(
        name=name,
        label="Embedded net, CIFAR-10",
        config=DenseNetConfig(**card["config"]),
        preprocessing=Preprocessing(crop_px=card["preprocessing"]["crop_px"], mean=tuple(means), std=tuple(stds)),
        params=card["parameters"],
        sha256=card["sha256"],
        licence=card["licence"],
        top1_accuracy=100.0 * next(share for on, share in card["accuracy"].items() if on.startswith("test_")),
        accuracy_on="the 10,000 CIFAR-10 test images, JPEG re-encoded",
        classes=tuple(card["classes"]),
    )


WEIGHTS: dict[str, Weights] = {
    "cifar10": _embedded("cifar10"),
    "densenet121": _imagenet("densenet121", "a639ec97"),
    "densenet161": _imagenet("densenet161", "8d451a50"),
    "densenet169": _imagenet("densenet169", "b2777c0a"),
    "densenet201": _imagenet("densenet201", "c1103571"),
}


def renamed_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give a state_dict's old names their new ones: the published files say `denselayer1.norm.1`, modules may no longer hold dots."""
    old = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")
    return {old.sub(r"\1\2.", key): value for key, value in state.items()}


def is_here(name: str, weights_dir: str | PathLike[str] | None = None) -> bool:
    """Whether the weights called `name` can be loaded without a network."""
    record = _record(name)
    return record.url is None or _file_of(record, _folder(weights_dir)).is_file()


def _record(name: str) -> Weights:
    if name not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {name!r}")
    return WEIGHTS[name]


def _folder(weights_dir: str | PathLike[str] | None) -> Path:
    """Where files are kept: torch.hub's rule, read without importing torch, so that the page can say what is ready at once."""
    if weights_dir is not None:
        return Path(weights_dir)
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))) / "hub" / "checkpoints"


def _file_of(record: Weights, folder: Path) -> Path:
    return ASSETS / f"{record.name}.pth" if record.url is None else folder / record.url.rsplit("/", 1)[1]


def _download(record: Weights, file: Path, progress: Progress) -> None:
    """Bring the record's file whole or not at all; unlike torch.hub's, a download that stalls ends, and nothing is printed."""
    assert record.url is not None
    partial = file.with_name(f"{file.name}.{uuid4().hex}.partial")
    digest = hashlib.sha256()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        request = urllib.request.Request(record.url, headers={"User-Agent": "torch.hub"})
        with urllib.request.urlopen(request, timeout=_STALLED_SECONDS) as answer, open(partial, "xb") as target:
            total = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(2**18):
                digest.update(chunk)
                target.write(chunk)
                progress(target.tell(), total)
        if not digest.hexdigest().startswith(record.sha256):
            raise ConnectionError("the file that came is not the published one, its SHA-256 differs")
        partial.replace(file)
    except (OSError, HTTPException) as error:  # URLError is an OSError
        broken = isinstance(error, HTTPException)  # its text is what the server sent
        reason = "its answer broke off or is not HTTP" if broken else getattr(error, "reason", error)
        raise ConnectionError(f"The weights of {record.name} could not be downloaded from {record.url}: {reason}.") from None
    finally:
        if partial.exists():
            partial.unlink()


def _loaded(record: Weights, folder: Path, offline: bool, progress: Progress) -> DenseNet:
    import torch

    from densenet.model import DenseNet

    file = _file_of(record, folder)
    if not file.is_file():
        if offline:
            raise ConnectionError(f"The weights of {record.name} are not on this machine, and downloads are switched off.")
        _download(record, file, progress)
    with torch.device("meta"):
        model = DenseNet(record.config)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        model.load_state_dict(renamed_keys(state), assign=True)
    except Exception:  # a damaged file makes torch raise what it likes: UnpicklingError, RuntimeError, EOFError, AttributeError, ...
        raise ValueError(f"{file.name} does not hold the weights of {record.name}: remove it, and it will be brought again.") from None
    model.weights = record
    return model.float().eval().requires_grad_(False)  # files may hold float16, at half the size


_kept: OrderedDict[tuple[str, Path], DenseNet] = OrderedDict()
_kept_lock = Lock()
_load_locks = {name: Lock() for name in WEIGHTS}  # one download a net, however many ask; other nets do not wait for it


def load(
    name: str,
    *,
    weights_dir: str | PathLike[str] | None = None,
    offline: bool = False,
    progress: Progress = lambda done, total: None,
) -> DenseNet:
    """Return the net called `name` of `WEIGHTS`: eval, frozen, on the CPU, shared and read-only, with its record as `.weights`.

    ImageNet files are kept in `weights_dir`, by default torch's cache; `progress` is told the bytes that came and their total (0: not
    known). The nets loaded last stay in memory. ValueError for an unknown
    name or a damaged file, ConnectionError (one sentence) where weights are neither here nor to be had.
    """
    record = _record(name)
    folder = ASSETS if record.url is None else _folder(weights_dir)
    key = (name, folder)
    with _load_locks[name]:
        with _kept_lock:
            if key in _kept:
                _kept.move_to_end(key)
                return _kept[key]
        model = _loaded(record, folder, offline, progress)
        with _kept_lock:
            _kept[key] = model
            while len(_kept) > _KEPT_NETS:
                _kept.popitem(last=False)
        return model
