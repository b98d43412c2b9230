"""One training as a value: on which pictures, which net, by which recipe, and where; written as job.json and read again.

The command line makes one of its options, the app of its components, and a training that goes on reads the one that it was started with.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from densenet.checks import checked_choice, checked_integer, checked_number, show_value
from densenet.config import CHECKPOINTING, IMAGE_SIZE_RANGE, IN_CHANNELS_RANGE, DenseNetConfig, checked_frozen
from densenet.files import write_whole
from densenet.train.data import MAX_BYTES
from densenet.train.recipe import Recipe

HELD_OUT_RANGE = (1, 10**9)
THREADS_RANGE = (1, 1024)
_FLAGS = ("download", "half")
_TEXTS = ("device", "label", "describe", "licence")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one training is told. Bad values raise ValueError with field, value and range.

    `data` is a folder of classes or the name of a dataset, whose files lie in `data_folder`. Channels and classes of the net are the
    pictures' own, whatever `config` says; `in_channels`, where it is given, must be theirs.
    """

    data: str
    data_folder: str | None = None
    download: bool = False  # a dataset's missing files
    size: int | None = None  # pixels a side; None: a dataset's own, a folder's 32
    max_gib: float = MAX_BYTES / 2**30  # of decoded pictures
    held_out: int | None = None  # pictures; None: a tenth, at most 5000
    start_from: str | None = None  # a net of `densenet.weights.WEIGHTS`, or a file: `config` is then that net's, but for the dropout
    frozen: str = "none"  # of the net, what is not trained: "features" or "blocks:1-N"
    config: DenseNetConfig = field(default_factory=DenseNetConfig)
    in_channels: int | None = None
    checkpointing: str = "none"
    recipe: Recipe = field(default_factory=Recipe)
    device: str = "auto"
    threads: int | None = None  # of a CPU
    half: bool = False  # the net's convolutions as float16
    label: str = ""  # on the net's card; empty: the data's name
    describe: str = ""  # the card's words on the data
    licence: str = "not stated"
    save_seconds: float = 60.0  # between two checkpoints

    def __post_init__(self) -> None:
        if not isinstance(self.data, str) or not self.data.strip():
            raise ValueError(f"data must be a folder or the name of a dataset, got {show_value(self.data)}")
        if self.data_folder is not None and not isinstance(self.data_folder, str):
            raise ValueError(f"data_folder must be a folder's name, got {show_value(self.data_folder)}")
        if self.start_from is not None and (not isinstance(self.start_from, str) or not self.start_from.strip()):
            raise ValueError(f"start_from must be the name of a net or a file, got {show_value(self.start_from)}")
        checked_frozen(self.frozen)
        for name, limits in (
            ("size", IMAGE_SIZE_RANGE),
            ("held_out", HELD_OUT_RANGE),
            ("in_channels", IN_CHANNELS_RANGE),
            ("threads", THREADS_RANGE),
        ):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked_integer(name, getattr(self, name), limits))
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {show_value(getattr(self, name))}")
        for name in _TEXTS:
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text, got {show_value(getattr(self, name))}")
        object.__setattr__(self, "max_gib", checked_number("max_gib", self.max_gib, 0, 1e6))
        object.__setattr__(self, "save_seconds", checked_number("save_seconds", self.save_seconds, 0, 1e6))
        checked_choice("checkpointing", self.checkpointing, CHECKPOINTING)

    @property
    def name(self) -> str:
        """The net's name on its card."""
        return self.label or Path(self.data).resolve().name or self.data

    def net(self, channels: int, classes: int) -> DenseNetConfig:
        """Return the net for pictures of `channels` channels in `classes` classes; ValueError if it must have other channels."""
        if self.in_channels not in (None, channels):
            raise ValueError(f"in_channels must be {channels}, as the pictures have, got {self.in_channels}")
        return replace(self.config, in_channels=channels, num_classes=classes)


def write_job(path: Path, job: Job) -> None:
    """Write `job` as JSON, whole or not at all."""
    write_whole(path, lambda file: file.write(json.dumps(asdict(job), ensure_ascii=False, indent=1).encode()))


def read_job(path: Path) -> Job:
    """Read what `write_job` wrote; ValueError with one sentence for any other file."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no job that can be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        parts = {name: _part(kind, values, name) for name, kind in _PARTS.items()}
        return Job(**{**_fields_of(Job, values), **parts})  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is no job of this version of the project: {error}") from None


_PARTS: dict[str, type[DenseNetConfig] | type[Recipe]] = {"config": DenseNetConfig, "recipe": Recipe}


def _part(kind: type[DenseNetConfig] | type[Recipe], values: object, name: str) -> DenseNetConfig | Recipe:
    return kind(**_fields_of(kind, _fields_of(Job, values).get(name, {})))  # type: ignore[arg-type]


def _fields_of(kind: type, values: object) -> dict[str, object]:
    if not isinstance(values, dict):
        raise ValueError(f"{kind.__name__} must be a JSON object, got {show_value(values)}")
    known = {one.name for one in fields(kind)}
    if unknown := [name for name in values if name not in known]:
        raise ValueError(f"{kind.__name__} has no field {show_value(unknown[0])}")
    return values
