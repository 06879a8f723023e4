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
from torch import nn

from alcore.learner import autoencoder, deepfool, heads, inference
from alcore.learner.augmentation import AUGMENTATIONS, vary_light
from alcore.learner.checkpoints import Model
from alcore.learner.inference import Predictions
from alcore.strategies import Need, Signals
from alcore.strategies.costs import EXTRA, SUBSET

VIEWS = 4
_SUBSET_FOR: frozenset[Need] = frozenset(
    {"history", "inner_history", "augmented", "predicted_loss", "reconstruction_loss"}
)
_MOST_VALUES = 2**26
"""Probabilities (P, K, C) of several opinions that may exist: 256 MB."""
_SHORTLIST = 300
"""Candidates, those of smallest margin, whose flip distance is computed."""

Told = Callable[[float], None]
Arrays = dict[str, np.ndarray]


class Traces:
    """What a training leaves behind besides its model, where a signal needs it."""

    def __init__(self, needs: frozenset[Need]) -> None:
        self.snapshots: list[nn.Module] = []
        """T copies of the network, taken while it learned; only for histories."""
        self._keeps = not needs.isdisjoint({"history", "inner_history"})
        self.loss_module = "predicted_loss" in needs
        """Whether the network needs a loss module beside it."""

    def watch(self, network: nn.Module) -> None:
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
    opinions = {"dropout": heads.PASSES, "committee": heads.MEMBERS}
    limits += [max(1, _MOST_VALUES // (k * classes)) for n, k in opinions.items() if n in needs]
    return min(limits, default=None)


def passes(needs: frozenset[Need]) -> float:
    """Return about how many further passes over the pool these signals are worth, for progress."""
    costly = [EXTRA[need] for need in needs if need in EXTRA]
    return sum(over_the_pool + images / SUBSET for over_the_pool, images, _ in costly)


def gather(needs: frozenset[Need], given: Material, told: Told) -> Signals:
    """Compute all the signals that are needed, each once; `told` hears the share done."""
    arrays: Arrays = {"probabilities": given.pool.probabilities, "labeled_ids": given.labeled_ids}
    labeled: Predictions | None = None
    wanted = [name for name in _SIGNALS if name in needs]
    asks_labeled = not needs.isdisjoint(_FROM_LABELED)
    parts = len(wanted) + asks_labeled

    def share(part: int) -> Told:
        return lambda done: told((part + done) / parts)

    if asks_labeled:
        labeled = inference.predict(
            given.model, given.pixels, given.labeled_rows, True, False, share(0)
        )
    for part, name in enumerate(wanted, start=int(asks_labeled)):
        arrays |= _SIGNALS[name](given, labeled, share(part))
        share(part)(1.0)
    return Signals(**arrays)


# -- from one pass of the network --------------------------------------------------------------


def _embeddings(given: Material, labeled: Predictions, told: Told) -> Arrays:
    return {"embeddings": given.pool.embeddings, "labeled_embeddings": labeled.embeddings}


def _labeled_probabilities(given: Material, labeled: Predictions, told: Told) -> Arrays:
    return {"labeled_probabilities": labeled.probabilities}


def _logits(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    return {"logits": _head(given.model, given.pool)}


def _holdout_logits(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    return {"holdout_logits": _head(given.model, given.held)}


def _head(model: Model, found: Predictions) -> np.ndarray:
    """Return logits (N, C) float32 of embeddings: the head is all that stands between them."""
    head = model.network.head
    weight, bias = (p.detach().float().cpu().numpy() for p in (head.weight, head.bias))
    return found.embeddings @ weight.T + bias


def _dropout(given: Material, labeled: Predictions, told: Told) -> Arrays:
    found = heads.dropout(
        given.model.network.head,
        given.pool.embeddings,
        labeled.embeddings,
        given.labels,
        _generator(given, "dropout"),
    )
    return {"dropout": found}


def _committee(given: Material, labeled: Predictions, told: Told) -> Arrays:
    found = heads.committee(
        given.pool.embeddings,
        labeled.embeddings,
        given.labels,
        given.model.architecture.classes,
        _generator(given, "committee"),
    )
    return {"committee": found}


# -- from further passes -----------------------------------------------------------------------


def _history(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    rows = np.concatenate([given.rows, given.labeled_rows])
    shape = (len(rows), len(given.traces.snapshots), given.model.architecture.classes)
    found = np.empty(shape, np.float16)
    for t, network in enumerate(given.traces.snapshots):
        folded = inference.fused(network)
        with torch.inference_mode():
            for place, images in inference.blocks(given.model, given.pixels, rows):
                found[place, t] = folded(images).float().softmax(dim=1).cpu().numpy()
                told((t + place.stop / len(rows)) / len(given.traces.snapshots))
    return {"history": found[: len(given.rows)], "labeled_history": found[len(given.rows) :]}


def _inner_history(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    """Return the mean of each feature map after each stage, at each checkpoint."""
    rows = np.concatenate([given.rows, given.labeled_rows])
    shape = (len(rows), len(given.traces.snapshots), sum(given.model.network.widths))
    found = np.empty(shape, np.float16)
    for t, network in enumerate(given.traces.snapshots):
        folded = inference.fused(network)
        with torch.inference_mode():
            for place, images in inference.blocks(given.model, given.pixels, rows):
                means = [m.float().mean(dim=(2, 3)) for m in folded.outputs(images)]
                found[place, t] = torch.cat(means, dim=1).cpu().numpy()
                told((t + place.stop / len(rows)) / len(given.traces.snapshots))
    pool, labeled_part = found[: len(given.rows)], found[len(given.rows) :]
    return {"inner_history": pool, "labeled_inner_history": labeled_part}


def _augmented(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    """Return probabilities of views: the project's augmentation, and other light."""
    generator, augment = _generator(given, "augmented"), AUGMENTATIONS[given.augmentation]
    network = inference.fused(given.model.network)
    found = np.empty((len(given.rows), VIEWS, given.model.architecture.classes), np.float16)
    with torch.inference_mode():
        for place, images in inference.blocks(given.model, given.pixels, given.rows):
            for view in range(VIEWS):
                seen = vary_light(augment(images, generator), generator)
                found[place, view] = network(seen).float().softmax(dim=1).cpu().numpy()
            told(place.stop / len(given.rows))
    return {"augmented": found}


def _predicted_loss(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    network = inference.fused(given.model.network)
    found = np.empty(len(given.rows), np.float32)
    with torch.inference_mode():
        for place, images in inference.blocks(given.model, given.pixels, given.rows):
            found[place] = network.loss_module(list(network.outputs(images))).cpu().numpy()
            told(place.stop / len(given.rows))
    return {"predicted_loss": found}


def _reconstruction_loss(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    # All of the pool that is looked at, labeled or not, so that age in the pool plays no part.
    found = autoencoder.reconstruction_losses(
        given.pixels,
        np.concatenate([given.rows, given.labeled_rows]),
        given.rows,
        given.model.architecture.channels,
        _generator(given, "reconstruction"),
        told,
    )
    return {"reconstruction_loss": found}


def _flip_distance(given: Material, labeled: Predictions | None, told: Told) -> Arrays:
    network = inference.fused(given.model.network).requires_grad_(False)
    top = np.partition(given.pool.probabilities, -2, axis=1)
    size = max(_SHORTLIST, given.at_least)
    shortlist = np.argsort(top[:, -1] - top[:, -2], kind="stable")[:size]
    found = np.full(len(given.rows), np.nan, np.float32)
    for place, images in inference.blocks(given.model, given.pixels, given.rows[shortlist]):
        distances, _ = deepfool.flip(network, images)
        found[shortlist[place]] = distances.cpu().numpy()
        told(place.stop / len(shortlist))
    return {"flip_distance": found}


def _generator(given: Material, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(given.seed(purpose))


_SIGNALS: Mapping[Need, Callable[[Material, Predictions | None, Told], Arrays]] = {
    "embeddings": _embeddings,
    "labeled_probabilities": _labeled_probabilities,
    "logits": _logits,
    "holdout_logits": _holdout_logits,
    "dropout": _dropout,
    "committee": _committee,
    "history": _history,
    "inner_history": _inner_history,
    "augmented": _augmented,
    "predicted_loss": _predicted_loss,
    "reconstruction_loss": _reconstruction_loss,
    "flip_distance": _flip_distance,
}
_FROM_LABELED: frozenset[Need] = frozenset(
    {"embeddings", "labeled_probabilities", "dropout", "committee"}
)
