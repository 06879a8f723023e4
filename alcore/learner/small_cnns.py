"""Owns the networks of our own: the small CNN and the network of study A."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from alcore.learner.architecture import Architecture, Normalised, sample

_WIDTHS = (32, 64, 128)
_FILTERS = 64
"""Most channels of the whitening stem: half of them filters, half their negatives."""
_PATCHES = 50_000
_EPSILON = 5e-4
"""Added to the variance of a patch direction, so that flat images do not explode."""


class SmallCNN(Normalised):
    """Six convolutions behind a frozen whitening stem; three at 8×8. Methods after airbench94.

    One rule for all sizes: the stem strides so that at most about 16 to 32 positions a side
    remain, then stages of width 32, 64, 128 halve them twice. Keller Jordan 2024,
    "94 % on CIFAR-10 in 3.29 seconds", for the stem and its initialisation from patches.
    """

    stem: nn.Conv2d
    widths = _WIDTHS

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture.channels)
        channels, resolution = architecture.channels, architecture.resolution
        self.stride = max(1, min(4, resolution // 16), resolution // 32)
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

    def enter(self, images: Tensor) -> Tensor:
        """Return whitened patches."""
        return functional.gelu(self.stem(self.normalised(images)))

    def outputs(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the feature maps (B, width, h, w) after each stage."""
        x = self.enter(images)
        for i, stage in enumerate(self.stages):
            x = stage(functional.max_pool2d(x, 2) if i > 0 else x)
            yield x

    def embedding(self, last: Tensor) -> Tensor:
        """Return the embedding (B, 128) float32: the strongest response anywhere."""
        return last.float().amax(dim=(2, 3))

    @torch.no_grad()
    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Fit the normalisation and the stem to images (n, …) uint8."""
        super().prepare(images, generator)
        x = self.normalised(sample(images))
        patches = functional.unfold(x, self.kernel, stride=max(1, self.kernel // 2))
        patches = patches.transpose(1, 2).reshape(-1, patches.shape[1])
        sample_rows = torch.randperm(len(patches), generator=generator)[:_PATCHES]
        patches = patches[sample_rows.to(patches.device)]
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


class StudyACNN(Normalised):
    """Two 3×3 convolutions of 32 channels, one max pool, a dense layer of 128: the baseline.

    The network that a known study of active learning needed 49,000 CIFAR-10 labels with for
    50 %. Its dense layer sees at most 16×16 positions, which larger images are pooled to.
    """

    widths = (32, 32)

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture.channels)
        self.stem = nn.Identity()
        convolutions = [nn.Conv2d(architecture.channels, 32, 3), nn.Conv2d(32, 32, 3)]
        first, second = (nn.Sequential(c, nn.ReLU()) for c in convolutions)
        self.stages = nn.ModuleList([first, second])
        side = min(16, (architecture.resolution - 4) // 2)
        self.pool = nn.AdaptiveMaxPool2d(side)
        self.dense = nn.Linear(32 * side * side, 128)
        self.head = nn.Linear(128, architecture.classes)

    def enter(self, images: Tensor) -> Tensor:
        """Return normalised images."""
        return self.normalised(images)

    def embedding(self, last: Tensor) -> Tensor:
        """Return the output (B, 128) float32 of the dense layer."""
        return self.dense(self.pool(last.float()).flatten(1)).relu()
