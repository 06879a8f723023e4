"""Owns one minibatch of contrastive learning: views, their loss, the rate, and what changes.

B images of a minibatch give 2·B views. Losses in nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alcore.learner import device as devices
from alcore.learner import files, networks
from alcore.learner.adamw import AdamW, Group
from alcore.learner.architecture import Architecture
from alcore.learner.augmentation import colour, crop, greyed
from alcore.learner.views import FLIPS

_FIRST, _AGAIN = 0.62, 0.5
"""Share of the minibatches in the first of two cycles; the second peaks at this share of the rate.

Weights are good at the end of each cycle, so one may stop after the first.
"""
_SMALL, _SMALL_UNTIL = 0.75, 0.75
"""Views have this share of the side for this share of a cycle's minibatches."""


@dataclass(frozen=True)
class PretrainSettings:
    """The recipe; measured on CIFAR-10."""

    network: str = "small CNN"
    augmentation: str = "flip"
    """The project's; it says whether mirrored images mean the same."""
    minibatch: int = 256
    rate: float = 3e-3
    weight_decay: float = 0.05
    temperature: float = 0.2
    smallest: float = 0.2
    """Least share of the area that a view shows."""


class Work:
    """A network with its projection and optimiser, and the images."""

    def __init__(
        self,
        architecture: Architecture,
        settings: PretrainSettings,
        pixels: np.ndarray,
        rows: np.ndarray,
        seed: int,
        device: torch.device,
    ) -> None:
        self.settings, self.pixels, self.rows, self.seed = settings, pixels, rows, seed
        self.channels, self.device = architecture.channels, device
        torch.manual_seed(seed)
        self.network = networks.build(architecture)
        self.network.prepare(self._images(rows[:: -(-len(rows) // 5000)]), self._generator(-1))
        self.network.to(device).to(memory_format=torch.channels_last)
        width = self.network.head.in_features
        self.projection = nn.Sequential(
            nn.Linear(width, 256, bias=False),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, 128),
        ).to(device)
        self.size = min(settings.minibatch, len(rows))
        self.named = [
            (f"{kind}.{name}", parameter)
            for kind, module in (("network", self.network), ("projection", self.projection))
            for name, parameter in module.named_parameters()
            if parameter.requires_grad and not name.startswith(("head.", "loss_module."))
        ]
        decayed = [p for _, p in self.named if p.ndim > 1]
        plain = [p for _, p in self.named if p.ndim <= 1]
        self.optimizer = AdamW(
            [
                Group(decayed, settings.rate, settings.weight_decay),
                Group(plain, settings.rate, 0.0),
            ]
        )
        self.epoch, self.order = -1, np.empty(0, np.int64)

    def advance(self, step: int, steps: int) -> float:
        """Do a minibatch; all its chance depends on the seed and its number alone."""
        generator = self._generator(step)
        images = self._images(self._draw(step)).to(self.device)
        side = view_side(images.shape[2], step / steps)
        smallest, augmentation = self.settings.smallest, self.settings.augmentation
        views = torch.cat([view(images, generator, smallest, side, augmentation) for _ in range(2)])
        views = views.contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.groups:
            group.rate = self.settings.rate * _cycle(step / steps)
        self.network.train()
        maps = devices.feature_maps(self.network, views)
        projected = self.projection(self.network.embedding(maps[-1]))
        loss = contrast(projected, self.settings.temperature)
        self.optimizer.descend(loss)
        return loss.item()

    def tensors(self) -> dict[str, Tensor]:
        """Return all that changes."""
        parts = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        parts |= {f"projection.{k}": v for k, v in self.projection.state_dict().items()}
        for name, parameter in self.named:
            for key, value in self.optimizer.state.get(parameter, {}).items():
                parts[f"optimizer.{key}.{name}"] = value
        return {k: v.detach().cpu().clone().contiguous() for k, v in parts.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        for kind, module in (("network", self.network), ("projection", self.projection)):
            part = {
                k.removeprefix(f"{kind}."): v
                for k, v in tensors.items()
                if k.startswith(f"{kind}.")
            }
            files.check(part, module.state_dict(), "the pretraining that was begun")
            module.load_state_dict(part)
        for name, parameter in self.named:
            for key in ("step", "exp_avg", "exp_avg_sq"):
                if (value := tensors.get(f"optimizer.{key}.{name}")) is not None:
                    place = value if key == "step" else value.to(self.device)
                    self.optimizer.state.setdefault(parameter, {})[key] = place.clone()

    def _draw(self, step: int) -> np.ndarray:
        per_epoch = len(self.rows) // self.size
        epoch, place = divmod(step, per_epoch)
        if epoch != self.epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.rows))
            self.epoch, self.order = epoch, order
        return np.sort(self.rows[self.order[place * self.size : (place + 1) * self.size]])

    def _images(self, rows: np.ndarray) -> Tensor:
        array = np.array(self.pixels[rows][..., : self.channels], order="C")
        return torch.from_numpy(array).permute(0, 3, 1, 2)

    def _generator(self, step: int) -> torch.Generator:
        number = np.random.SeedSequence([self.seed, step + 1]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(number >> 1))


def view(
    images: Tensor, generator: torch.Generator, smallest: float, side: int, augmentation: str
) -> Tensor:
    """Return a much changed view (B, channels, side, side) float 0–255 of images (B, …) uint8.

    It shows at least a share `smallest` of the area, in other light and colour, mirrored only where
    the project's augmentation says that this means the same.
    """
    cut = crop(images, generator, smallest, side, augmentation in FLIPS)
    changed = colour(cut, generator, 0.4)
    if changed.shape[1] == 3:
        grey = torch.rand(len(changed), 1, 1, 1, generator=generator) < 0.2
        changed = torch.where(grey.to(changed.device), greyed(changed), changed)
    return changed


def contrast(projected: Tensor, temperature: float) -> Tensor:
    """Return the loss of views (2·B, D), view i and i + B of the same image.

    Yeh et al. 2022: without the positive pair among the negatives, which learns faster with
    minibatches as small as these.
    """
    unit = functional.normalize(projected, dim=1)
    alike = unit @ unit.T / temperature
    half = len(unit) // 2
    positive = torch.cat([alike.diagonal(half), alike.diagonal(-half)])
    places = torch.arange(2 * half, device=alike.device)
    hidden = places[:, None] % half == places[None, :] % half  # itself, and its other view
    return (alike.masked_fill(hidden, -math.inf).logsumexp(dim=1) - positive).mean()


def view_side(resolution: int, share: float) -> int:
    """Return how large views are: small ones first, which cost half as much.

    >>> [view_side(32, share) for share in (0.0, 0.4, 0.5, 0.7, 1.0)]
    [24, 24, 32, 24, 32]
    """
    small = 8 * round(resolution * _SMALL / 8)
    within, _ = _place(share)
    return resolution if within >= _SMALL_UNTIL or resolution < 16 else small


def _cycle(share: float) -> float:
    """Return the rate over its peak: in each cycle up for a tenth, then down along a cosine."""
    within, peak = _place(share)
    if within < 0.1:
        return peak * (0.05 + 0.95 * within / 0.1)
    return peak * 0.5 * (1 + math.cos(math.pi * (within - 0.1) / 0.9))


def _place(share: float) -> tuple[float, float]:
    """Return the share done of the cycle, and its peak over that of the first."""
    if share < _FIRST:
        return share / _FIRST, 1.0
    return (share - _FIRST) / (1 - _FIRST), _AGAIN
