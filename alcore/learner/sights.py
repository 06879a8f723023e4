"""Owns how trained models become networks that are looked into, and what is set beside them.

R pixels a side, S of what an extractor sees, C classes, D features.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from alcore.learner import extractors, inference, networks, transfer
from alcore.learner.architecture import Network
from alcore.learner.checkpoints import Model
from alcore.learner.extractors import Extractor, ExtractorPasses, Resize
from alcore.learner.mixtures import Stored
from alcore.learner.transfer import Pretrained
from alcore.learner.units import Sight


def of_model(model: Model) -> Sight:
    """Look into a model's own network, its classes included."""
    return _of_network(model, model.network, lambda output: output)


def of_start(model: Model, start: Pretrained) -> Sight:
    """Look into the network as its training began, from pretrained weights.

    Raises CheckpointMismatch for weights of something else.
    """
    network = networks.build(model.architecture)
    transfer.put(start, network, model.architecture)
    return _of_network(model, network, None)


def of_random(model: Model) -> Sight:
    """Look into the network with weights drawn by chance; what no training changes is the model's.

    Call within `device.computing`: the same seed draws the same weights.
    """
    network = networks.build(model.architecture)
    fixed = {name for name, weight in network.named_parameters() if not weight.requires_grad}
    kept = model.network.state_dict()
    network.load_state_dict(
        {name: kept[name] for name in (fixed | {"mean", "deviation"}) & kept.keys()}, strict=False
    )
    return _of_network(model, network, None)


def of_extractor(extractor: Extractor, side: int, stored: Stored | None, taught: bool) -> Sight:
    """Look into an extractor that sees S = `side` pixels, with the head on it where there is one.

    taught: with its weights, else with others that were drawn by chance and no head.
    """
    passes = ExtractorPasses(extractor)
    network = extractor.network.to("cpu") if taught else extractors.untaught(extractor)
    head = stored if taught else None
    return Sight.of(
        network,
        lambda images: (images - passes.mean) / passes.deviation,
        side,
        None if head is None else _head_of(head),
        0 if head is None else len(head.class_names),
    )


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """Scale images (n, R, R, 3) uint8 to another side, as an extractor gets them."""
    if pixels.shape[1] == side:
        return pixels
    resize = Resize(pixels.shape[1], side)
    parts = [
        resize(torch.from_numpy(image[None]).permute(0, 3, 1, 2).float()).round().to(torch.uint8)
        for image in pixels
    ]
    return torch.cat(parts).permute(0, 2, 3, 1).numpy()


def _of_network(model: Model, network: Network, logits: Callable[[Tensor], Tensor] | None) -> Sight:
    about = model.architecture
    return Sight.of(
        inference.fused(network).float(),
        lambda images: images[:, : about.channels],
        about.resolution,
        logits,
        about.classes,
    )


def _head_of(stored: Stored) -> Callable[[Tensor], Tensor]:
    """Return what gives logits (n, C) of features (n, D)."""
    space = stored.space
    mean, deviation, directions, head = (
        torch.from_numpy(np.ascontiguousarray(array, np.float32))
        for array in (space.mean, space.deviation, space.directions, stored.head)
    )

    def logits(features: Tensor) -> Tensor:
        scaled = (features - mean) / deviation
        points = scaled / scaled.norm(dim=1, keepdim=True).clamp_min(1e-12) @ directions
        return points @ head[:-1] + head[-1]

    return logits
