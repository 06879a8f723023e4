"""Owns the networks: a registry of constructors, each for any channels, resolution and classes.

Images enter as (B, channels, H, W), uint8 or float on the scale 0–255. Every network offers
`features` (B, D) and `head`, a linear layer from D to C classes; logits (B, C). It also tells
the `widths` of its stages, their `outputs`, and the `embedding` that follows from the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from alcore.errors import TrainingImpossible

_WIDTHS = (32, 64, 128)
_FILTERS = 64
"""Most channels of the whitening stem: half of them filters, half their negatives."""
_PATCHES = 50_000
_EPSILON = 5e-4
"""Added to the variance of a patch direction, so that flat images do not explode."""


@dataclass(frozen=True)
class Architecture:
    """All that is needed to build a network again."""

    network: str
    channels: int
    resolution: int
    classes: int


class SmallCNN(nn.Module):
    """Six convolutions behind a frozen whitening stem; three at 8×8. Methods after airbench94.

    One rule for all sizes: the stem strides so that at most about 16 to 32 positions a side
    remain, then stages of width 32, 64, 128 halve them twice. Keller Jordan 2024,
    "94 % on CIFAR-10 in 3.29 seconds", for the stem and its initialisation from patches.
    """

    widths = _WIDTHS

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels, resolution = architecture.channels, architecture.resolution
        self.stride = min(4, max(1, resolution // 16))
        self.kernel = self.stride + 2
        filters = min(_FILTERS // 2, channels * self.kernel**2)
        self.stem = nn.Conv2d(channels, 2 * filters, self.kernel, self.stride, bias=False)
        self.stem.weight.requires_grad_(False)
        repeats = 1 if resolution <= 8 else 2
        self.stages = nn.ModuleList()
        width = 2 * filters
        for out in _WIDTHS:
            layers = [_block(width if i == 0 else out, out) for i in range(repeats)]
            self.stages.append(nn.Sequential(*layers))
            width = out
        self.head = nn.Linear(width, architecture.classes)
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 127.5))
        self.register_buffer("deviation", torch.full((1, channels, 1, 1), 64.0))

    def features(self, images: Tensor) -> Tensor:
        """Return the embedding (B, 128) float32 of images."""
        for maps in self.outputs(images):
            last = maps
        return self.embedding(last)

    def outputs(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the feature maps (B, width, h, w) after each stage."""
        x = (images.float() - self.mean) / self.deviation
        x = functional.gelu(self.stem(x))
        for i, stage in enumerate(self.stages):
            if i > 0:
                x = functional.max_pool2d(x, 2)
            x = stage(x)
            yield x

    def embedding(self, last: Tensor) -> Tensor:
        """Return the embedding (B, 128) float32 of the maps after the last stage."""
        return last.amax(dim=(2, 3)).float()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, C)."""
        return self.head(self.features(images))

    @torch.no_grad()
    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Fit what is not trained, the normalisation and the stem, to images (n, …) uint8."""
        x = images.float()
        self.mean.copy_(x.mean(dim=(0, 2, 3), keepdim=True))
        self.deviation.copy_(x.std(dim=(0, 2, 3), keepdim=True).clamp_min(1.0))
        x = (x - self.mean) / self.deviation
        patches = functional.unfold(x, self.kernel, stride=max(1, self.kernel // 2))
        patches = patches.transpose(1, 2).reshape(-1, patches.shape[1])
        chosen = torch.randperm(len(patches), generator=generator)[:_PATCHES]
        patches = patches[chosen.to(patches.device)]
        patches -= patches.mean(dim=0)
        # In float64 on the CPU: eigenvectors of nearly equal directions must not depend on luck.
        covariance = (patches.T @ patches).cpu().double() / len(patches)
        variances, vectors = torch.linalg.eigh(covariance)
        filters = (vectors / (variances + _EPSILON).sqrt()).T.flip(0)
        filters = filters[: len(self.stem.weight) // 2].reshape(-1, *self.stem.weight.shape[1:])
        self.stem.weight.copy_(torch.cat([filters, -filters]))


def _block(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.GELU()
    )


NETWORKS: Mapping[str, Callable[[Architecture], nn.Module]] = {
    "small CNN": SmallCNN,
}


def build(architecture: Architecture) -> nn.Module:
    """Return a fresh network; raises TrainingImpossible for a name or a size it cannot have."""
    if architecture.network not in NETWORKS:
        raise TrainingImpossible(
            f"no network called {architecture.network!r}; choose from {', '.join(NETWORKS)}"
        )
    if architecture.channels not in (1, 3):
        raise TrainingImpossible(f"images have {architecture.channels} channels; must be 1 or 3")
    if architecture.resolution < 8:
        raise TrainingImpossible(
            f"images are {architecture.resolution} pixels wide; must be at least 8"
        )
    if architecture.classes < 2:
        raise TrainingImpossible(f"{architecture.classes} classes; a model needs at least 2")
    return NETWORKS[architecture.network](architecture)
