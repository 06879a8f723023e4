"""Owns what strategies are told about candidates: each signal one function, each computed once.

P candidates, L labeled items, M holdout items, C classes, K passes or members, T checkpoints,
A views, F features of inner layers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from alcore.learner import autoencoder, deepfool, heads, inference
from alcore.learner.architecture import Network
from alcore.learner.augmentation import AUGMENTATIONS, vary_light
from alcore.learner.checkpoints import Model
from alcore.learner.predictions import Predictions
from alcore.learner.progress import OnProgress, part
from alcore.strategies import Need, Signals
from alcore.strategies.costs import EXTRA, SUBSET

VIEWS = 4
_SUBSET_FOR: frozenset[Need] = frozenset(
    {"history", "inner_history", "augmented", "predicted_loss", "reconstruction_loss"}
)
_MOST_VALUES = 2**26
"""Probabilities (P, K, C) of an ensemble that may exist: 256 MB."""
_SHORTLIST = 300
"""Candidates, those of smallest margin, whose flip distance is computed."""

Arrays = dict[str, np.ndarray]


class Traces:
    """What a training leaves behind besides its model, where a signal needs it."""

    def __init__(self, needs: frozenset[Need]) -> None:
        self.snapshots: list[Network] = []
        """T copies of the network, taken while it learned; only for histories."""
        self._keeps = not needs.isdisjoint({"history", "inner_history"})
        self.loss_module = "predicted_loss" in needs
        """Whether the network needs a loss module beside it."""

    def watch(self, network: Network) -> None:
        """Copy the network, if its history is needed."""
        if self._keeps:
            self.snapshots.append(copy.deepcopy(network))


@dataclass(frozen=True)
class Material:
    """What signals are computed from."""

    model: Model
    pixels: np.ndarray
    """(N, H, W, 3) uint8, maybe a memmap."""
    rows: np.ndarray
    """(P,) rows of the candidates."""
    labeled_rows: np.ndarray
    labeled_ids: np.ndarray
    labels: np.ndarray
    """(L,) int64 class positions."""
    pool: Predictions
    """Of the candidates, with embeddings."""
    held: Predictions
    """Of the holdout."""
    traces: Traces
    augmentation: str
    at_least: int
    """Candidates that will be asked for: no shortlist is shorter."""
    seed: Callable[[str], int]
    """Gives each signal a seed of its own."""


def most(needs: frozenset[Need], classes: int) -> int | None:
    """Return how many candidates are looked at, at most; None for no limit."""
    limits = []
    if not needs.isdisjoint(_SUBSET_FOR):
        limits.append(SUBSET)
    members = {"dropout": heads.PASSES, "committee": heads.MEMBERS}
    limits += [max(1, _MOST_VALUES // (k * classes)) for n, k in members.items() if n in needs]
    return min(limits, default=None)


def passes(needs: frozenset[Need]) -> float:
    """Return about how many further passes over the pool these signals are worth, for progress."""
    costly = [EXTRA[need] for need in needs if need in EXTRA]
    return sum(over_the_pool + images / SUBSET for over_the_pool, images, _ in costly)


def gather(needs: frozenset[Need], material: Material, on_progress: OnProgress) -> Signals:
    """Compute all the signals that are needed, each once; `on_progress` hears the share done."""
    arrays: Arrays = {
        "probabilities": material.pool.probabilities,
        "labeled_ids": material.labeled_ids,
    }
    from_labeled = [signal for name, signal in _FROM_LABELED.items() if name in needs]
    from_pool = [signal for name, signal in _FROM_POOL.items() if name in needs]
    parts = len(from_pool) + bool(from_labeled)
    if from_labeled:
        labeled = inference.predict(
            material.model,
            material.pixels,
            material.labeled_rows,
            True,
            False,
            part(on_progress, 0, 1 / parts),
        )
        for compute in from_labeled:
            arrays |= compute(material, labeled)
    for place, signal in enumerate(from_pool, start=bool(from_labeled)):
        arrays |= signal(material, part(on_progress, place / parts, (place + 1) / parts))
        on_progress((place + 1) / parts)
    return Signals(**arrays)


# -- from one pass of the network --------------------------------------------------------------


def _embeddings(material: Material, labeled: Predictions) -> Arrays:
    return {"embeddings": material.pool.embedded(), "labeled_embeddings": labeled.embedded()}


def _labeled_probabilities(material: Material, labeled: Predictions) -> Arrays:
    return {"labeled_probabilities": labeled.probabilities}


def _logits(material: Material, on_progress: OnProgress) -> Arrays:
    return {"logits": _head(material.model, material.pool)}


def _holdout_logits(material: Material, on_progress: OnProgress) -> Arrays:
    return {"holdout_logits": _head(material.model, material.held)}


def _head(model: Model, predictions: Predictions) -> np.ndarray:
    """Return logits (N, C) float32 of embeddings: the head is all that stands between them."""
    head = model.network.head
    weight, bias = (p.detach().float().cpu().numpy() for p in (head.weight, head.bias))
    logits: np.ndarray = predictions.embedded() @ weight.T + bias
    return logits


def _dropout(material: Material, labeled: Predictions) -> Arrays:
    probabilities = heads.dropout(
        material.model.network.head,
        material.pool.embedded(),
        labeled.embedded(),
        material.labels,
        _generator(material, "dropout"),
    )
    return {"dropout": probabilities}


def _committee(material: Material, labeled: Predictions) -> Arrays:
    probabilities = heads.committee(
        material.pool.embedded(),
        labeled.embedded(),
        material.labels,
        material.model.architecture.classes,
        _generator(material, "committee"),
    )
    return {"committee": probabilities}


# -- from further passes -----------------------------------------------------------------------


def _history(material: Material, on_progress: OnProgress) -> Arrays:
    rows = np.concatenate([material.rows, material.labeled_rows])
    shape = (len(rows), len(material.traces.snapshots), material.model.architecture.classes)
    history = np.empty(shape, np.float32)
    for t, network in enumerate(material.traces.snapshots):
        folded = inference.fused(network)
        with torch.inference_mode():
            for place, images in inference.blocks(material.model, material.pixels, rows):
                history[place, t] = folded(images).softmax(dim=1).cpu().numpy()
                on_progress((t + place.stop / len(rows)) / len(material.traces.snapshots))
    return {
        "history": history[: len(material.rows)],
        "labeled_history": history[len(material.rows) :],
    }


def _inner_history(material: Material, on_progress: OnProgress) -> Arrays:
    """Return the mean of each feature map after each stage, at each checkpoint."""
    rows = np.concatenate([material.rows, material.labeled_rows])
    shape = (len(rows), len(material.traces.snapshots), sum(material.model.network.widths))
    history = np.empty(shape, np.float16)
    for t, network in enumerate(material.traces.snapshots):
        folded = inference.fused(network)
        with torch.inference_mode():
            for place, images in inference.blocks(material.model, material.pixels, rows):
                means = [m.mean(dim=(2, 3)) for m in folded.outputs(images)]
                history[place, t] = torch.cat(means, dim=1).cpu().numpy()
                on_progress((t + place.stop / len(rows)) / len(material.traces.snapshots))
    pool, labeled_part = history[: len(material.rows)], history[len(material.rows) :]
    return {"inner_history": pool, "labeled_inner_history": labeled_part}


def _augmented(material: Material, on_progress: OnProgress) -> Arrays:
    """Return probabilities of views: the project's augmentation, and other light."""
    generator, augment = _generator(material, "augmented"), AUGMENTATIONS[material.augmentation]
    network = inference.fused(material.model.network)
    probabilities = np.empty(
        (len(material.rows), VIEWS, material.model.architecture.classes), np.float32
    )
    with torch.inference_mode():
        for place, images in inference.blocks(material.model, material.pixels, material.rows):
            for view in range(VIEWS):
                views = vary_light(augment(images, generator), generator)
                probabilities[place, view] = network(views).softmax(dim=1).cpu().numpy()
            on_progress(place.stop / len(material.rows))
    return {"augmented": probabilities}


def _predicted_loss(material: Material, on_progress: OnProgress) -> Arrays:
    network = inference.fused(material.model.network)
    loss_of = network.loss_module
    if loss_of is None:
        raise ValueError("the network was trained without the module that predicts its loss")
    losses = np.empty(len(material.rows), np.float32)
    with torch.inference_mode():
        for place, images in inference.blocks(material.model, material.pixels, material.rows):
            losses[place] = loss_of(list(network.outputs(images))).cpu().numpy()
            on_progress(place.stop / len(material.rows))
    return {"predicted_loss": losses}


def _reconstruction_loss(material: Material, on_progress: OnProgress) -> Arrays:
    # All of the pool that is looked at, labeled or not, so that age in the pool plays no part.
    losses = autoencoder.reconstruction_losses(
        material.pixels,
        np.concatenate([material.rows, material.labeled_rows]),
        material.rows,
        material.model.architecture.channels,
        _generator(material, "reconstruction"),
        on_progress,
    )
    return {"reconstruction_loss": losses}


def _flip_distance(material: Material, on_progress: OnProgress) -> Arrays:
    network = inference.fused(material.model.network).requires_grad_(False)
    top = np.partition(material.pool.probabilities, -2, axis=1)
    size = max(_SHORTLIST, material.at_least)
    shortlist = np.argsort(top[:, -1] - top[:, -2], kind="stable")[:size]
    flip_distances = np.full(len(material.rows), np.nan, np.float32)
    for place, images in inference.blocks(
        material.model, material.pixels, material.rows[shortlist]
    ):
        distances, _ = deepfool.flip(network, images)
        flip_distances[shortlist[place]] = distances.cpu().numpy()
        on_progress(place.stop / len(shortlist))
    return {"flip_distance": flip_distances}


def _generator(material: Material, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(material.seed(purpose))


_FROM_LABELED: Mapping[Need, Callable[[Material, Predictions], Arrays]] = {
    "embeddings": _embeddings,
    "labeled_probabilities": _labeled_probabilities,
    "dropout": _dropout,
    "committee": _committee,
}
"""Signals for which the labeled items are predicted too."""
_FROM_POOL: Mapping[Need, Callable[[Material, OnProgress], Arrays]] = {
    "logits": _logits,
    "holdout_logits": _holdout_logits,
    "history": _history,
    "inner_history": _inner_history,
    "augmented": _augmented,
    "predicted_loss": _predicted_loss,
    "reconstruction_loss": _reconstruction_loss,
    "flip_distance": _flip_distance,
}
