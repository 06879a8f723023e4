"""Owns Learning Loss: a small module that learns, beside a network, how large its loss will be.

Yoo & Kweon 2019. B images of a minibatch, W channels of a stage. Losses in nats.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

DETACH_AFTER = 0.6
"""Share of the training after which the module no longer changes the network: 120 of 200 epochs."""
_DROP_AFTER = 0.8
"""Share after which its rate is a tenth: 160 of 200 epochs."""
_RATE, _MOMENTUM, _DECAY = 0.1, 0.9, 5e-4
_GAP = 1.0
"""ξ, by how much the larger of two losses shall be predicted larger."""
_HIDDEN = 128


class LossModule(nn.Module):
    """Predicts the loss of an image from the feature maps after each stage of a network."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, _HIDDEN) for width in widths)
        self.last = nn.Linear(_HIDDEN * len(widths), 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return predicted losses (B,) of maps (B, W, h, w), one for each stage."""
        means = [m.float().mean(dim=(2, 3)) for m in maps]
        pairs = zip(self.layers, means, strict=True)
        return self.last(torch.cat([layer(m).relu() for layer, m in pairs], dim=1))[:, 0]


def ranking_loss(predicted: Tensor, losses: Tensor) -> Tensor:
    """Return mean max(0, −sign(d)·d̂ + 1) over pairs of predicted and true losses (B,).

    Image i is paired with B − 1 − i; the last of an odd number is left out, because it would
    be paired with itself or shift the others.
    """
    half = len(predicted) // 2
    predicted, losses = predicted[: 2 * half], losses[: 2 * half].detach()
    estimate = predicted[:half] - predicted.flip(0)[:half]
    true = losses[:half] - losses.flip(0)[:half]
    return functional.relu(_GAP - true.sign() * estimate).mean()


class Joint:
    """Trains a module beside a network: SGD of its own, by the paper's shares of the schedule."""

    def __init__(self, module: LossModule, steps: int) -> None:
        self.module = module.train()
        self.steps = steps
        self.optimizer = torch.optim.SGD(
            module.parameters(), _RATE, momentum=_MOMENTUM, weight_decay=_DECAY
        )
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(
            self.optimizer, [round(_DROP_AFTER * steps)], 0.1
        )

    def loss(self, maps: Sequence[Tensor], losses: Tensor, step: int) -> Tensor:
        """Return what to add, with weight 1, to the loss of the network at this minibatch."""
        if step >= DETACH_AFTER * self.steps:
            maps = [m.detach() for m in maps]
        return ranking_loss(self.module(maps), losses)

    def step(self) -> None:
        """Change the module by its gradients, once those of the minibatch are there."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.schedule.step()
