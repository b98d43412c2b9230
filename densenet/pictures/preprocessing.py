"""From a photo to exactly what a net sees: the crop, and the normalised tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

if TYPE_CHECKING:
    from torch import Tensor

FITS = ("crop", "pad", "stretch")
_PIXEL_BYTES = 4  # of an RGB picture in Pillow
_TENSOR_BYTES = 12  # of a value while it is scaled: bytes, floats, and their normalised copy
_WIDEST_RATIO = 8  # of long to short side: a 1 x 5000 strip resized to 256 would be 1.28 million pixels long


@dataclass(frozen=True)
class Preprocessing:
    """How photos are cut and scaled for a net.

    `fit` says how a picture becomes a square of `crop_px`. "crop": with `resize_px` the short side is resized to it (bilinear) and a square
    is cut from the centre, as torchvision does for ImageNet; without it, the largest centred square is fitted (Lanczos). "pad": the long
    side is fitted (Lanczos), and black fills the rest; "stretch": either side is resized on its own (bilinear), as films of X-rays often
    are. `invert` swaps dark and bright. Channels are then scaled to 0 to 1 and normalised: (value - mean) / std.
    """

    crop_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize_px: int | None = None  # only with "crop"
    fit: str = "crop"
    invert: bool = False

    def pixels_made(self, width: int, height: int) -> int:
        """Return how many pixels `view` makes of an image of `width` x `height` before it cuts: billions, if a card says so."""
        short, long = sorted((width, height))
        if self.fit != "crop":
            return self.crop_px * (self.crop_px + long + 1)
        if self.resize_px is None:
            return self.crop_px * (self.crop_px + short + 1)
        longest = self.resize_px * min(long, _WIDEST_RATIO * short) // short + 1
        across, down = (longest, self.resize_px) if width > height else (self.resize_px, longest)
        return across * (down + min(height, _WIDEST_RATIO * width))  # sideways first, then up and down

    def bytes_needed(self, width: int, height: int) -> int:
        """Return the bytes that an image of `width` x `height` takes on its way to a tensor, with the tensor; not less than is needed."""
        cut = self.crop_px**2
        return _PIXEL_BYTES * (self.pixels_made(width, height) + 2 * cut) + _TENSOR_BYTES * len(self.mean) * cut

    def view(self, image: Image.Image) -> Image.Image:
        """Return what the net sees of an RGB `image`, as an RGB picture of `crop_px` a side: a grey one where the net reads one channel."""
        cut = self._cut(image)
        cut = ImageOps.invert(cut) if self.invert else cut
        return cut.convert("L").convert("RGB") if len(self.mean) == 1 else cut

    def _cut(self, image: Image.Image) -> Image.Image:
        from torchvision.transforms import functional

        if self.fit == "stretch":
            return functional.resize(image, [self.crop_px, self.crop_px])
        if self.fit == "pad":
            return ImageOps.pad(image, (self.crop_px, self.crop_px), Image.Resampling.LANCZOS)
        if self.resize_px is None:
            return ImageOps.fit(image, (self.crop_px, self.crop_px), Image.Resampling.LANCZOS)
        width, height = image.size
        longest = min(width, height) * _WIDEST_RATIO
        if max(width, height) > longest:  # what lies further out is cut away below in any case
            image = functional.center_crop(image, [min(height, longest), min(width, longest)])
        return functional.center_crop(functional.resize(image, [self.resize_px]), [self.crop_px])

    def tensor(self, view: Image.Image) -> Tensor:
        """Return `view` as a normalised tensor, 1 x C x crop_px x crop_px; C is the length of `mean`: 3, or 1 for grey, else ValueError."""
        from torchvision.transforms import functional

        if len(self.mean) not in (1, 3):
            raise ValueError(f"a photo has 3 channels, or 1 in grey, and this net reads {len(self.mean)}")
        picture = view.convert("L") if len(self.mean) == 1 else view
        return functional.normalize(functional.to_tensor(picture), list(self.mean), list(self.std)).unsqueeze(0)


IMAGENET = Preprocessing(crop_px=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), resize_px=256)
