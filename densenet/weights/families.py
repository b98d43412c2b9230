"""What each family of DenseNets calls its parts, and what is known of its nets: a table.

Names and the way in which features are put together are a family's own. Two things show in no shape: whether new features stand before or
behind the old ones, and whether a ReLU is missing. So only families that are listed here, whose forward pass was read, are renamed; any
other file must have torchvision's names (`densenet.weights.reading`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from densenet.pictures.preprocessing import IMAGENET, Preprocessing

FIRST, LAST_NORM, HEAD = "features.conv0", "features.norm5", "classifier"
POINTS = "op_threshs"  # operating points of labels, NaN where one was never trained


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
    outputs: int | None = None  # how many each of its nets has
    activation: str | None = None  # what they mean, where the family has only one kind
    classes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None

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


# The 14 findings of ChestX-ray14 in the order of arnoweng/CheXNet, and torchxrayvision.datasets.default_pathologies.
_CHEXNET = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
_X_RAYS = (
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
)
_BN = {"bn1": "norm1", "bn2": "norm2", "bn": "norm"}
FAMILIES = (
    Family(
        name="MONAI",
        told_by=frozenset({"features.conv0.weight", "features.denseblock1.denselayer1.layers.norm1.weight", "class_layers.out.weight"}),
        layer=r"features\.denseblock(\d+)\.denselayer(\d+)\.layers\.",
        head="class_layers.out",
        preprocessing=Preprocessing(crop_px=64, mean=(0.0,), std=(1.0,), fit="stretch"),  # of grey pictures, as in its tutorials
    ),
    Family(
        name="TorchXRayVision",
        told_by=frozenset({"features.conv0.weight", "classifier.weight", POINTS}),
        left_out=frozenset({POINTS}),
        outputs=len(_X_RAYS),
        activation="sigmoid",
        classes=_X_RAYS,
        preprocessing=Preprocessing(crop_px=224, mean=(0.5,), std=(1 / 2048,)),  # -1024 to 1024
    ),
    Family(
        name="CheXNet",
        told_by=frozenset({"features.conv0.weight", "classifier.0.weight"}),
        head="classifier.0",
        outputs=len(_CHEXNET),
        activation="sigmoid",
        classes=_CHEXNET,
        preprocessing=IMAGENET,
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
        preprocessing=Preprocessing(crop_px=32, mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)),  # its main.py
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
