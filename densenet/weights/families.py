"""Whose DenseNet a file of tensors holds: what each family calls its parts, told from names and shapes alone.

Names and the way in which features are put together are a family's own. Two things show in no shape: whether new features stand before or
behind the old ones, and whether a ReLU is missing. So only families that are listed here, whose forward pass was read, are renamed; any
other file must have torchvision's names. Everything that is left out is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Shapes = Mapping[str, tuple[int, ...]]

FIRST, LAST_NORM, HEAD = "features.conv0", "features.norm5", "classifier"
_WRAPPERS = re.compile(r"(?:(?<=\.)|^)(?:module|_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
_OLD = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")
_NAMED = 3  # names in a sentence, of those that do not fit


@dataclass(frozen=True, kw_only=True)
class Family:
    """What one project calls the parts of its DenseNets. Layers and blocks are counted by the groups of `layer` and `transition`."""

    name: str  # as people know it
    told_by: frozenset[str]  # names that each of its files has, and no other family's together
    first: str = FIRST
    layer: str = r"features\.denseblock(\d+)\.denselayer(\d+)\."  # up to the names of norms and convolutions
    counted_from: int = 1  # its layers
    transition: str = r"features\.transition(\d+)\."
    parts: Mapping[str, str] = field(default_factory=dict)  # of a layer or a transition: its name, ours
    last_norm: str = LAST_NORM
    head: str = HEAD
    left_out: frozenset[str] = frozenset()  # tensors that no answer depends on
    new_first: bool = False  # each layer's new features stand before those that it read
    activation: str | None = None  # what its outputs are for, where the family has only one kind

    def plain(self, name: str) -> str:
        """Return torchvision's name for one of this family."""
        for own, ours in ((self.first, FIRST), (self.last_norm, LAST_NORM), (self.head, HEAD)):
            if name.startswith(f"{own}."):
                return ours + name[len(own) :]
        in_layer, in_transition = re.match(self.layer, name), re.match(self.transition, name)
        if in_layer:
            block, number = int(in_layer[1]), int(in_layer[2]) + 1 - self.counted_from
            return f"features.denseblock{block}.denselayer{number}.{self._part(name[in_layer.end() :])}"
        if in_transition:
            return f"features.transition{int(in_transition[1])}.{self._part(name[in_transition.end() :], of_transition=True)}"
        return name

    def _part(self, name: str, *, of_transition: bool = False) -> str:
        part, dot, rest = name.partition(".")
        part = self.parts.get(part, part)
        return (part.rstrip("1") if of_transition else part) + dot + rest


_BN = {"bn1": "norm1", "bn2": "norm2", "bn": "norm"}
FAMILIES = (
    Family(
        name="MONAI",
        told_by=frozenset({"features.conv0.weight", "features.denseblock1.denselayer1.layers.norm1.weight", "class_layers.out.weight"}),
        layer=r"features\.denseblock(\d+)\.denselayer(\d+)\.layers\.",
        head="class_layers.out",
    ),
    Family(
        name="TorchXRayVision",
        told_by=frozenset({"features.conv0.weight", "classifier.weight", "op_threshs"}),
        left_out=frozenset({"op_threshs"}),
        activation="sigmoid",
    ),
    Family(
        name="kuangliu/pytorch-cifar",
        told_by=frozenset({"conv1.weight", "dense1.0.bn1.weight", "trans1.bn.weight", "bn.weight", "linear.weight"}),
        first="conv1",
        layer=r"dense(\d+)\.(\d+)\.",
        counted_from=0,
        transition=r"trans(\d+)\.",
        parts=_BN,
        last_norm="bn",
        head="linear",
        new_first=True,
    ),
    Family(
        name="bamos/densenet.pytorch",
        told_by=frozenset({"conv1.weight", "dense1.0.bn1.weight", "trans1.bn1.weight", "bn1.weight", "fc.weight"}),
        first="conv1",
        layer=r"dense(\d+)\.(\d+)\.",
        counted_from=0,
        transition=r"trans(\d+)\.",
        parts=_BN,
        last_norm="bn1",
        head="fc",
    ),
    Family(
        name="andreasveit/densenet-pytorch",
        told_by=frozenset({"conv1.weight", "block1.layer.0.bn1.weight", "trans1.bn1.weight", "bn1.weight", "fc.weight"}),
        first="conv1",
        layer=r"block(\d+)\.layer\.(\d+)\.",
        counted_from=0,
        transition=r"trans(\d+)\.",
        parts=_BN,
        last_norm="bn1",
        head="fc",
    ),
)
TORCHVISION = Family(name="torchvision", told_by=frozenset({f"{FIRST}.weight"}))  # and all who keep its names


@dataclass(frozen=True)
class Reading:
    """How a file is read: torchvision's name of each tensor that is used, by its own; what is not; and whose names they are."""

    family: Family
    names: Mapping[str, str]
    left_out: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a visitor is told of it."""
        said = []
        if self.family is not TORCHVISION:
            moved = ", its channels put into this project's order" if self.family.new_first else ""
            said.append(f"The names are read as {self.family.name}'s{moved}.")
        if self.left_out:
            said.append(f"Left out, as it is no part of the net: {list_names(self.left_out)}.")
        return tuple(said)


def list_names(names: Sequence[str]) -> str:
    """Return the first names in words, and how many there are besides."""
    shown = ", ".join(f"{name:.120}" for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def rename_key(key: str) -> str:
    """Give an old name its new one: the published files say `denselayer1.norm.1`, modules may no longer hold dots."""
    return _OLD.sub(r"\1\2.", key).replace("features.norm_final.", "features.norm5.")


def _prefixes(names: Iterable[str], family: Family) -> list[str]:
    """Return what stands before the names of each net of `family` in a file."""
    known = set(names)
    tell = f"{family.first}.weight"
    before = {name.removesuffix(tell) for name in known if name == tell or name.endswith(f".{tell}")}
    return sorted(prefix for prefix in before if all(prefix + name in known for name in family.told_by))


def reading_of(shapes: Shapes) -> Reading:
    """Return how a file with tensors of these names and shapes is read.

    ValueError where no DenseNet, or more than one, is among them, or where what stands beside it could change its answers.
    """
    plain = {name: rename_key(_WRAPPERS.sub("", name)) for name in shapes if not name.endswith("n_averaged")}
    for family in (*FAMILIES, TORCHVISION):
        prefixes = _prefixes(plain.values(), family)
        if prefixes:
            break
    else:
        shown = f"it has {len(plain)} tensors, the first are {list_names(list(plain))}" if plain else "it has no tensors"
        known = ", ".join(one.name for one in FAMILIES)
        raise ValueError(
            f"there is no {FIRST}.weight, so it is not a DenseNet with torchvision's names, nor with those of {known}: {shown}"
        )
    if len(prefixes) > 1:
        first = f"{family.first}.weight"
        raise ValueError(f"it holds {len(prefixes)} DenseNets, {list_names([prefix or first for prefix in prefixes])}: save one alone")
    (prefix,) = prefixes
    inside = {name: family.plain(new.removeprefix(prefix)) for name, new in plain.items() if new.startswith(prefix)}
    inside = {name: new for name, new in inside.items() if new not in family.left_out}
    if len(set(inside.values())) < len(inside):
        seen = list(inside.values())
        raise ValueError(f"it holds {next(name for name in seen if seen.count(name) > 1)} more than once")
    outside = [name for name in plain if name not in inside]
    if f"{HEAD}.weight" not in inside.values():
        head = _other_head(shapes, plain, inside)
        if head is not None:
            inside |= {name: HEAD + new[len(head) :] for name, new in plain.items() if new in (f"{head}.weight", f"{head}.bias")}
            within = f"{head.rpartition('.')[0]}."
            beside = [name for name in outside if name not in inside and (len(within) == 1 or plain[name].startswith(within))]
            if beside:  # it may stand between the features and the head
                raise ValueError(f"its head {head:.120} stands beside the net with {list_names(beside)}, and what those do is not known")
    return Reading(family, inside, tuple(name for name in plain if name not in inside))


def _other_head(shapes: Shapes, plain: Mapping[str, str], inside: Mapping[str, str]) -> str | None:
    """Return the name of the only linear layer that reads the last norm's channels, or None where the last norm is not there."""
    last = next((shapes[name] for name, new in inside.items() if new == f"{LAST_NORM}.weight"), ())
    if len(last) != 1:
        return None
    linear = {plain[name].removesuffix(".weight"): shapes[name] for name in plain if name.endswith(".weight") and len(shapes[name]) == 2}
    heads = [name for name, (_, read) in linear.items() if read == last[0]]
    if len(heads) != 1:
        found = (
            f"{len(heads)} could be it: {list_names(heads)}" if heads else f"no linear layer reads the {last[0]} channels of its last norm"
        )
        raise ValueError(f"there is no {HEAD}.weight, and {found}")
    after = [name for name, (_, read) in linear.items() if read == linear[heads[0]][0] and name != heads[0]]
    if after:
        raise ValueError(f"its head has more than one layer ({list_names([*heads, *after])}), and only one is read here")
    return heads[0]
