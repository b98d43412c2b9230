"""What is known of a set of trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from densenet.config import DenseNetConfig
from densenet.pictures.preprocessing import Preprocessing

TEMPERATURE_RANGE = (0.05, 20.0)
ACTIVATIONS = ("softmax", "sigmoid", "none")  # what outputs mean: one of them is right; each by itself; numbers, as of a regression


@dataclass(frozen=True, repr=False)
class FeatureStatistics:
    """Where the features of a net's training pictures lie, in few numbers: `densenet.model.familiarity` makes and reads them.

    Of C features, K classes and R axes: `centre` C float16, `axes` R x C int8 (directions, not yet of length 1), `deviations` R positive
    numbers, `means` K x R float16 in the coordinates of the axes, all packed in machine-independent little-endian bytes; `rest` is the
    deviation along each direction that is no axis; `energy_slope` weighs the answer's energy beside the distance. `quantiles`: how
    strange pictures are that were held out of training, at `PERCENTS`.
    """

    PERCENTS = (50, 90, 95, 99)

    features: int
    centre: bytes
    axes: bytes
    deviations: tuple[float, ...]
    means: bytes
    rest: float
    energy_slope: float
    quantiles: tuple[float, ...]

    @property
    def limit(self) -> float:
        """How strange the strangest of the held-out pictures are, but for 5 % of them."""
        return self.quantiles[self.PERCENTS.index(95)]


class Calibrated(NamedTuple):
    """The temperature at which a net's probabilities are closest to the truth, and the expected calibration error there and at 1."""

    temperature: float
    error: float  # 0 to 1
    error_before: float


@dataclass(frozen=True)
class Weights:
    """One set of trained weights. `sha256` is the file's, or its first eight digits; accuracies in percent on `accuracy_on`.

    `activation` is one of `ACTIVATIONS`; a net with one output is never "softmax", which would always be sure.
    `None` for an accuracy means that nobody claims one. `assumptions` are sentences: what the file did not say, and what is taken instead.
    """

    name: str
    label: str
    config: DenseNetConfig
    preprocessing: Preprocessing
    params: int
    sha256: str
    licence: str
    source: str  # where the file comes from, for people
    top1_accuracy: float | None = None
    top5_accuracy: float | None = None
    accuracy_on: str = ""
    url: str | None = None  # None: nothing to download, shipped with the project or brought by the visitor
    classes: tuple[str, ...] = ()  # empty: torchvision's list of the ImageNet classes
    assumptions: tuple[str, ...] = ()
    activation: str = "softmax"
    operating_points: tuple[float | None, ...] = ()  # of labels, the probability at which each is decided; None: it was never trained
    calibrated: Calibrated | None = None
    familiar: FeatureStatistics | None = None  # None: nobody knows what its training pictures looked like to it

    def labels(self) -> tuple[str, ...]:
        """Return the names of the classes, by index."""
        if self.classes:
            return self.classes
        from torchvision.models import DenseNet121_Weights

        return tuple(DenseNet121_Weights.IMAGENET1K_V1.meta["categories"])
