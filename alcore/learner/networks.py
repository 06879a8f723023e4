"""Owns the registry of networks, each for any channels, resolution and classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alcore.errors import TrainingImpossible
from alcore.learner.architecture import Architecture, Network
from alcore.learner.backbones import BACKBONES, Backbone
from alcore.learner.learning_loss import LossModule
from alcore.learner.small_cnns import SmallCNN, StudyACNN

SMALLEST, LARGEST = 8, 224


def _small_cnn_with_loss_module(architecture: Architecture) -> Network:
    network = SmallCNN(architecture)
    network.loss_module = LossModule(network.widths)
    return network


NETWORKS: Mapping[str, Callable[[Architecture], Network]] = {
    "small CNN": SmallCNN,
    "small CNN with loss module": _small_cnn_with_loss_module,
    "study A": StudyACNN,
    **dict.fromkeys(BACKBONES, Backbone),
}


def build(architecture: Architecture) -> Network:
    """Return a fresh network; raises TrainingImpossible for a name or a size it cannot have."""
    if architecture.network not in NETWORKS:
        raise TrainingImpossible(
            f"no network called {architecture.network!r}; choose from {', '.join(NETWORKS)}"
        )
    if architecture.channels not in (1, 3):
        raise TrainingImpossible(f"images have {architecture.channels} channels; must be 1 or 3")
    if not SMALLEST <= architecture.resolution <= LARGEST:
        raise TrainingImpossible(
            f"images are {architecture.resolution} pixels wide; must be {SMALLEST} to {LARGEST}"
        )
    if architecture.classes < 2:
        raise TrainingImpossible(f"{architecture.classes} classes; a model needs at least 2")
    network = NETWORKS[architecture.network](architecture)
    if architecture.loss_module and network.loss_module is None:
        network.loss_module = LossModule(network.widths)
    return network
