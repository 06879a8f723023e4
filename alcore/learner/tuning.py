"""Owns the tuning of an extractor: its last stages learn from the labels of a project.

They begin with the weights that the extractor brings, and with a head that fits the labels already:
gradients of a random head would spoil what the weights know (Kumar et al. 2022). The stages before
stay, so that each labeled image passes those once. L labels, V views of each, C classes, K
directions, maps of c channels and h x w places.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from alcore.errors import WeightsUnavailable
from alcore.feature_space import ExtractorWeights, FeatureSpace
from alcore.learner import device as devices
from alcore.learner import extractors, files
from alcore.learner.adamw import AdamW, Group, OneCycle
from alcore.learner.costs import tuning_images
from alcore.learner.extractors import Extractor, ExtractorPasses, Stages
from alcore.learner.progress import OnProgress
from alcore.learner.views import FLIPS
from alcore.records import Features

FORMAT = "alcore tuned stages 1"
Weights = Mapping[str, Tensor]
"""Of the stages that are tuned, by name, float16."""
_MINIBATCH = 32
_PLACES = 1600
"""Of maps that go through the stages at a time, which takes 160 MB: 16 images of 160 pixels."""
_RATE, _HEAD_RATE = 1e-4, 3e-4
_RISING = 0.1
_WEIGHT_DECAY, _SMOOTHING = 0.01, 0.1


@dataclass(frozen=True)
class TuningTask:
    """What the last stages learn from."""

    maps: np.ndarray
    """(V, L, h, w, c) float16, as `maps_of` gives them, maybe a memmap."""
    labels: np.ndarray
    """(L,) int64 class positions, of at least two classes."""
    head: np.ndarray
    """(K + 1, C) that fits them on features as they are."""
    space: FeatureSpace
    """Of these features."""
    seed: int


def can_be_tuned(extractor: Extractor) -> bool:
    """Tell whether an extractor has stages of its own that can learn."""
    return isinstance(extractor.network, Stages)


@torch.inference_mode()
def maps_of(extractor: Extractor, images: np.ndarray, side: int, augmentation: str) -> np.ndarray:
    """Return what the last stages shall see of images (n, R, R, 3) uint8: (V, n, h, w, c) float16.

    The second view is the mirror image, where that means the same. Call within `device.computing`.
    """
    network = extractor.network
    assert isinstance(network, Stages)
    x = extractors.scaled(extractor, images, side)
    views = [x, x.flip(3)] if augmentation in FLIPS else [x]
    passes = ExtractorPasses(extractor).to(x.device)
    with devices.passes_of_extractors(x.device):
        maps = [network.enter(passes.normal(view)) for view in views]
    return torch.stack(maps).permute(0, 1, 3, 4, 2).to(torch.float16).cpu().numpy()


def tune(extractor: Extractor, task: TuningTask, on_progress: OnProgress) -> Weights:
    """Return weights of the last stages that tell the labels apart, in float16.

    In float32, whatever the processor: passes back through depthwise convolutions take twice as
    long in bfloat16. `on_progress` may raise. Call within `device.computing`.
    """
    assert isinstance(extractor.network, Stages)
    network = copy.deepcopy(extractor.network)
    parameters = [p.requires_grad_(True) for p in network.asked.parameters()]
    device = parameters[0].device
    head = torch.tensor(task.head, device=device, requires_grad=True)
    optimizer = AdamW([Group(parameters, _RATE, _WEIGHT_DECAY), Group([head], _HEAD_RATE, 0.0)])
    steps = -(-tuning_images(len(task.labels)) // _MINIBATCH)
    schedule = OneCycle(optimizer.groups, steps, _RISING)
    project = _projection(task.space, device)
    rng = np.random.default_rng(task.seed)
    order = np.empty(0, np.int64)
    at_once = max(1, _PLACES // (task.maps.shape[2] * task.maps.shape[3]))
    for step in range(steps):
        while len(order) < _MINIBATCH:
            order = np.concatenate([order, rng.permutation(len(task.labels))])
        rows, order = np.sort(order[:_MINIBATCH]), order[_MINIBATCH:]
        view = task.maps[rng.integers(len(task.maps))]
        for parameter in (*parameters, head):
            parameter.grad = None
        for some in np.split(rows, range(at_once, len(rows), at_once)):
            maps = torch.from_numpy(view[some].astype(np.float32)).to(device)
            points = project(network.leave(maps.permute(0, 3, 1, 2)))
            loss = functional.cross_entropy(
                points @ head[:-1] + head[-1],
                torch.from_numpy(task.labels[some]).to(device),
                label_smoothing=_SMOOTHING,
                reduction="sum",
            )
            (loss / len(rows)).backward()
        optimizer.step()
        schedule.step()
        on_progress((step + 1) / steps)
    weights = network.asked.state_dict()
    return {name: t.detach().to("cpu", torch.float16).contiguous() for name, t in weights.items()}


def save(folder: Path, weights: Weights, labels: int) -> str:
    """Write tuned weights; return the digest that names them. Raises WorkspaceUnusable."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].numpy().tobytes())
    name = digest.hexdigest()
    files.write(path_of(folder, name), dict(weights), FORMAT, {"labels": labels})
    return name


def path_of(folder: Path, digest: str) -> Path:
    """Name the file of tuned weights in the folder that has them."""
    return folder / f"weights-{digest}.safetensors"


def with_tuned(extractor: Extractor, folder: Path | None, digest: str) -> Extractor:
    """Return an extractor whose last stages have tuned weights.

    Raises WeightsUnavailable where their file is gone, CheckpointMismatch for another content.
    """
    path = None if folder is None else path_of(folder, digest)
    if path is None or not path.is_file():
        raise WeightsUnavailable(
            f"the weights of the stages that were tuned to labels ({digest}) are not here; they "
            "are in the folder “tuned” of the project that the model comes from"
        )
    weights, _ = files.read(path, FORMAT)
    assert isinstance(extractor.network, Stages)
    files.check(weights, extractor.network.asked.state_dict(), path.name)
    return put(weights, extractor, digest)


def put(weights: Weights, extractor: Extractor, digest: str) -> Extractor:
    """Return a copy of an extractor whose last stages have these weights."""
    network = copy.deepcopy(extractor.network)
    assert isinstance(network, Stages)
    network.asked.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return replace(extractor, network=network, digest=f"{extractor.digest}, {digest}")


def extractor_of(about: Features, weights: ExtractorWeights) -> Extractor:
    """Return the extractor that gave features. Raises as `extractors.build` and `with_tuned`."""
    extractor = extractors.build(about.extractor, weights.file, weights.downloads, about.layers)
    if not about.tuned:
        return extractor
    return with_tuned(extractor, weights.tuned, about.tuned)


def _projection(space: FeatureSpace, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Return what makes points (n, K) of features (n, D), as the space does."""
    mean, deviation, directions = (
        torch.from_numpy(np.ascontiguousarray(a)).to(device)
        for a in (space.mean, space.deviation, space.directions)
    )

    def project(features: Tensor) -> Tensor:
        return functional.normalize((features - mean) / deviation, dim=1) @ directions

    return project
