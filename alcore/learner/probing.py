"""Owns what a head says before the rest is trained: a linear probe of the pretrained weights.

A random head sends random gradients into weights that are good already. One that is fitted to
their embeddings first leaves them what they have learnt. Kumar et al. 2022, "Fine-tuning can
distort pretrained features". L labeled images, D embedding width, C classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alcore import linear_head
from alcore.learner.architecture import Network

_MOST = 5_000
"""Labeled images that a probe looks at."""
_STEPS = 100


@torch.inference_mode()
def fit_head(network: Network, images: Tensor, targets: Tensor, mirror: bool, size: int) -> None:
    """Fit the network's head in place, `size` images at a time; nothing else changes.

    images (L, …) uint8 and targets (L,) int64, evenly spaced ones if there are many. With
    `mirror` their mirror images count too. The ridge weighs as much as all images together,
    however many there are: the head shall point the right way, and training makes it sure.
    Embeddings that are not finite leave the head alone.
    """
    step = -(-len(targets) // _MOST)
    images, labels = images[::step], targets[::step].cpu().numpy()
    views = [images, images.flip(3)] if mirror else [images]
    network.eval()
    features = [network.features(x).cpu() for part in views for x in part.split(size)]
    embeddings = torch.cat(features).numpy()
    if not np.isfinite(embeddings).all():
        return
    middle, spread = embeddings.mean(axis=0), embeddings.var(axis=0)
    classes, width = network.head.weight.shape
    one_hot = np.tile(np.eye(classes, dtype=np.float32)[labels], (len(views), 1))
    zero = np.zeros((width + 1, classes), np.float32)
    head = linear_head.refit(
        embeddings - middle, one_hot, zero, zero, spread, _STEPS, len(embeddings) / len(zero)
    )
    weight = torch.from_numpy(head[:-1].T.copy())
    network.head.weight.copy_(weight)
    network.head.bias.copy_(torch.from_numpy(head[-1]) - weight @ torch.from_numpy(middle))
