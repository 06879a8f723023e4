"""Owns what a training makes of images without labels: its own answers teach it, where it is sure.

FixMatch (Sohn et al. 2020) with distribution alignment (Berthelot et al. 2020) and a teacher whose
weights are the running mean of the network's (Tarvainen & Valpola 2017). U images without labels, B
of a minibatch, C classes; losses in nats.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from alcore.learner import contrast, descent
from alcore.learner import device as devices
from alcore.learner.architecture import Network
from alcore.learner.augmentation import AUGMENTATIONS
from alcore.learner.descent import Plan

FITTING = 0.1
"""Share of all the work that fitting random weights to the labels first is, about."""
_LABELED, _UNLABELED = 64, 192
"""Images of a minibatch, at most."""
_RATE = 2.0
"""Over the rate of a training on labels alone."""
_SURE, _FEW = 0.8, 50
"""Answers below this probability teach nothing where there are at most so many labels of a class;
of more labels answers are right more often, and less is asked for, in proportion."""
_SHARPNESS = 2.0
"""Power that answers are raised to."""
_SMALLEST = 0.25
"""Least share of the area that a strong view shows."""
_MEMORY, _SHARES_MEMORY = 0.995, 0.99
"""What the teacher keeps of its weights at each step, and of the shares that it gives classes."""
_SAMPLE, _BLOCK = 2_048, 256


@dataclass(frozen=True)
class Pool:
    """Images without labels, which never are held out or skipped ones."""

    pixels: np.ndarray
    """(N, H, W, 3) uint8, maybe a memmap."""
    rows: np.ndarray
    """(U,) rows of them."""
    channels: int

    def images(self, places: np.ndarray) -> Tensor:
        """Return images (n, channels, H, W) uint8 by their places (n,) among the U."""
        array = np.array(self.pixels[self.rows[places]][..., : self.channels], order="C")
        return torch.from_numpy(array).permute(0, 3, 1, 2)


def minibatches(labels: int) -> int:
    """Return how many minibatches to train on L labels: about 70·√L, then 2·L, from 300 to 10,000.

    >>> [minibatches(n) for n in (10, 100, 1000, 4000, 1_000_000)]
    [300, 700, 2214, 8000, 10000]
    """
    return int(min(10_000, max(300, round(70 * math.sqrt(labels)), 2 * labels)))


def learn(
    network: Network,
    images: Tensor,
    targets: Tensor,
    pool: Pool,
    plan: Plan,
    generator: torch.Generator,
) -> tuple[float, int]:
    """Train a network that fits the labels on, with them and with images without.

    Of each of those the teacher sees a little changed view and the network a much changed one; its
    answer shall be the teacher's, sharpened, where that is sure. Classes keep the shares that
    the network gives them at first: not those of the labels, for a query strategy asks for rare
    ones more often than they are there. Returns the mean loss of the last steps, and how many there
    were.
    """
    teacher = _Teacher(network, pool, generator)
    sure = _SURE * min(1.0, _FEW * network.head.out_features / len(images))
    augment = AUGMENTATIONS[plan.augmentation]
    size = min(_LABELED, plan.size)
    # A plan for smaller minibatches than there are labels for is one for little memory.
    count = max(2, _UNLABELED * size // min(_LABELED, len(images)))

    def extra(network: Network) -> Tensor:
        teacher.follow(network)
        drawn = torch.randint(len(pool.rows), (count,), generator=generator)
        batch = pool.images(drawn.numpy()).to(images.device)
        answers = teacher.answers(augment(batch, generator))
        view = contrast.view(
            batch, generator, _SMALLEST, contrast.view_side(batch.shape[2], 0.0), plan.augmentation
        )
        maps = devices.feature_maps(network, view.contiguous(memory_format=torch.channels_last))
        losses = functional.cross_entropy(
            network.head(network.embedding(maps[-1])), _sharpened(answers), reduction="none"
        )
        return (losses * (answers.amax(dim=1) >= sure)).mean()

    steps = minibatches(len(images))
    longer = replace(
        plan,
        steps=steps,
        moments=frozenset(round(moment * steps / plan.steps) for moment in plan.moments),
        size=size,
        rate=_RATE * plan.rate,
        head_rate=_RATE * plan.head_rate,
    )
    return descent.descend(network, images, targets, longer, generator, extra)


class _Teacher:
    """The running mean of a network, which answers for images without labels."""

    def __init__(self, network: Network, pool: Pool, generator: torch.Generator) -> None:
        self._mean = copy.deepcopy(network).eval().requires_grad_(False)
        self._steps = 0
        device = next(network.parameters()).device
        drawn = torch.randperm(len(pool.rows), generator=generator)[:_SAMPLE].sort().values
        self._shares = torch.cat(
            [self._ask(pool.images(b.numpy()).to(device)) for b in drawn.split(_BLOCK)]
        ).mean(dim=0)
        self._given = self._shares

    @torch.no_grad()
    def follow(self, network: Network) -> None:
        """Come nearer to the network's weights, the faster the fewer steps there were."""
        self._steps += 1
        memory = min(_MEMORY, self._steps / (self._steps + 9))
        for mean, value in zip(
            self._mean.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - memory)
            else:
                mean.copy_(value)

    def answers(self, images: Tensor) -> Tensor:
        """Return probabilities (B, C) whose shares of classes stay near those of the beginning."""
        found = self._ask(images)
        self._given = _SHARES_MEMORY * self._given + (1 - _SHARES_MEMORY) * found.mean(dim=0)
        found = found * (self._shares / self._given.clamp_min(1e-6))
        return found / found.sum(dim=1, keepdim=True)

    @torch.no_grad()
    def _ask(self, images: Tensor) -> Tensor:
        batch = images.contiguous(memory_format=torch.channels_last)
        maps = devices.feature_maps(self._mean, batch)
        return self._mean.head(self._mean.embedding(maps[-1])).softmax(dim=1)


def _sharpened(answers: Tensor) -> Tensor:
    powers = answers**_SHARPNESS
    return powers / powers.sum(dim=1, keepdim=True)
