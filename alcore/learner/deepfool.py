"""Owns DeepFool: how little an image must change for the model to change its mind.

B images, C classes; distances are Euclidean, with pixel values on the scale 0–1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_OVERSHOOT = 0.02
_RIVALS = 9
"""Only the most likely other classes are tried, as in the paper."""


def flip(network: nn.Module, images: Tensor, steps: int = 50) -> tuple[Tensor, Tensor]:
    """Return the distance (B,) to a flipped prediction and the images that flip it (B, …) float.

    images on the scale 0–255; NaN where `steps` were not enough. All images move together, those
    that have flipped drop out. Moosavi-Dezfooli, Fawzi & Frossard 2016. The network's weights
    must not require gradients, and it must be in evaluation mode.
    """
    start = images.float()
    changed = start.clone()
    distances = torch.full((len(start),), torch.nan, device=start.device)
    with torch.no_grad():
        order = network(start).float().argsort(dim=1, descending=True)
    own, rivals = order[:, :1], order[:, 1 : 1 + _RIVALS]
    moves = torch.zeros_like(start)
    active = torch.arange(len(start), device=start.device)
    for step in range(steps + 1):
        x = changed[active].requires_grad_(step < steps)
        logits = network(x).float()
        flipped = logits.argmax(dim=1) != own[active, 0]
        distances[active[flipped]] = (changed - start)[active[flipped]].flatten(1).norm(dim=1) / 255
        if step == steps or flipped.all():
            break
        move = _step(x, logits, own[active], rivals[active])
        moves[active[~flipped]] += move[~flipped]
        active = active[~flipped]
        changed[active] = start[active] + (1 + _OVERSHOOT) * moves[active]
    return distances, changed


def _step(x: Tensor, logits: Tensor, own: Tensor, rivals: Tensor) -> Tensor:
    """Return the shortest move (b, …) across the nearest border, as if borders were straight."""
    gaps = logits.gather(1, rivals) - logits.gather(1, own)  # (b, rivals), negative
    best = torch.full((len(x),), torch.inf, device=x.device)
    move = torch.zeros_like(x)
    for rival in range(gaps.shape[1]):
        (slope,) = torch.autograd.grad(
            gaps[:, rival].sum(), x, retain_graph=rival + 1 < gaps.shape[1]
        )
        squared = slope.flatten(1).square().sum(dim=1).clamp_min(1e-20)
        height = gaps[:, rival].detach().abs() + 1e-4
        far = height / squared.sqrt()
        nearer = far < best
        best = torch.where(nearer, far, best)
        along = (height / squared).view(-1, 1, 1, 1) * slope
        move = torch.where(nearer.view(-1, 1, 1, 1), along, move)
    return move
