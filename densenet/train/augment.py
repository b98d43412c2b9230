"""Random views of a batch of pictures, each with draws of its own, as tensor operations on the whole batch.

torchvision's v2 transforms draw once for a batch that is given as one tensor; one call a picture would cost two slow cores a good part of
their time. What each operation does to one picture is what torchvision's functional does (tests compare the two).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from densenet.train.recipe import Recipe

_GREY = (0.2989, 0.587, 0.114)  # torchvision's rgb_to_grayscale


def _uniform(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _views(recipe: Recipe, count: int, size_px: int, generator: torch.Generator) -> Tensor:
    """Return affine maps, count x 2 x 3, from the places of the result to those of the picture, both from -1 to 1."""
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1.0
    if recipe.crop == "shift":
        pixels = torch.randint(-recipe.shift_px, recipe.shift_px + 1, (count, 2), generator=generator)
        theta[:, :, 2] = pixels * (2.0 / size_px)
    elif recipe.crop == "resized":
        area = _uniform(*recipe.crop_area, count, generator)
        low, high = torch.tensor(recipe.crop_aspect).log().tolist()
        aspect = _uniform(low, high, count, generator).exp()
        sides = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], 1)  # of the crop, as fractions of the picture's
        places = _uniform(-1.0, 1.0, 2 * count, generator).view(count, 2) * (1.0 - sides)  # all within, or all around
        theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = sides[:, 0], sides[:, 1], places
    if recipe.flip:
        theta[:, 0, 0] *= torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1.0
    return theta


def view(pictures: Tensor, theta: Tensor, size_px: int) -> Tensor:
    """Look at N x C x H x W `pictures` through affine maps `theta`, N x 2 x 3, at `size_px` a side; mirrored beyond the edges."""
    grid = functional.affine_grid(theta.to(pictures.device), [len(pictures), pictures.shape[1], size_px, size_px], align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def adjust(pictures: Tensor, kind: str, factors: Tensor) -> Tensor:
    """Blend each of N x C x H x W `pictures` (0 to 1) with its black, grey, colourless or blurred self, by N `factors` (1: unchanged)."""
    factors = factors.to(pictures.device).view(-1, 1, 1, 1)
    if kind == "brightness":
        other = torch.zeros_like(pictures)
    elif kind == "sharpness":
        channels = pictures.shape[1]
        kernel = torch.ones(3, 3, device=pictures.device)
        kernel[1, 1] = 5.0
        kernel = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
        other = pictures.clone()
        if min(pictures.shape[-2:]) > 2:  # the border stays as it is
            other[..., 1:-1, 1:-1] = functional.conv2d(pictures, kernel, groups=channels)
    else:
        weights = torch.tensor(_GREY if pictures.shape[1] == 3 else [1.0 / pictures.shape[1]] * pictures.shape[1], device=pictures.device)
        other = (pictures * weights.view(1, -1, 1, 1)).sum(1, keepdim=True)
        other = other.mean((1, 2, 3), keepdim=True) if kind == "contrast" else other
    return (factors * pictures + (1.0 - factors) * other).clamp(0.0, 1.0)


def _cut_out(pictures: Tensor, side_px: int, generator: torch.Generator) -> Tensor:
    """Set a square around a random pixel of each picture to 0, cut off at the edges (arXiv 1708.04552)."""
    count, _, height, width = pictures.shape
    first_y = torch.randint(height, (count, 1), generator=generator) - side_px // 2
    first_x = torch.randint(width, (count, 1), generator=generator) - side_px // 2
    y, x = torch.arange(height), torch.arange(width)
    in_y, in_x = (y >= first_y) & (y < first_y + side_px), (x >= first_x) & (x < first_x + side_px)
    return pictures.masked_fill((in_y[:, :, None] & in_x[:, None, :]).unsqueeze(1).to(pictures.device), 0.0)


def normalise(pictures: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Scale N x C x H x W `pictures`, 0 to 1, channel by channel."""
    means, stds = (torch.tensor(values, device=pictures.device).view(1, -1, 1, 1) for values in (mean, std))
    return (pictures - means) / stds


def augment(
    pictures: Tensor,
    recipe: Recipe,
    size_px: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    generator: torch.Generator,
) -> Tensor:
    """Return a random view of each of N x C x H x W uint8 `pictures`, as the net reads it: N x C x size_px x size_px, normalised."""
    views = pictures.float().div_(255.0)
    if recipe.crop != "none" or recipe.flip or pictures.shape[-1] != size_px:
        views = view(views, _views(recipe, len(views), size_px, generator), size_px)
    for kind in ("brightness", "contrast", "saturation", "sharpness"):
        strength = getattr(recipe, kind)
        if strength and (kind != "saturation" or views.shape[1] == 3):
            views = adjust(views, kind, _uniform(1.0 - strength, 1.0 + strength, len(views), generator))
    views = normalise(views, mean, std)
    return _cut_out(views, recipe.cutout_px, generator) if recipe.cutout_px else views
