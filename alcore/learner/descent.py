"""Owns the descent: minibatches, AdamW with one cycle of the rate, and when to give up.

B images of a minibatch, C classes. Losses in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from alcore.config import Balance
from alcore.errors import TrainingImpossible
from alcore.learner import device as devices
from alcore.learner import transfer
from alcore.learner.adamw import AdamW, Group, OneCycle
from alcore.learner.architecture import Network
from alcore.learner.augmentation import AUGMENTATIONS
from alcore.learner.learning_loss import Joint
from alcore.learner.transfer import Transfer

Extra = Callable[[Network], Tensor]
"""Gives a further loss of the network at a minibatch."""


@dataclass(frozen=True)
class Plan:
    """How a network descends."""

    steps: int
    size: int
    """Images per minibatch."""
    rate: float
    """Highest learning rate of the body, after a fifth of the steps."""
    head_rate: float
    weight_decay: float
    smoothing: float
    augmentation: str
    balance: Balance
    transfer: Transfer
    watch: Callable[[Network], None] | None
    moments: frozenset[int]
    """Steps after which `watch` is shown the network."""
    progress: Callable[[float], None]


def descend(
    network: Network,
    images: Tensor,
    targets: Tensor,
    plan: Plan,
    generator: torch.Generator,
    extra: Extra | None = None,
) -> tuple[float, int]:
    """Train the network in place; return the mean loss of the last tenth of the steps, and those.

    Raises TrainingImpossible for a loss that is not finite.
    """
    still = transfer.frozen(network, plan.transfer)
    for part in still:
        part.requires_grad_(False)
    optimizer = AdamW(_groups(network, plan))
    schedule = OneCycle(optimizer.groups, plan.steps, 0.2)
    joint = None if network.loss_module is None else Joint(network.loss_module, plan.steps)
    draw = _Draw(targets, plan.size, plan.balance, generator)
    weights = (
        _class_weights(targets, network.head.out_features) if plan.balance == "weights" else None
    )
    augment = AUGMENTATIONS[plan.augmentation]
    last: list[float] = []
    network.train()
    for part in still:
        part.eval()
    for step in range(plan.steps):
        rows = draw().to(images.device)
        batch = augment(images[rows], generator)
        maps = devices.feature_maps(network, batch)
        losses = functional.cross_entropy(
            network.head(network.embedding(maps[-1])),
            targets[rows],
            weight=weights,
            label_smoothing=plan.smoothing,
            reduction="none",
        )
        loss = losses.mean()
        if extra is not None:
            loss = loss + extra(network)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingImpossible(
                f"the loss became {value} at minibatch {step + 1} of {plan.steps}; "
                "the last model stays in use"
            )
        if joint is not None:
            loss = loss + joint.loss(maps, losses, step)
        optimizer.descend(loss)
        schedule.step()
        if joint is not None:
            joint.step()
        if step >= plan.steps * 0.9:
            last.append(value)
        if plan.watch is not None and step + 1 in plan.moments:
            plan.watch(network)
        plan.progress((step + 1) / plan.steps)
    return float(np.mean(last)), plan.steps


def _groups(network: Network, plan: Plan) -> list[Group]:
    """Return the parameters by rate, and by whether their size is held back."""
    head = set(network.head.parameters())
    beside = set() if network.loss_module is None else set(network.loss_module.parameters())
    body = [p for p in network.parameters() if p not in head | beside and p.requires_grad]
    groups = []
    for parameters, rate in ((body, plan.rate), (network.head.parameters(), plan.head_rate)):
        both = list(parameters)
        groups.append(Group([p for p in both if p.ndim > 1], rate, plan.weight_decay))
        groups.append(Group([p for p in both if p.ndim <= 1], rate, 0.0))
    return [group for group in groups if group.parameters]


class _Draw:
    """Draws the images of a minibatch."""

    def __init__(
        self, targets: Tensor, size: int, balance: Balance, generator: torch.Generator
    ) -> None:
        self._size, self._generator, self._count = size, generator, len(targets)
        self._order = torch.empty(0, dtype=torch.int64)
        self._chances = None
        if balance == "sampling":
            each = targets.cpu()
            self._chances = 1.0 / torch.bincount(each)[each]

    def __call__(self) -> Tensor:
        """Return rows (size,): all once an epoch, or each class as often as any other."""
        if self._chances is not None:
            return torch.multinomial(self._chances, self._size, True, generator=self._generator)
        while len(self._order) < self._size:  # full minibatches: epochs follow without a gap
            more = torch.randperm(self._count, generator=self._generator)
            self._order = torch.cat([self._order, more])
        rows, self._order = self._order[: self._size], self._order[self._size :]
        return rows


def _class_weights(targets: Tensor, classes: int) -> Tensor:
    """Return weights (C,) that give each class seen the same say, with mean 1 over the images."""
    counts = torch.bincount(targets, minlength=classes).float()
    present = (counts > 0).sum()
    return torch.where(counts > 0, len(targets) / (present * counts.clamp_min(1)), 0.0)
