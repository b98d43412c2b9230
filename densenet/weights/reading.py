"""Whose DenseNet a file of tensors holds, and torchvision's name for each of them: told from names and shapes alone.

What is left out is named; where what stands beside the net could change its answers, the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from densenet.checks import list_names
from densenet.weights.families import FAMILIES, FIRST, HEAD, LAST_NORM, TORCHVISION, Family

Shapes = Mapping[str, tuple[int, ...]]

_WRAPPERS = re.compile(r"(?:(?<=\.)|^)(?:module|_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
_OLD = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")


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


def rename_key(key: str) -> str:
    """Give an old name its new one: the published files say `denselayer1.norm.1`, modules may no longer hold dots."""
    return _OLD.sub(r"\1\2.", key).replace("features.norm_final.", "features.norm5.")


def _prefixes(known: Mapping[str, tuple[int, ...]], family: Family) -> list[str]:
    """Return what stands before the names of each net of `family` in a file, whose shapes by plain name are `known`."""
    tell = f"{family.first}.weight"
    before = {name.removesuffix(tell) for name in known if name == tell or name.endswith(f".{tell}")}
    return sorted(
        prefix
        for prefix in before
        if all(prefix + name in known for name in family.told_by)
        and (family.outputs is None or known[f"{prefix}{family.head}.weight"][:1] == (family.outputs,))
    )


def reading_of(shapes: Shapes) -> Reading:
    """Return how a file with tensors of these names and shapes is read.

    ValueError where no DenseNet, or more than one, is among them, or where what stands beside it could change its answers.
    """
    plain = {name: rename_key(_WRAPPERS.sub("", name)) for name in shapes if not name.endswith("n_averaged")}
    for family in (*FAMILIES, TORCHVISION):
        prefixes = _prefixes({new: shapes[name] for name, new in plain.items()}, family)
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
