"""Owns what goes into a round and what comes out of it.

N items, L labels, M holdout items, P candidates, S stop items, C classes; images (N, H, W, 3)
uint8. Classes are positions 0 … C − 1. Durations in seconds.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alcore.config import LearnerRule, Precision
from alcore.errors import UnknownItem
from alcore.learner.checkpoints import Model
from alcore.records import Calibration, Evaluation, RecipeSummary, Selection, StopSignals


@dataclass(frozen=True)
class RoundInput:
    """All that a round depends on: the same input on the same machine gives the same result."""

    pixels: np.ndarray
    """(N, H, W, 3) uint8, maybe a memmap; row r is item_ids[r]."""
    item_ids: np.ndarray
    """(N,) int64, unique."""
    labeled_ids: np.ndarray
    labels: np.ndarray
    """(L,) int64 class positions of labeled_ids."""
    holdout_ids: np.ndarray
    holdout_labels: np.ndarray
    """(M,) int64; M may be 0."""
    candidate_ids: np.ndarray
    """(P,) int64 unlabeled pool items; labeled and holdout items among them are left out."""
    class_names: tuple[str, ...]
    channels: int
    strategy: str
    strategy_options: Mapping[str, Any]
    batch_size: int
    queue_size: int
    """Items to select: the batch first, then what the strategy would take next."""
    augmentation: str
    seed: int
    round_number: int
    stop_ids: np.ndarray
    """(S,) a fixed unlabeled set on which successive models are compared."""
    previous_stop: np.ndarray | None
    """(S,) what the last model predicted for them."""
    threads: int
    precision: Precision = "auto"
    """Arithmetic of the training."""
    question_ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """(Q,) items to predict for people only: neither candidates nor measured on."""
    votes: np.ndarray | None = None
    """(L, annotators) int64 class position that each gave of labeled_ids, -1 for none."""
    learner: LearnerRule = LearnerRule()
    pretrained: Path | None = None
    """Weights learned from the project's own images, if that was done."""
    downloads: Path | None = None
    """Folder for weights that are downloaded."""
    previous: Path | None = None
    """Checkpoint of the model before this one."""
    calibrations: tuple[Calibration, ...] = ()
    """The temperatures found so far, one per recipe."""
    minibatch: int | None = None
    """Images per minibatch where they shall be fewer than usual."""
    embeds: bool = True
    """Whether the embeddings of all images are wanted; experiments do without."""


@dataclass(frozen=True)
class RoundResult:
    """All that a round found; P counts the candidates that were scored."""

    evaluation: Evaluation
    stop: StopSignals
    selection: Selection
    uncertainty: tuple[int, ...]
    """Candidates per bin of 1 − (p₁ − p₂), 20 equal bins over 0–1."""
    batch_per_class: tuple[int, ...]
    """Predicted classes of the first batch_size items of the selection."""
    holdout_predicted: np.ndarray
    """(M,) int64."""
    holdout_confidence: np.ndarray
    """(M,) float32 probability of the predicted class."""
    stop_predicted: np.ndarray
    """(S,) int64."""
    candidate_ids: np.ndarray
    """(P,) int64, the candidates in the order of the next two."""
    scores: np.ndarray
    """(P,) float32, 1 − (p₁ − p₂) whatever the strategy."""
    candidate_predicted: np.ndarray
    """(P,) int64."""
    suggestions: np.ndarray
    """(len(selection), C) float32 probabilities of the selected items; of those that have a
    label, by a model that has not seen it."""
    questions: np.ndarray
    """(Q, C) float32 probabilities of the items in question_ids."""
    embeddings: np.ndarray
    """(N, D) float32 of all images, in the order of item_ids; (0, D) where not wanted."""
    head: np.ndarray
    """(D + 1, C) float32 last layer: weights, then the bias."""
    model: Model
    """Its temperature is that of the calibration: it answers with calibrated probabilities."""
    recipe: RecipeSummary
    calibration: Calibration | None
    """None while no temperature is known for the recipe: probabilities are the network's own."""
    seconds: Mapping[str, float]
    """train, evaluate, score, select."""
    versions: Mapping[str, str]
    minibatches: int
    final_loss: float


def generator(seed: int, round_number: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose in one round; others do not disturb it."""
    return np.random.default_rng([seed, round_number, zlib.crc32(purpose.encode())])


def number(given: RoundInput, purpose: str) -> int:
    """Return a seed for one purpose of a round, for what takes no generator."""
    return int(generator(given.seed, given.round_number, purpose).integers(2**62))


class Rows:
    """Finds the rows of the pixels that belong to item ids."""

    def __init__(self, item_ids: np.ndarray) -> None:
        self._order = np.argsort(item_ids, kind="stable")
        self._sorted = np.asarray(item_ids)[self._order]

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Return the rows (n,) of ids (n,); raises UnknownItem for an id without pixels."""
        ids = np.asarray(ids, np.int64)
        place = np.searchsorted(self._sorted, ids)
        inside = np.minimum(place, len(self._sorted) - 1)
        missing = ids[self._sorted[inside] != ids] if len(self._sorted) else ids
        if len(missing):
            raise UnknownItem(f"{len(missing)} items have no pixels, among them {missing[0]}")
        return self._order[inside]
