"""Owns the random changes that training images go through, batched and seeded.

Images (B, channels, H, W) uint8 on any device; the generator lives on the CPU. The numbers
stand in `views`, which shows the same without torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from alcore.learner.views import COLOUR, CROP, DEGREES, RATIO, REACH

Augment = Callable[[Tensor, torch.Generator], Tensor]
_GREY = (0.299, 0.587, 0.114)


def nothing(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images as they are."""
    return images


def shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image by up to an eighth of its side, mirroring what comes in at the edges."""
    return _move(images, generator, mirror=False)


def shift_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image, and mirror every second one left to right."""
    return _move(images, generator, mirror=True)


def rotate(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image and turn it by up to 15 degrees, mirroring what comes in at the edges."""
    n, _, height, width = images.shape
    angles = (torch.rand(n, generator=generator) * 2 - 1) * math.radians(DEGREES)
    shifts = (torch.rand(2, n, generator=generator) * 2 - 1) * (2 / REACH)
    cos, sin = angles.cos(), angles.sin()
    squeeze = height / width
    turn = torch.stack([cos, -sin * squeeze, shifts[0], sin / squeeze, cos, shifts[1]], dim=1)
    grid = functional.affine_grid(turn.view(n, 2, 3), list(images.shape), align_corners=False)
    turned = functional.grid_sample(
        images.float(), grid.to(images.device), padding_mode="reflection", align_corners=False
    )
    return turned.round().clamp(0, 255).to(images.dtype)


def crop_and_colour(images: Tensor, generator: torch.Generator) -> Tensor:
    """Cut out at least 40 % of each image, mirror half of them, and change light and colour."""
    cut = crop(images, generator, CROP, images.shape[2], mirror=True)
    return colour(cut, generator, COLOUR).round().to(images.dtype)


AUGMENTATIONS: Mapping[str, Augment] = {
    "none": nothing,
    "shift": shift,
    "flip": shift_and_flip,
    "rotate": rotate,
    "crop and colour": crop_and_colour,
}


def crop(
    images: Tensor, generator: torch.Generator, smallest: float, side: int, mirror: bool
) -> Tensor:
    """Return random parts of images as (B, channels, side, side) float on the scale 0–255.

    Each keeps a share of the area from `smallest` to 1, at most 4/3 as wide as high or the other
    way round; with `mirror`, half of them are mirrored.
    """
    n, _, height, width = images.shape
    area, ratio, top, left, mirrored = torch.rand(5, n, generator=generator)
    area = smallest + (1 - smallest) * area
    ratio = ((2 * ratio - 1) * math.log(RATIO)).exp()
    part_high, part_wide = ((area / ratio).sqrt().clamp_max(1), (area * ratio).sqrt().clamp_max(1))
    down = _resampling(top * (1 - part_high), part_high, height, side)
    across = _resampling(left * (1 - part_wide), part_wide, width, side)
    if mirror:
        across = torch.where((mirrored < 0.5)[:, None, None], across.flip(1), across)
    # Separable: two small matrix products an image, which is faster than gathering pixels.
    down, across = down.to(images.device), across.to(images.device)
    x = images.float().contiguous()
    return down[:, None] @ (x @ across.transpose(1, 2)[:, None])


def colour(images: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Return images (B, …) float 0–255 with other light, contrast and, if they have it, colour."""
    light, contrast, saturation = (
        1 + strength * (2 * torch.rand(3, len(images), 1, 1, 1, generator=generator) - 1)
    ).to(images.device)
    x = images.float() * light
    x = (x - (middle := x.mean(dim=(1, 2, 3), keepdim=True))) * contrast + middle
    if x.shape[1] == 3:
        x = (x - (grey := greyed(x))) * saturation + grey
    return x.clamp(0, 255)


def greyed(images: Tensor) -> Tensor:
    """Return the light (B, 1, H, W) of colour images (B, 3, H, W) float."""
    return (images * images.new_tensor(_GREY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def vary_light(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images (B, …) float on the scale 0–255 with up to 20 % more or less light each way.

    For views of an image that no project forbids; training does not use it.
    """
    contrast, light = (torch.rand(2, len(images), 1, 1, 1, generator=generator) - 0.5) * 0.4
    contrast, light = contrast.to(images.device), light.to(images.device)
    return ((images.float() - 127.5) * (1 + contrast) + 127.5 * (1 + light)).clamp(0, 255)


def _resampling(start: Tensor, share: Tensor, length: int, side: int) -> Tensor:
    """Return matrices (B, side, length) that sample parts of a line, by linear interpolation.

    start and share (B,) of the line. Parts that shrink are averaged over, not skipped.
    """
    places = (torch.arange(side) + 0.5) / side
    centres = (start[:, None] + share[:, None] * places) * length - 0.5  # (B, side)
    reach = (share * length / side).clamp_min(1)[:, None, None]
    far = (centres.clamp(0, length - 1)[:, :, None] - torch.arange(length)).abs() / reach
    weights = (1 - far).clamp_min(0)
    return weights / weights.sum(dim=2, keepdim=True)


def _move(images: Tensor, generator: torch.Generator, mirror: bool) -> Tensor:
    n, _, height, width = images.shape
    rows = _offsets(n, height, generator)
    columns = _offsets(n, width, generator)
    if mirror:
        flipped = torch.rand(n, generator=generator) < 0.5
        columns = torch.where(flipped[:, None], columns.flip(1), columns)
    rows, columns = rows.to(images.device), columns.to(images.device)
    items = torch.arange(n, device=images.device)
    # One gather does all; on channels-last storage it copies whole pixels.
    moved = images.permute(0, 2, 3, 1)[items[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _offsets(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Return (n, side) source positions of n random shifts, reflected at both ends."""
    reach = side // REACH
    shifts = torch.randint(-reach, reach + 1, (n, 1), generator=generator)
    places = torch.arange(side) + shifts
    return (side - 1) - ((side - 1) - places.abs()).abs()
