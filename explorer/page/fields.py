"""Every number and choice of the page, once: sidebar, address and reading follow from this table.

A new slider is a new row, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from densenet import DenseNetConfig, Workload
from densenet import config as limits
from explorer.page.page_state import PageState

Kind = Literal["integer", "blocks", "fraction", "choice"]
Look = Literal["slider", "box", "dropdown"]
Place = Literal["sidebar", "more", "step"]  # `more` is folded together; the memory tab places what one step is asked for


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a config or a workload, as people see it."""

    name: str  # of the owner's field
    owner: type[DenseNetConfig] | type[Workload]
    key: str  # in the address
    kind: Kind
    label: str
    place: Place
    look: Look = "slider"
    span: tuple[float, float] = (0, 0)  # the least and the largest value of a number
    comfortable: int | None = None  # upper end of a slider that a hand can hit; "wide ranges" opens it to the span's
    choices: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()  # what the page calls each choice, and the choice, in its order

    def of(self, state: PageState) -> object:
        """The field's value in `state`."""
        return getattr(state.config if self.owner is DenseNetConfig else state.workload, self.name)

    def end(self, value: float, wide: bool = False) -> float:
        """Upper end of the slider, which holds `value`."""
        return self.span[1] if self.comfortable is None or wide or value > self.comfortable else self.comfortable


def _net(name: str, key: str, kind: Kind, label: str, place: Place = "sidebar", **more: object) -> Field:
    return Field(name=name, owner=DenseNetConfig, key=key, kind=kind, label=label, place=place, **more)  # type: ignore[arg-type]


def _asked(name: str, key: str, kind: Kind, label: str, place: Place = "sidebar", **more: object) -> Field:
    return Field(name=name, owner=Workload, key=key, kind=kind, label=label, place=place, **more)  # type: ignore[arg-type]


FIELDS: tuple[Field, ...] = (  # in the order of the page
    _net("growth_rate", "k", "integer", "Growth rate k", span=limits.GROWTH_RATE_RANGE, comfortable=64),
    _net("block_config", "blocks", "blocks", "Block {} layers", span=limits.LAYERS_RANGE, comfortable=64),
    _net("bn_size", "bn", "integer", "Bottleneck bn_size (0: none)", span=limits.BN_SIZE_RANGE, comfortable=8),
    _net("compression", "theta", "fraction", "Compression θ", span=(0.01, 1.0)),
    _asked("image_size", "size", "integer", "Input size, pixels", span=limits.IMAGE_SIZE_RANGE, comfortable=384),
    _asked("batch_size", "batch", "integer", "Batch size", span=limits.BATCH_SIZE_RANGE, comfortable=256),
    _asked(
        *("mode", "mode", "choice", "Step", "step"),
        look="dropdown",
        choices=limits.MODES,
        words=(("training", "train"), ("inference", "infer")),
    ),
    _asked(
        *("checkpointing", "ckpt", "choice", "Checkpointing", "step"),
        look="dropdown",
        choices=limits.CHECKPOINTING,
        words=(("none", "none"), ("of norms", "norm"), ("of layers", "layer")),
    ),
    _asked(
        *("optimizer", "opt", "choice", "Optimizer", "step"),
        look="dropdown",
        choices=limits.OPTIMIZERS,
        words=(("SGD", "sgd"), ("momentum", "momentum"), ("Adam", "adam")),
    ),
    _asked(
        *("precision", "prec", "choice", "Precision", "step"),
        look="dropdown",
        choices=limits.PRECISIONS,
        words=(("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")),
    ),
    _net(
        *("stem", "stem", "choice", "Stem", "more"),
        look="dropdown",
        choices=limits.STEMS,
        words=(
            ("7×7/2, pool (ImageNet)", "imagenet"),
            ("3×3 (CIFAR)", "cifar"),
            ("3×3, norm", "cifar_norm"),
            ("3×3, norm, pool", "cifar_norm_pool"),
            ("three 3×3, pool (deep)", "deep"),
        ),
    ),
    _net("num_init_features", "init", "integer", "Stem width", "more", span=limits.NUM_INIT_FEATURES_RANGE, comfortable=128),
    _net("drop_rate", "drop", "fraction", "Dropout", "more", span=(0.0, 0.99)),
    _net("in_channels", "in", "integer", "Input channels", "more", look="box", span=limits.IN_CHANNELS_RANGE),
    _net("num_classes", "classes", "integer", "Classes", "more", look="box", span=limits.NUM_CLASSES_RANGE),
)

_KINDS: tuple[Kind, ...] = ("integer", "blocks", "fraction", "choice")
ADDRESS_FIELDS = tuple(sorted(FIELDS, key=lambda f: (f.owner is Workload, _KINDS.index(f.kind))))  # in the order of the address


def placed(place: Place) -> tuple[Field, ...]:
    """Return the fields of one part of the page, in its order."""
    return tuple(f for f in FIELDS if f.place == place)


def state_of(preset: str, values: Mapping[str, object]) -> PageState:
    """Return the page of every field's value by its name; ValueError with field, value and range for what the config refuses."""
    given = {owner: {f.name: values[f.name] for f in FIELDS if f.owner is owner} for owner in (DenseNetConfig, Workload)}
    return PageState(preset, DenseNetConfig(**given[DenseNetConfig]), Workload(**given[Workload]))  # type: ignore[arg-type]
