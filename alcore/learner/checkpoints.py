"""Owns trained models and their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from alcore.errors import CheckpointMismatch, TrainingImpossible
from alcore.learner import files, networks
from alcore.learner.architecture import Architecture, Network

FORMAT = "alcore checkpoint 1"
BESIDE = "beside."
"""Begins the names of tensors that are no part of the network: of what it is mixed with."""


@dataclass(frozen=True)
class Model:
    """A trained network and what it takes to use it again."""

    network: Network
    architecture: Architecture
    class_names: tuple[str, ...]
    """Names in the order of its probabilities."""
    mirror: bool
    """Mirrored images mean the same, so that both may be asked about."""
    minibatches: int
    """How many it was trained on."""
    loss: float
    """Mean training loss of the last tenth of them, in nats."""
    mode: str = "fresh"
    """What the weights began as: fresh, shrink_perturb or warm."""
    pretrained: str = ""
    """Source of the weights that a fresh training began with; empty for random ones."""
    temperature: float = 1.0
    """Its probabilities are softmax(logits / temperature)."""
    notes: tuple[str, ...] = ()
    """What did not go as asked, a sentence each, such as a smaller minibatch."""

    def save(self, path: Path) -> None:
        """Write the model to a file; whatever happens, an older file there is whole.

        Raises WorkspaceUnusable where the disk is full or cannot be written.
        """
        save(path, self)


def save(
    path: Path,
    model: Model,
    beside: Mapping[str, Tensor] = MappingProxyType({}),
    about_beside: Mapping[str, Any] | None = None,
) -> None:
    """Write a model, and what it is mixed with beside it. Raises WorkspaceUnusable."""
    about = {
        "architecture": asdict(model.architecture),
        "class_names": model.class_names,
        "mirror": model.mirror,
        "minibatches": model.minibatches,
        "loss": model.loss,
        "mode": model.mode,
        "pretrained": model.pretrained,
        "temperature": model.temperature,
        "notes": model.notes,
    }
    if about_beside is not None:
        about[BESIDE] = about_beside
    files.write(path, {**model.network.state_dict(), **beside}, FORMAT, about)


def load(path: Path, device: torch.device | None = None) -> Model:
    """Read a model; raises CheckpointMismatch for a damaged file or one that does not fit."""
    tensors, about = files.read(path, FORMAT)
    tensors = {k: t for k, t in tensors.items() if not k.startswith(BESIDE)}
    about.pop(BESIDE, None)
    name = Path(path).name
    try:
        architecture = Architecture(**about.pop("architecture"))
        about["class_names"] = tuple(about["class_names"])
        about["notes"] = tuple(about.get("notes", ()))
        network = networks.build(architecture)
        files.check(tensors, network.state_dict(), f"checkpoint {name}")
        network.load_state_dict(tensors)
        network.to(device or torch.device("cpu")).to(memory_format=torch.channels_last).eval()
        return Model(network=network, architecture=architecture, **about)
    except (KeyError, TypeError, ValueError, TrainingImpossible) as error:
        raise CheckpointMismatch(f"checkpoint {name} does not describe a model: {error}") from error
