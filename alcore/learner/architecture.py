"""Owns what all networks are: a stem, stages, an embedding and a linear head.

Images enter as (B, channels, H, W), uint8 or float on the scale 0–255. `features` are (B, D),
`head` a linear layer from D to C classes, logits (B, C).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alcore.learner.learning_loss import LossModule

_SAMPLE = 5000 * 32 * 32


@dataclass(frozen=True)
class Architecture:
    """All that is needed to build a network again."""

    network: str
    channels: int
    resolution: int
    classes: int
    loss_module: bool = False
    """With a module beside the network that learns how large its loss will be."""


class Network(nn.Module, ABC):
    """A network in parts, so that early ones can be frozen and inner ones looked at."""

    stem: nn.Module
    stages: nn.ModuleList
    head: nn.Linear
    widths: tuple[int, ...]
    """Channels after each stage."""
    gains_by_bfloat16: bool = True
    """Whether it trains faster in bfloat16 on processors that have it; depthwise convolutions
    take 1.4 to 2.7 times as long (`benchmarks/precision.py`)."""
    loss_module: LossModule | None
    """Learns beside the network how large its loss will be."""

    def __init__(self) -> None:
        super().__init__()
        self.loss_module = None

    def outputs(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the feature maps (B, width, h, w) after each stage, in the context's arithmetic."""
        x = self.enter(images)
        for stage in self.stages:
            x = stage(x)
            yield x

    def features(self, images: Tensor) -> Tensor:
        """Return the embedding (B, D) float32 of images."""
        for maps in self.outputs(images):
            last = maps
        return self.embedding(last)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, C)."""
        return self.head(self.features(images))

    @abstractmethod
    def enter(self, images: Tensor) -> Tensor:
        """Return what the first stage gets of images."""

    def embedding(self, last: Tensor) -> Tensor:
        """Return the embedding (B, D) float32 of the maps after the last stage."""
        return last.float().mean(dim=(2, 3))

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Fit what is not trained, such as the normalisation, to images (n, …) uint8."""

    def early(self) -> Iterator[nn.Module]:
        """Yield the early layers, which `freeze` keeps: all but the last stage and the head."""
        yield self.stem
        yield from list(self.stages)[:-1]


def sample(images: Tensor) -> Tensor:
    """Return as many images as have the pixels of 5,000 of 32×32: enough for statistics."""
    return images[: max(1, _SAMPLE // (images.shape[2] * images.shape[3]))]


class Normalised(Network):
    """Knows mean and deviation of each channel of its training images."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 127.5))
        self.register_buffer("deviation", torch.full((1, channels, 1, 1), 64.0))

    def normalised(self, images: Tensor) -> Tensor:
        """Return images with mean 0 and deviation 1, about, in each channel."""
        return (images.float() - self.mean) / self.deviation

    @torch.no_grad()
    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Fit the normalisation to images (n, channels, H, W) uint8, to the first if many."""
        x = sample(images).float()
        self.mean.copy_(x.mean(dim=(0, 2, 3), keepdim=True))
        self.deviation.copy_(x.std(dim=(0, 2, 3), keepdim=True).clamp_min(1.0))
