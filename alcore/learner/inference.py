"""Owns what a trained model says about images: probabilities and embeddings, block by block.

N images asked about, C classes, D embedding width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from alcore.learner.calibration import temper
from alcore.learner.checkpoints import Model
from alcore.learner.predictions import Predictions
from alcore.learner.training import as_tensor


def predict(
    model: Model,
    pixels: np.ndarray,
    rows: np.ndarray,
    embeddings: bool,
    mirror: bool,
    progress: Callable[[float], None],
) -> Predictions:
    """Ask the model about the given rows (N,) of pixels (M, H, W, 3) uint8, maybe a memmap.

    Only a block of images is in memory at a time. With `mirror`, and where the model was
    trained on mirrored images, probabilities are the mean of the image and its mirror image,
    before the model's temperature is applied;
    embeddings are of the image itself. `progress` is told the share done after each block.
    """
    network = fused(model.network)
    probabilities = np.empty((len(rows), model.architecture.classes), np.float32)
    embedded: list[np.ndarray] = []
    with torch.inference_mode():
        for place, images in blocks(model, pixels, rows):
            features = network.features(images)
            share = network.head(features).softmax(dim=1)
            if mirror and model.mirror:
                share = (share + network(images.flip(3)).softmax(dim=1)) / 2
            probabilities[place] = temper(share.cpu().numpy(), model.temperature)
            if embeddings:
                embedded.append(features.cpu().numpy())
            progress(place.stop / len(rows))
    width = model.network.head.in_features
    stacked = np.concatenate(embedded) if embedded else np.empty((0, width), np.float32)
    return Predictions(probabilities, stacked if embeddings else None)


def blocks(
    model: Model, pixels: np.ndarray, rows: np.ndarray
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield the given rows (N,) of pixels as tensors on the model's device, and their places."""
    device = next(model.network.parameters()).device
    size = block_size(model.architecture.resolution, device)
    for start in range(0, len(rows), size):
        stop = min(start + size, len(rows))
        yield (
            slice(start, stop),
            as_tensor(pixels[rows[start:stop]], model.architecture.channels).to(device),
        )


def block_size(resolution: int, device: torch.device) -> int:
    """Return images per block: 256 of 32×32 fit a CPU's cache; accelerators take 16 times more."""
    size = min(1024, max(8, 256 * 32 * 32 // resolution**2))
    return size if device.type == "cpu" else 16 * size


AnyModule = TypeVar("AnyModule", bound=nn.Module)


def fused(network: AnyModule) -> AnyModule:
    """Return a copy for inference with each batch norm folded into the convolution before it.

    A norm of timm's brings its activation along, which stays.
    """
    folded = copy.deepcopy(network).eval()
    for parent in list(folded.modules()):
        children = list(parent.named_children())
        for (first, convolution), (second, norm) in pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, first, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, second, getattr(norm, "act", nn.Identity()))
    return folded
