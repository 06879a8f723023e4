"""Owns how a network learns from labels, by fixed rules of their number L.

Nothing is tuned on the holdout and no best epoch is picked: the last weights count. Images are
(N, H, W, 3) uint8, labels class positions 0 … C − 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alcore.errors import TrainingImpossible
from alcore.learner import device as devices
from alcore.learner import networks
from alcore.learner.augmentation import AUGMENTATIONS, FLIPS
from alcore.learner.checkpoints import Model
from alcore.learner.learning_loss import Joint, LossModule
from alcore.learner.networks import Architecture

CHECKPOINTS = 6
"""Moments of a training at which its history is taken, evenly spread."""


@dataclass(frozen=True)
class LearnerSettings:
    """The recipe; the numbers were measured on CIFAR-10 at 100 to 1,000 labels."""

    network: str = "small CNN"
    augmentation: str = "shift"
    minibatch: int = 128
    """Images per minibatch; fewer where there are fewer labels."""
    rate: float = 5e-3
    """Highest learning rate of AdamW, reached after a fifth of the minibatches."""
    weight_decay: float = 0.05
    smoothing: float = 0.1
    """Share of the target that goes to all classes alike."""


def minibatches(labels: int) -> int:
    """Return how many minibatches to train on L labels: about 6.3·√L, from 100 to 2,000.

    >>> [minibatches(n) for n in (10, 250, 1000, 4000, 1_000_000)]
    [100, 100, 199, 398, 2000]
    """
    return int(min(2000, max(100, round(6.3 * math.sqrt(labels)))))


def fit(
    pixels: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    channels: int,
    settings: LearnerSettings,
    seed: int,
    progress: Callable[[float], None],
    watch: Callable[[nn.Module], None] | None = None,
    loss_module: LossModule | None = None,
) -> Model:
    """Train a fresh network on images (L, H, W, 3) uint8 and their labels (L,) int64.

    `progress` is told the share done after each minibatch and may raise to stop. `watch` is
    shown the network at each of CHECKPOINTS moments, the end being the last; it copies what it
    keeps. A `loss_module` is trained jointly and changes the network too. Raises
    TrainingImpossible for fewer than two different classes, labels that are no class, and a
    loss that is not finite. Call within `device.computing`.
    """
    _check(labels, class_names)
    device = devices.choose()
    architecture = Architecture(settings.network, channels, pixels.shape[1], len(class_names))
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    images = as_tensor(pixels, channels).to(device)
    targets = torch.from_numpy(np.ascontiguousarray(labels, np.int64)).to(device)
    network = networks.build(architecture).to(device, memory_format=torch.channels_last)
    network.prepare(images[:5000], generator)
    steps = minibatches(len(labels))
    joint = None if loss_module is None else Joint(loss_module.to(device), steps)
    loss = _descend(
        network, images, targets, steps, settings, generator, progress, watch or _ignore, joint
    )
    network.eval()
    return Model(
        network=network,
        architecture=architecture,
        class_names=class_names,
        mirror=settings.augmentation in FLIPS,
        minibatches=steps,
        loss=loss,
    )


def as_tensor(pixels: np.ndarray, channels: int) -> Tensor:
    """Return images (n, H, W, 3) uint8 as (n, channels, H, W), stored channels last.

    Grey images hold their value three times; one is taken.
    """
    array = np.array(pixels[..., :channels], copy=True, order="C")
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def _ignore(network: nn.Module) -> None:
    """Watch nothing."""


def _check(labels: np.ndarray, class_names: tuple[str, ...]) -> None:
    seen = np.unique(labels)
    if len(seen) and (seen[0] < 0 or seen[-1] >= len(class_names)):
        raise TrainingImpossible(
            f"labels go from {seen[0]} to {seen[-1]}; must be positions 0 to {len(class_names) - 1}"
        )
    if len(seen) < 2:
        what = (
            f"all {len(labels)} labels say {class_names[seen[0]]!r}" if len(seen) else "no labels"
        )
        raise TrainingImpossible(f"{what}; a model needs labels of at least 2 classes")


def _descend(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    steps: int,
    settings: LearnerSettings,
    generator: torch.Generator,
    progress: Callable[[float], None],
    watch: Callable[[nn.Module], None],
    joint: Joint | None,
) -> float:
    """Run AdamW with one cycle of the rate; return the mean loss of the last tenth."""
    decayed = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, settings.rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=steps, pct_start=0.2
    )
    augment = AUGMENTATIONS[settings.augmentation]
    size = min(settings.minibatch, len(images))
    order = torch.empty(0, dtype=torch.int64)
    last: list[float] = []
    moments = {round(steps * (i + 1) / CHECKPOINTS) for i in range(CHECKPOINTS)}
    network.train()
    for step in range(steps):
        while len(order) < size:  # full minibatches only: each epoch begins where the last ended
            order = torch.cat([order, torch.randperm(len(images), generator=generator)])
        rows, order = order[:size].to(images.device), order[size:]
        batch = augment(images[rows], generator)
        with devices.half_precision(images.device):
            maps = list(network.outputs(batch))
            logits = network.head(network.embedding(maps[-1]))
        losses = functional.cross_entropy(
            logits.float(), targets[rows], label_smoothing=settings.smoothing, reduction="none"
        )
        loss = losses.mean()
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingImpossible(
                f"the loss became {value} at minibatch {step + 1} of {steps}; "
                "the last model stays in use"
            )
        if joint is not None:
            loss = loss + joint.loss(maps, losses, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if joint is not None:
            joint.step()
        if step >= steps * 0.9:
            last.append(value)
        if step + 1 in moments:
            watch(network)
        progress((step + 1) / steps)
    return float(np.mean(last))
