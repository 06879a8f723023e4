"""Owns what goes into a round and what comes out of it.

N items, L labels, M holdout items, P candidates, S stop items, Q questions, C classes, D embedding
width; images (N, H, W, 3) uint8. Classes are positions 0 … C − 1. Durations in seconds.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from alcore.config import Precision, Unlabeled
from alcore.errors import TrainingImpossible, UnknownItem
from alcore.records import Calibration, Evaluation, Selection, StopSignals

if TYPE_CHECKING:
    from alcore.learner.predictions import Predictions
    from alcore.rounds.learners import Model
    from alcore.strategies import Need


UNLABELED_RECIPES: Mapping[Unlabeled, str] = MappingProxyType(
    {"none": "none", "pseudo-labels": "pseudo-labels of a running mean"}
)
"""How images without labels teach a network, by what settings call it; learners are compared by it.

Models and temperatures of "pseudo-labels" alone are of an older way.
"""


def _none() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Images:
    """What items look like."""

    pixels: np.ndarray
    """(N, H, W, 3) uint8, maybe a memmap; row r is item_ids[r]."""
    item_ids: np.ndarray
    """(N,) int64, unique."""
    channels: int
    """1 grey or 3 RGB."""

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Return the rows (n,) of ids (n,); raises UnknownItem for an id without pixels."""
        order, known = self._sorted
        ids = np.asarray(ids, np.int64)
        place = np.searchsorted(known, ids)
        inside = np.minimum(place, len(known) - 1)
        missing = ids[known[inside] != ids] if len(known) else ids
        if len(missing):
            raise UnknownItem(f"{len(missing)} items have no pixels, among them {missing[0]}")
        return order[inside]

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.item_ids, kind="stable")
        return order, np.asarray(self.item_ids)[order]


@dataclass(frozen=True)
class Lesson:
    """What is learned from what: the same lesson on the same machine gives the same model."""

    images: Images
    labeled_ids: np.ndarray
    labels: np.ndarray
    """(L,) int64 class positions of labeled_ids."""
    class_names: tuple[str, ...]
    seed: int
    round_number: int
    threads: int
    """CPU threads to learn on; another number can change the last bits."""
    precision: Precision = "auto"
    """Arithmetic of the training, of learners that have several."""
    unlabeled_ids: np.ndarray = field(default_factory=_none)
    """Items without labels that may be learned from, for learners that do. A round takes its
    candidates, and never the holdout."""
    calibrations: tuple[Calibration, ...] = ()
    """The temperatures known so far, one per recipe."""
    calibrates: bool = False
    """Whether a round finds a temperature where none is known, or one of far fewer labels. That
    takes up to three trainings more."""

    def generator(self, purpose: str) -> np.random.Generator:
        """Return the generator of one purpose in one round; others do not disturb it."""
        return np.random.default_rng([self.seed, self.round_number, zlib.crc32(purpose.encode())])

    def number(self, purpose: str) -> int:
        """Return a seed for one purpose of a round, for what takes no generator."""
        return int(self.generator(purpose).integers(2**62))

    def check_classes(self) -> None:
        """Raise TrainingImpossible where the labels are of fewer than two classes."""
        classes = np.unique(self.labels)
        if len(classes) < 2:
            n = len(self.labels)
            what = f"all {n} labels say {self.class_names[classes[0]]!r}" if n else "no labels"
            raise TrainingImpossible(f"{what}; a model needs labels of at least 2 classes")

    def without(self, left_out: np.ndarray) -> Self:
        """Return the lesson without some of its labels, (L,) bool."""
        return replace(self, labeled_ids=self.labeled_ids[~left_out], labels=self.labels[~left_out])


@dataclass(frozen=True)
class Holdout:
    """What a model is measured on."""

    ids: np.ndarray
    labels: np.ndarray
    """(M,) int64 class positions; M may be 0."""


@dataclass(frozen=True)
class SelectionTask:
    """What is chosen, and how; and what else people want to be told about."""

    candidate_ids: np.ndarray
    """(P,) int64 unlabeled pool items; labeled and holdout items among them are left out."""
    strategy: str
    strategy_options: Mapping[str, Any]
    batch_size: int
    queue_size: int
    """Items to select: the batch first, then what the strategy would take next."""
    votes: np.ndarray | None = None
    """(L, annotators) int64 class position that each gave of the labeled items, -1 for none."""
    stop_ids: np.ndarray = field(default_factory=_none)
    """(S,) a fixed unlabeled set on which successive models are compared."""
    previous_stop: np.ndarray | None = None
    """(S,) what the last model predicted for them."""
    question_ids: np.ndarray = field(default_factory=_none)
    """(Q,) items to predict for people only: neither candidates nor measured on."""
    embeds: bool = False
    """Whether the embeddings of all images are wanted."""

    @property
    def wanted(self) -> int:
        """How many items shall be selected."""
        return max(self.batch_size, self.queue_size)


@dataclass(frozen=True)
class SignalTask:
    """What a strategy wants to know of candidates, and what a model has said already."""

    needs: frozenset[Need]
    ids: np.ndarray
    """(P,) int64 candidates."""
    pool: Predictions
    """Of the candidates, with embeddings where the model has some."""
    held: Predictions
    """Of the holdout, likewise."""
    at_least: int
    """How many of the candidates are selected at least."""


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
    embeddings: np.ndarray | None
    """(N, D) float32 of all images, in the order of their rows, if asked for; None where the
    learner has none that its head would understand."""
    model: Model
    """Its temperature is that of the calibration: it answers with calibrated probabilities."""
    calibration: Calibration | None
    """None while no temperature is known for the recipe: probabilities are the model's own."""
    seconds: Mapping[str, float]
    """train, calibrate (where it did), evaluate, score, select."""
    versions: Mapping[str, str]
