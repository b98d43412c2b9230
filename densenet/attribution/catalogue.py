"""The attribution methods as facts: what each shows and gives, gets wrong, can be told, and costs; without torch.

`densenet.attribution.explanation` makes the maps, `densenet.attribution.methods` holds what each method computes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from densenet.attribution.options import (
    BASELINE,
    BLOCK,
    INTERPOLATION,
    NOISE,
    SAMPLES,
    SEED,
    STEPS,
    STRIDE,
    WINDOW,
    Option,
    check_names,
    resolved_for,
)
from densenet.checks import checked_choice
from densenet.config import DenseNetConfig

if TYPE_CHECKING:
    from torch import Tensor


class Attribution(NamedTuple):
    """`map` is signed, of the input's shape (Grad-CAM: 1 x 1 x H x W); `delta` is the completeness error where the method has one."""

    map: Tensor
    delta: float | None


@dataclass(frozen=True)
class Method:
    """An attribution method: its name for people, what its map shows in one sentence, and what to keep in mind about it."""

    label: str
    says: str
    known_wrong: str  # one sentence: what it is known to get wrong
    source: str
    passes: int  # rough cost at the defaults, in forward passes of one image; a backward pass takes two
    options: tuple[Option, ...] = ()
    has_delta: bool = False  # whether it comes with a completeness error
    hooks: bool = False  # whether it hooks modules, and so needs a private copy of them
    slow: bool = False  # whether it runs many images, and tells its progress
    coarse: bool = False  # whether its maps are blobs, larger than a pixel
    interpolated: bool = False  # whether its maps are the net's own coarse ones, made as large as the input
    channels_alike: bool = False  # whether every channel of its map carries the pixel's whole value: their mean is it, not their sum

    @property
    def control(self) -> str:
        """The random maps to compare its maps with: beside scattered pixels every coarse map does badly in deletion."""
        return "shifted" if self.coarse else "pixels"

    @property
    def untrained_nets(self) -> int:
        """How many untrained nets to compare its maps with: a slow method's take long, and one says much where maps are fine."""
        return 1 if self.slow else 5


METHODS: dict[str, Method] = {
    "saliency": Method(
        label="Saliency",
        says="the slope of the score by each pixel",
        known_wrong="Gradients of deep nets change from pixel to pixel almost like noise, and a feature that is already saturated has no "
        "slope, however much it matters.",
        source="Simonyan et al. 2013, arXiv 1312.6034; noise: Balduzzi et al. 2017, arXiv 1702.08591",
        passes=3,
    ),
    "input_x_gradient": Method(
        label="Input × gradient",
        says="the slope of the score by each pixel, times the pixel's value",
        known_wrong="It shows the image's own edges and bright places, and a pixel of the mean colour, zero after normalisation, gets "
        "nothing even if it decides.",
        source="Shrikumar et al. 2016, arXiv 1605.01713; edges: Adebayo et al. 2018, arXiv 1810.03292",
        passes=3,
    ),
    "integrated_gradients": Method(
        label="Integrated gradients",
        says="what each pixel adds to the score",
        known_wrong="It depends on the baseline: pixels that look like it get nothing, and the images along the path are like none that "
        "the net has seen.",
        source="Sundararajan et al. 2017, arXiv 1703.01365; baselines: Sturmfels et al. 2020, doi 10.23915/distill.00022",
        passes=150,
        options=(STEPS, BASELINE),
        has_delta=True,
        slow=True,
    ),
    "smoothgrad": Method(
        label="SmoothGrad",
        says="the slope of the score by each pixel, averaged over noisy copies of the image",
        known_wrong="It answers for noisy images, not for this one, and what it shows depends on how much noise, and how many copies.",
        source="Smilkov et al. 2017, arXiv 1706.03825",
        passes=150,
        options=(NOISE, SAMPLES, SEED),
        slow=True,
    ),
    "grad_cam": Method(
        label="Grad-CAM",
        says="where the last features raise the score",
        known_wrong="It is as coarse as the feature maps, 7 x 7 after the last block of an ImageNet net at 224 pixels, and before the last "
        "block one weight for a whole map no longer says what the map does to the score.",
        source="Selvaraju et al. 2016, arXiv 1610.02391",
        passes=2,
        options=(BLOCK, INTERPOLATION),
        hooks=True,
        coarse=True,
        interpolated=True,
    ),
    "guided_grad_cam": Method(
        label="Guided Grad-CAM",
        says="sharp edges, where Grad-CAM says that the features raise the score",
        known_wrong="The guided part hardly changes when the net's weights are replaced by random ones (it fails the randomisation checks "
        "of arXiv 1810.03292): it draws the image's edges more than the net's reasons.",
        source="Selvaraju et al. 2016, arXiv 1610.02391; guided backpropagation: Springenberg et al. 2014, arXiv 1412.6806",
        passes=5,
        options=(BLOCK, INTERPOLATION),
        hooks=True,
        coarse=True,
    ),
    "deep_lift": Method(
        label="DeepLIFT",
        says="what each pixel's difference from the baseline adds to the score, handed back layer by layer",
        known_wrong="It depends on the baseline, and after a ReLU followed by max pooling, the stem of the ImageNet nets, its parts do not "
        "sum to the difference of the scores: the error stands beside the map.",
        source="Shrikumar et al. 2017, arXiv 1704.02685 (rescale rule)",
        passes=8,
        options=(BASELINE,),
        has_delta=True,
        hooks=True,
    ),
    "occlusion": Method(
        label="Occlusion",
        says="how much the score falls when a square is covered",
        known_wrong="A covered square is itself something that the net has never seen, and what is much smaller or larger than the "
        "square, or stands in the image twice, is missed.",
        source="Zeiler and Fergus 2013, arXiv 1311.2901",
        passes=226,
        options=(WINDOW, STRIDE, BASELINE),
        slow=True,
        coarse=True,
        channels_alike=True,
    ),
}


def method_of(name: object) -> Method:
    """Return the method called `name`; ValueError for one that is not there."""
    return METHODS[checked_choice("method", name, tuple(METHODS))]


def options_of(method: str, config: DenseNetConfig, height: int, width: int) -> tuple[Option, ...]:
    """Return the options of `method` with their ranges and defaults for a net of `config` and an image of `height` x `width` pixels."""
    return tuple(resolved_for(option, config, height, width) for option in method_of(method).options)


def check_option_names(method: str, given: Collection[str]) -> None:
    """Raise ValueError for a method that is not there, and for a name in `given` that is none of its options."""
    check_names(method, method_of(method).options, given)
