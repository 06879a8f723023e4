"""Owns trained models and their files: safetensors, never pickle.

A file appears whole or not at all: it is written beside its place, flushed to disk, renamed.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from alcore.errors import CheckpointMismatch, TrainingImpossible, WorkspaceUnusable
from alcore.learner import networks
from alcore.learner.networks import Architecture

FORMAT = "alcore checkpoint 1"


@dataclass(frozen=True)
class Model:
    """A trained network and what it takes to use it again."""

    network: nn.Module
    architecture: Architecture
    class_names: tuple[str, ...]
    """Names in the order of its probabilities."""
    mirror: bool
    """Mirrored images mean the same, so that both may be asked about."""
    minibatches: int
    """How many it was trained on."""
    loss: float
    """Mean training loss of the last tenth of them, in nats."""

    def save(self, path: Path) -> None:
        """Write the model to a file; whatever happens, an older file there is whole.

        Raises WorkspaceUnusable where the disk is full or cannot be written.
        """
        path = Path(path)
        about = {
            "architecture": asdict(self.architecture),
            "class_names": self.class_names,
            "mirror": self.mirror,
            "minibatches": self.minibatches,
            "loss": self.loss,
        }
        tensors = {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in self.network.state_dict().items()
        }
        raw = safetensors.torch.save(tensors, {"format": FORMAT, "model": json.dumps(about)})
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            _write(beside, raw)
            os.replace(beside, path)
            _flush_folder(path.parent)
        except OSError as error:
            raise WorkspaceUnusable(
                f"cannot write the checkpoint {path.name} ({len(raw):,} bytes): "
                f"{error.strerror or error}; free some space or check the folder's rights"
            ) from error
        finally:
            with suppress(OSError):  # there is nothing left after the renaming
                beside.unlink()


def load(path: Path, device: torch.device | None = None) -> Model:
    """Read a model; raises CheckpointMismatch for a damaged file or one that does not fit."""
    path = Path(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointMismatch(f"there is no checkpoint {path.name}") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointMismatch(f"checkpoint {path.name} is damaged: {error}") from error
    if metadata.get("format") != FORMAT:
        raise CheckpointMismatch(
            f"{path.name} has format {metadata.get('format')!r}; must be {FORMAT!r}"
        )
    try:
        about = json.loads(metadata["model"])
        architecture = Architecture(**about.pop("architecture"))
        about["class_names"] = tuple(about["class_names"])
        network = networks.build(architecture)
        fill(network, tensors, path.name)
        network.to(device or torch.device("cpu"), memory_format=torch.channels_last).eval()
        return Model(network=network, architecture=architecture, **about)
    except (KeyError, TypeError, ValueError, TrainingImpossible) as error:
        raise CheckpointMismatch(
            f"checkpoint {path.name} does not describe a model: {error}"
        ) from error


def fill(network: nn.Module, tensors: dict[str, torch.Tensor], name: str) -> None:
    """Copy tensors into a network; raises CheckpointMismatch naming what does not fit."""
    wanted = network.state_dict()
    if missing := sorted(set(wanted) - set(tensors)):
        raise CheckpointMismatch(f"checkpoint {name} lacks {', '.join(missing[:5])}")
    if extra := sorted(set(tensors) - set(wanted)):
        raise CheckpointMismatch(f"checkpoint {name} has unknown {', '.join(extra[:5])}")
    for key, tensor in tensors.items():
        if tensor.shape != wanted[key].shape:
            raise CheckpointMismatch(
                f"{key} in checkpoint {name} has shape {tuple(tensor.shape)}; "
                f"must be {tuple(wanted[key].shape)}"
            )
    network.load_state_dict(tensors)


def _write(path: Path, raw: bytes) -> None:
    with open(path, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make a renaming last through a power cut; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
