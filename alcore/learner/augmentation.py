"""Owns the random changes that training images go through, batched and seeded.

Images (B, channels, H, W) uint8 on any device; the generator lives on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]


def nothing(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images as they are."""
    return images


def shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image by up to an eighth of its side, mirroring what comes in at the edges."""
    return _move(images, generator, mirror=False)


def shift_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image, and mirror every second one left to right."""
    return _move(images, generator, mirror=True)


AUGMENTATIONS: Mapping[str, Augment] = {"none": nothing, "shift": shift, "flip": shift_and_flip}
FLIPS = frozenset({"flip"})
"""Augmentations whose models are asked about the mirrored image too."""


def vary_light(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images (B, …) float on the scale 0–255 with up to 20 % more or less light each way.

    For views of an image that no project forbids; training does not use it.
    """
    contrast, light = (torch.rand(2, len(images), 1, 1, 1, generator=generator) - 0.5) * 0.4
    contrast, light = contrast.to(images.device), light.to(images.device)
    return ((images.float() - 127.5) * (1 + contrast) + 127.5 * (1 + light)).clamp(0, 255)


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
    reach = side // 8
    shifts = torch.randint(-reach, reach + 1, (n, 1), generator=generator)
    places = torch.arange(side) + shifts
    return (side - 1) - ((side - 1) - places.abs()).abs()
