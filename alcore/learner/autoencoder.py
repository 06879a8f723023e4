"""Owns the autoencoder: how badly an image can be rebuilt from a short code.

N images (N, H, W, 3) uint8, of which as many channels are used as the project has; losses are
mean squared errors per value, on the scale 0–1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alcore.errors import TrainingImpossible
from alcore.learner import device as devices
from alcore.learner.adamw import AdamW, OneCycle
from alcore.learner.training import as_tensor

_STEPS = 200
"""Minibatches, whatever the pool: a budget that does not grow."""
_MINIBATCH = 64
_RATE = 3e-3
_SIDE = 32
"""Larger images are reduced to this side first."""


def reconstruction_losses(
    pixels: np.ndarray,
    train_rows: np.ndarray,
    rows: np.ndarray,
    channels: int,
    generator: torch.Generator,
    progress: Callable[[float], None],
) -> np.ndarray:
    """Return ‖x − AE(x)‖² per value (P,) float32 of rows, by an autoencoder fitted to train_rows.

    rows (P,) and train_rows (n,) of pixels, maybe a memmap. `progress` is told the share done
    and may raise to stop. Raises TrainingImpossible for a loss that is not finite. Call within
    `device.computing`.
    """
    device = devices.choose()
    side = min(_SIDE, pixels.shape[1])
    torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
    network = _autoencoder(channels, side).to(device)
    optimizer = AdamW.of(network.parameters(), _RATE)
    schedule = OneCycle(optimizer.groups, _STEPS, 0.3)
    for step in range(_STEPS):
        draws = torch.randint(len(train_rows), (_MINIBATCH,), generator=generator).numpy()
        images = _small(pixels, np.sort(train_rows[draws]), channels, side).to(device)
        loss = functional.mse_loss(network(images), images)
        if not torch.isfinite(loss):
            raise TrainingImpossible(f"the autoencoder's loss became {loss.item()}")
        optimizer.descend(loss)
        schedule.step()
        progress(0.8 * (step + 1) / _STEPS)
    result = np.empty(len(rows), np.float32)
    size = 8 * _MINIBATCH
    with torch.inference_mode():
        for start in range(0, len(rows), size):
            images = _small(pixels, rows[start : start + size], channels, side).to(device)
            errors = (network(images) - images).square().mean(dim=(1, 2, 3))
            result[start : start + len(images)] = errors.cpu().numpy()
            progress(0.8 + 0.2 * (start + len(images)) / len(rows))
    return result


def _small(pixels: np.ndarray, rows: np.ndarray, channels: int, side: int) -> Tensor:
    images = as_tensor(pixels[rows], channels).float() / 255
    return images if images.shape[2] == side else functional.adaptive_avg_pool2d(images, side)


def _autoencoder(channels: int, side: int) -> nn.Sequential:
    """Return a network that halves an image to 4×4, squeezes it into a code, and goes back.

    The code has 2 numbers per pixel of the side: 16 for 8×8 images, 64 for 32×32.
    """
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    width = channels
    while side > 4 and side % 2 == 0:
        out = 16 if width == channels else 32
        down += [nn.Conv2d(width, out, 4, 2, 1), nn.GELU()]
        last = [] if width == channels else [nn.GELU()]
        up = [nn.ConvTranspose2d(out, width, 4, 2, 1), *last, *up]
        width, side = out, side // 2
    flat, code = width * side * side, 2 * side * 2 ** (len(down) // 2)
    return nn.Sequential(
        *down,
        nn.Flatten(),
        nn.Linear(flat, code),
        nn.Linear(code, flat),
        nn.GELU(),
        nn.Unflatten(1, (width, side, side)),
        *up,
    )
