"""Owns the proof that AdamW is torch's to the last bit, and needs no compiler."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from alcore.learner.adamw import AdamW, Group, OneCycle

STEPS = 30
FIRST_TRAINING = """
import sys
import numpy as np
from alcore.learner import device, training
pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
settings = training.LearnerSettings()
with device.computing(0, 1):
    images = training.LabeledImages(pixels, np.arange(4) % 2, ("a", "b"), 3)
    training.fit(images, settings, 0, lambda share: None)
print("torch._dynamo" in sys.modules)
"""


def groups_of(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    parameters = list(network.parameters())
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]


@pytest.mark.parametrize("up", [0.2, 0.3])
def test_weights_and_rates_are_those_of_torch_to_the_last_bit(up: float) -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    ours[0].bias.requires_grad_(False)  # one that gets no gradient
    theirs = copy.deepcopy(ours)
    images, classes = torch.randn(STEPS, 16, 6), torch.randint(3, (STEPS, 16))

    weights, rest = groups_of(ours)
    optimizer = AdamW([Group(weights, 0.02, 0.05), Group(rest, 0.01, 0.0)])
    schedule = OneCycle(optimizer.groups, STEPS, up)
    weights, rest = groups_of(theirs)
    reference = torch.optim.AdamW(
        [{"params": weights, "lr": 0.02}, {"params": rest, "lr": 0.01, "weight_decay": 0.0}],
        weight_decay=0.05,
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(reference, [0.02, 0.01], STEPS, pct_start=up)
    for x, y in zip(images, classes, strict=True):
        told = [(g["lr"], g["betas"][0]) for g in reference.param_groups]
        assert [(g.rate, g.momentum) for g in optimizer.groups] == told
        optimizer.descend(nn.functional.cross_entropy(ours(x), y))
        schedule.step()
        reference.zero_grad()
        nn.functional.cross_entropy(theirs(x), y).backward()
        reference.step()
        cycle.step()
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        kept, told = optimizer.state.get(one, {}), reference.state.get(other, {})
        assert kept.keys() == told.keys()
        assert all(torch.equal(kept[key], told[key]) for key in kept)


def test_a_first_training_imports_no_compiler() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_TRAINING], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
