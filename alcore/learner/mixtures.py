"""Owns the files of models with a head on features, alone or mixed with a network.

A mixture's file is the checkpoint of its network, with the head and the space of its features
beside it: what reads checkpoints reads the network. C classes, K directions, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alcore.errors import CheckpointMismatch
from alcore.feature_space import FeaturePoints, FeatureSpace
from alcore.learner import checkpoints, files, inference
from alcore.learner.checkpoints import Model
from alcore.learner.extractors import Extractor, ExtractorPasses, Resize
from alcore.learner.predictions import Predictions
from alcore.records import Features

FORMAT = "alcore feature head 1"
_BLOCK = 32


@dataclass(frozen=True)
class Mixing:
    """How a head on features and a network are put together."""

    shares: tuple[float, ...]
    scales: tuple[float, ...]
    """By what their embeddings are multiplied."""
    temperature: float


def save(
    path: Path,
    model: Model,
    head: np.ndarray,
    table: FeaturePoints,
    mixing: Mixing,
) -> None:
    """Write a mixture: its network, the head (K + 1, C), how they are mixed, the features' space.

    Raises WorkspaceUnusable where the disk is full or cannot be written.
    """
    beside = {f"{checkpoints.BESIDE}{name}": tensor for name, tensor in _tensors(head, table.space)}
    about = {
        "features": asdict(table.features),
        **asdict(mixing),
    }
    checkpoints.save(path, model, beside, about)


def save_head(
    path: Path,
    head: np.ndarray,
    table: FeaturePoints,
    class_names: Sequence[str],
    temperature: float,
) -> None:
    """Write a head (K + 1, C) on features. Raises WorkspaceUnusable."""
    about = {
        "features": asdict(table.features),
        "class_names": tuple(class_names),
        "temperature": temperature,
    }
    files.write(path, dict(_tensors(head, table.space)), FORMAT, about)


@dataclass(frozen=True)
class Stored:
    """A model with a head on features, read back."""

    head: np.ndarray
    """(K + 1, C) float32."""
    space: FeatureSpace
    features: Features
    """Whose they are."""
    class_names: tuple[str, ...]
    temperature: float
    shares: tuple[float, ...] = (1.0,)
    """Of the head, and of the network where there is one."""
    scales: tuple[float, ...] = (1.0,)
    """By what their embeddings are multiplied."""
    network: Model | None = None

    @property
    def resolution(self) -> int:
        """Pixels a side of the images that it takes: as many as either part looks at."""
        other = self.network.architecture.resolution if self.network else 0
        return max(self.features.resolution, other)


def load(path: Path, device: torch.device | None = None) -> Stored | Model:
    """Read a model of any kind: one with a head on features, or a network alone.

    Raises CheckpointMismatch for a damaged file and for one that does not fit.
    """
    name = Path(path).name
    if files.form_of(path) == FORMAT:
        network, (tensors, about) = None, files.read(path, FORMAT)
    else:
        network = checkpoints.load(path, device)
        tensors, about = files.read(path, checkpoints.FORMAT)
        if checkpoints.BESIDE not in about:
            return network
        about = {**about[checkpoints.BESIDE], "class_names": network.class_names}
        tensors = {
            key.removeprefix(checkpoints.BESIDE): tensor
            for key, tensor in tensors.items()
            if key.startswith(checkpoints.BESIDE)
        }
    try:
        head, mean, deviation, directions = (
            tensors[part].numpy() for part in ("head", "mean", "deviation", "directions")
        )
        return Stored(
            head=head,
            space=FeatureSpace(mean, deviation, directions),
            features=Features(**about["features"]),
            class_names=tuple(about["class_names"]),
            temperature=about["temperature"],
            shares=tuple(about.get("shares", (1.0,))),
            scales=tuple(about.get("scales", (1.0,))),
            network=network,
        )
    except (KeyError, TypeError) as error:
        raise CheckpointMismatch(f"{name} does not describe a model: {error}") from error


class Whole(nn.Module):
    """A model with a head on features, from pixels on: all that ONNX is made of.

    It takes (n, R, R, 3) uint8 with R = `Stored.resolution`, and gives calibrated probabilities
    (n, C) and embeddings (n, D) float32 of the images themselves, without their mirror images.
    """

    head: Tensor
    mean: Tensor
    deviation: Tensor
    directions: Tensor

    def __init__(self, stored: Stored, extractor: Extractor) -> None:
        super().__init__()
        self.stored, side = stored, stored.resolution
        self.extractor = ExtractorPasses(extractor)
        reduced, seen = stored.features.resolution, stored.features.side
        self.to_extractor = nn.Sequential(Resize(side, reduced), Resize(reduced, seen))
        self.network = None
        if stored.network is not None:
            self.network = inference.fused(stored.network.network).float()
            self.to_network = Resize(side, stored.network.architecture.resolution)
        for name, tensor in _tensors(stored.head, stored.space):
            self.register_buffer(name, tensor)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        logits, embeddings = self.logits(pixels.permute(0, 3, 1, 2).float())
        return logits.softmax(dim=1), embeddings

    def logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return calibrated logits (n, C) and embeddings of images (n, 3, R, R) float, 0–255."""
        features = self.extractor(self.to_extractor(images))
        features = (features - self.mean) / self.deviation
        points = features / features.norm(dim=1, keepdim=True).clamp_min(1e-12) @ self.directions
        logs = [(points @ self.head[:-1] + self.head[-1]).log_softmax(dim=1)]
        embeddings = [points]
        if self.network is not None and self.stored.network is not None:
            channels = self.stored.network.architecture.channels
            embedding = self.network.features(self.to_network(images)[:, :channels])
            logs.append(self.network.head(embedding).log_softmax(dim=1))
            embeddings.append(embedding)
        mixture = sum(share * log for share, log in zip(self.stored.shares, logs, strict=True))
        joined = [s * e for s, e in zip(self.stored.scales, embeddings, strict=True)]
        return mixture / self.stored.temperature, torch.cat(joined, dim=1)


@torch.inference_mode()
def predict(whole: Whole, pixels: np.ndarray) -> Predictions:
    """Ask a model about images (n, R, R, 3) uint8, block by block."""
    parts = [
        whole(torch.from_numpy(np.array(pixels[start : start + _BLOCK])))
        for start in range(0, len(pixels), _BLOCK)
    ]
    classes, width = len(whole.stored.class_names), 0
    if not parts:
        return Predictions(np.zeros((0, classes), np.float32), np.zeros((0, width), np.float32))
    return Predictions(*(torch.cat(part).numpy() for part in zip(*parts, strict=True)))


def _tensors(head: np.ndarray, space: FeatureSpace) -> list[tuple[str, Tensor]]:
    arrays = {
        "head": head,
        "mean": space.mean,
        "deviation": space.deviation,
        "directions": space.directions,
    }
    return [(name, torch.from_numpy(np.ascontiguousarray(a))) for name, a in arrays.items()]
