"""Owns trained models and their files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from alcore.errors import CheckpointMismatch, TrainingImpossible
from alcore.learner import files, networks
from alcore.learner.architecture import Architecture, Network

FORMAT = "alcore checkpoint 1"


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
        about = {
            "architecture": asdict(self.architecture),
            "class_names": self.class_names,
            "mirror": self.mirror,
            "minibatches": self.minibatches,
            "loss": self.loss,
            "mode": self.mode,
            "pretrained": self.pretrained,
            "temperature": self.temperature,
            "notes": self.notes,
        }
        files.write(path, self.network.state_dict(), FORMAT, about)


def load(path: Path, device: torch.device | None = None) -> Model:
    """Read a model; raises CheckpointMismatch for a damaged file or one that does not fit."""
    tensors, about = files.read(path, FORMAT)
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
