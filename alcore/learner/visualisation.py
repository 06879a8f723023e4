"""Owns images that are made to excite a unit: feature visualisation by optimisation.

Olah, Mordvintsev & Schubert 2017, "Feature Visualization" (Distill): the image is a spectrum, of
which low frequencies move most; its colours are those that go together in the project's images,
so that none runs off alone; and it is jittered, so that only what survives a shift counts. A
penalty on differences between neighbouring pixels (total variation) keeps it calm where nothing is
gained. n images of R pixels a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alcore.learner.adamw import AdamW
from alcore.learner.units import Sight

STEPS = 64
_RATE = 0.05
_SEED = 0
_TOTAL_VARIATION = 1.0
_SPREAD = 0.15
"""Deviation of the starting noise, in units of the colours' own."""


@dataclass(frozen=True)
class Colours:
    """The colours of a project's images, on the scale 0–1."""

    mean: np.ndarray
    """(3,)."""
    mixing: np.ndarray
    """(3, 3): turns independent numbers of deviation 1 into colours that vary as the images do."""

    @classmethod
    def of(cls, pixels: np.ndarray) -> Colours:
        """Measure those of images (n, R, R, 3) uint8. Grey images give grey."""
        flat = pixels.reshape(-1, 3).astype(np.float64) / 255
        values, vectors = np.linalg.eigh(np.cov(flat.T) if len(flat) > 1 else np.zeros((3, 3)))
        spread = np.sqrt(np.maximum(values, 0))
        # The weaker directions are lifted, so that a rare colour can still be shown.
        lifted = np.where(spread > 0.01, np.maximum(spread, 0.3 * spread.max()), 0)
        if not lifted.any():
            lifted, vectors = np.full(3, 0.25 / 3**0.5), np.full((3, 3), 3**-0.5)
        return cls(flat.mean(axis=0), vectors * lifted)


def excite(
    sight: Sight,
    key: str,
    chosen: Sequence[int],
    colours: Colours,
    side: int,
    steps: int = STEPS,
) -> np.ndarray:
    """Make an image (n, side, side, 3) uint8 for each of n units of a layer, from one noise.

    What is raised is the mean over the places of the unit's map, less the penalty. The same
    question makes the same images.
    """
    torch.manual_seed(_SEED)
    units = torch.as_tensor(list(chosen))
    half = side // 2 + 1
    noise = torch.randn(1, 3, side, half, 2)
    spectrum = (_SPREAD * noise).repeat(len(units), 1, 1, 1, 1).requires_grad_()
    scale = _scale(side)
    optimiser = AdamW.of([spectrum], _RATE, weight_decay=0.0)
    jitter = max(1, round(side / 16))
    rows = torch.arange(len(units))
    for _ in range(steps):
        image = _image(spectrum, scale, colours)
        shift = torch.randint(-jitter, jitter + 1, (2,)).tolist()
        maps = sight.maps(255 * torch.roll(image, shift, (2, 3)), key)
        excitement = maps[rows, units].mean(dim=(1, 2))
        size = excitement.detach().abs().clamp_min(1e-6)
        loss = -(excitement / size).sum() + _TOTAL_VARIATION * _variation(image)
        optimiser.descend(loss)
    with torch.no_grad():
        pixels = (255 * _image(spectrum, scale, colours)).round().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


def _scale(side: int) -> Tensor:
    """Weigh frequencies (R, R // 2 + 1) as natural images have them: by one over the frequency."""
    rows, columns = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    return 1 / (rows.square() + columns.square()).sqrt().clamp_min(1 / side)


def _image(spectrum: Tensor, scale: Tensor, colours: Colours) -> Tensor:
    side = spectrum.shape[2]
    complex_ = torch.view_as_complex(spectrum) * scale
    plain = torch.fft.irfft2(complex_, s=(side, side), norm="ortho")
    plain = plain / (scale.square().mean().sqrt() * 0.7)
    mixing = torch.from_numpy(colours.mixing).float()
    mean = torch.from_numpy(np.clip(colours.mean, 0.05, 0.95)).float()
    start = torch.log(mean / (1 - mean)).view(1, 3, 1, 1)
    mixed = torch.einsum("cd,ndhw->nchw", mixing, plain)
    return torch.sigmoid(4 * mixed + start).contiguous(memory_format=torch.channels_last)


def _variation(image: Tensor) -> Tensor:
    down, along = image.diff(dim=2).abs(), image.diff(dim=3).abs()
    return (down.mean(dim=(1, 2, 3)) + along.mean(dim=(1, 2, 3))).sum()
