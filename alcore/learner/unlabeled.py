"""Owns what a training makes of images without labels: pseudo-labels.

U images without labels, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from alcore.learner import descent
from alcore.learner import device as devices
from alcore.learner.architecture import Network
from alcore.learner.augmentation import AUGMENTATIONS
from alcore.learner.descent import Plan
from alcore.learner.progress import OnProgress, part
from alcore.learner.views import FLIPS

_MOST = 20_000
"""Images that get a pseudo-label, by chance."""
_LONGER = 1.5
"""The second training takes this many times the steps of the first."""
_TEACHING = 0.2
"""Share of all the work that the first training is, about."""
_BLOCK = 256


@dataclass(frozen=True)
class Pool:
    """Images without labels, which never are held out or skipped ones."""

    pixels: np.ndarray
    """(N, H, W, 3) uint8, maybe a memmap."""
    rows: np.ndarray
    """(U,) rows of them."""
    channels: int


def learn(
    teacher: Network,
    start: Callable[[Tensor, torch.Generator], Network],
    images: Tensor,
    targets: Tensor,
    pool: Pool,
    plan: Plan,
    progress: Callable[[float], None],
    generator: torch.Generator,
) -> tuple[Network, float]:
    """Train a second network on the labels and on what the first says of unlabeled images.

    Its loss on those is the cross-entropy to the teacher's probabilities. Returns the network
    and the mean loss of its last steps. Hinton, Vinyals & Dean 2015; for unlabeled images
    after pretraining: Chen et al. 2020, "Big self-supervised models".
    """
    places = torch.randperm(len(pool.rows), generator=generator)[:_MOST].sort().values.numpy()
    rows = pool.rows[places]
    pseudo_labels = _pseudo_labels(teacher, pool, rows, plan.augmentation in FLIPS)
    augment = AUGMENTATIONS[plan.augmentation]

    def extra(network: Network) -> Tensor:
        draws = torch.randint(len(rows), (plan.size,), generator=generator)
        batch = augment(_images(pool, rows[draws.numpy()]).to(images.device), generator)
        logits = network.head(network.embedding(devices.feature_maps(network, batch)[-1]))
        return functional.cross_entropy(logits, pseudo_labels[draws].to(images.device))

    student = start(images, generator)
    longer = replace(plan, steps=round(_LONGER * plan.steps), watch=None, progress=progress)
    loss = descent.descend(student, images, targets, longer, generator, extra)
    return student, loss


def parts(on_progress: OnProgress) -> tuple[OnProgress, OnProgress]:
    """Return what the two trainings are to call with the share done of each."""
    return part(on_progress, 0, _TEACHING), part(on_progress, _TEACHING, 1)


def _images(pool: Pool, rows: np.ndarray) -> Tensor:
    array = np.array(pool.pixels[rows][..., : pool.channels], order="C")
    return torch.from_numpy(array).permute(0, 3, 1, 2)


@torch.inference_mode()
def _pseudo_labels(teacher: Network, pool: Pool, rows: np.ndarray, mirror: bool) -> Tensor:
    """Return the teacher's probabilities (U, C) of images."""
    teacher.eval()
    device = next(teacher.parameters()).device
    blocks = []
    for start in range(0, len(rows), _BLOCK):
        batch = _images(pool, rows[start : start + _BLOCK]).to(device)
        shares = teacher(batch).softmax(dim=1)
        if mirror:
            shares = (shares + teacher(batch.flip(3)).softmax(dim=1)) / 2
        blocks.append(shares.cpu())
    return torch.cat(blocks).clone()
