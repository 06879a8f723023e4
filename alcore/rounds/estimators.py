"""Owns any estimator with scikit-learn's interface as a learner; torch stays away.

n items asked about, L labels, P candidates, C classes, D features, K committee members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from alcore import estimators
from alcore.config import LearnerRule
from alcore.learner import estimators as made
from alcore.learner.calibration import temper
from alcore.learner.predictions import Predictions
from alcore.learner.progress import OnProgress
from alcore.records import Calibration, RecipeSummary
from alcore.rounds import features as kinds
from alcore.rounds.features import Features
from alcore.rounds.learners import TrainingInputs
from alcore.rounds.values import Images, Lesson, SignalTask
from alcore.strategies import Need, Signals

GIVES: frozenset[Need] = frozenset(
    {
        "probabilities",
        "logits",
        "embeddings",
        "labeled_probabilities",
        "committee",
        "holdout_logits",
        "crossfit",
    }
)
"""Signals that an estimator can give; a network gives all."""
_BLOCK = 4096
_MEMBERS = 5
_MOST_VALUES = 2**26
"""Probabilities (P, K, C) of a committee that may exist: 256 MB."""
_SCORED = 10
"""Images that are scored in the time that one label takes to learn, about."""
_SMALLEST = 1e-6
_ROUNDING = 1e-4
_SEEDS = 2**32 - 100
"""scikit-learn takes no larger ones."""


@dataclass(frozen=True)
class EstimatorModel:
    """A fitted estimator."""

    estimator: Any
    learner: EstimatorLearner
    lesson: Lesson
    temperature: float = 1.0
    mode: ClassVar[str] = "fresh"
    minibatches: ClassVar[int] = 0
    head: ClassVar[None] = None

    @property
    def recipe(self) -> RecipeSummary:
        return RecipeSummary(
            network=self.learner.name,
            weights=self.learner.source,
            augmentation="none",
            notes=self.learner.notes,
        )

    def tempered(self, temperature: float) -> Self:
        return replace(self, temperature=temperature)

    def calibrated(self, calibration: Calibration) -> Self:
        return self.tempered(calibration.temperature)

    def predict(
        self,
        ids: np.ndarray,
        on_progress: OnProgress,
        *,
        embeddings: bool = False,
        thorough: bool = False,
    ) -> Predictions:
        """Ask about items, block by block; classes that the estimator has not seen get 0.

        Where rounding has taken them apart, as naive Bayes' are in float32, the probabilities of
        an item are made to add up to 1 again. There is no head that embeddings would be for.
        """
        probabilities = np.zeros((len(ids), len(self.lesson.class_names)), np.float32)
        on_progress(0.0)
        for start in range(0, len(ids), _BLOCK):
            block = slice(start, start + _BLOCK)
            asked = self.learner.features_of(self.lesson, ids[block])
            probabilities[block, self.estimator.classes_] = self.estimator.predict_proba(asked)
            total = probabilities[block].sum(axis=1, keepdims=True)
            apart = (np.abs(total - 1) > _ROUNDING) & (total > 0)
            np.divide(probabilities[block], total, out=probabilities[block], where=apart)
            on_progress(min(1.0, block.stop / len(ids)))
        return Predictions(temper(probabilities, self.temperature), None)

    def signals(self, task: SignalTask, on_progress: OnProgress) -> Signals:
        lesson = self.lesson
        arrays: dict[str, np.ndarray] = {
            "probabilities": task.pool.probabilities,
            "labeled_ids": lesson.labeled_ids,
        }
        if "logits" in task.needs:
            arrays["logits"] = _logs(task.pool.probabilities)
        if "holdout_logits" in task.needs:
            arrays["holdout_logits"] = _logs(task.held.probabilities)
        if "embeddings" in task.needs:
            arrays["embeddings"] = self.learner.features_of(lesson, task.ids)
            arrays["labeled_embeddings"] = self.learner.features_of(lesson, lesson.labeled_ids)
        if "labeled_probabilities" in task.needs:
            arrays["labeled_probabilities"] = self.predict(
                lesson.labeled_ids, on_progress
            ).probabilities
        if "committee" in task.needs:
            arrays["committee"] = self._committee(task.ids, on_progress)
        return Signals(**arrays)

    def embed(self, known: Sequence[tuple[np.ndarray, Predictions]]) -> None:
        """Return nothing: no head says from features what an estimator says."""

    def versions(self) -> dict[str, str]:
        return made.versions()

    def save(self, path: Path) -> bool:
        """Write nothing: an estimator is kept as code, and such a file could run any."""
        return False

    def _committee(self, ids: np.ndarray, on_progress: OnProgress) -> np.ndarray:
        """Return probabilities (P, K, C) of members that each learned from a bootstrap sample."""
        lesson, drawn = self.lesson, self.lesson.generator("committee")
        members = []
        for member in range(_MEMBERS):
            bag = drawn.integers(len(lesson.labels), size=len(lesson.labels))
            if len(np.unique(lesson.labels[bag])) < 2:
                bag = np.arange(len(lesson.labels))
            sample = replace(lesson, labeled_ids=lesson.labeled_ids[bag], labels=lesson.labels[bag])
            one = self.learner.fit(sample, lesson.number(f"committee {member}"), _quiet)
            asked = one.tempered(self.temperature).predict(ids, _quiet)
            members.append(asked.probabilities)
            on_progress((member + 1) / _MEMBERS)
        return np.stack(members, axis=1)


@dataclass(frozen=True)
class EstimatorLearner:
    """Which estimator learns, and from which features."""

    name: str
    """From the catalogue, or a dotted name that may be used here."""
    features: Features
    source: str = "pixels"
    """What the features are, for people."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    gives: ClassVar[frozenset[Need]] = GIVES
    expected_shares: ClassVar[tuple[float, ...]] = (1.0,)

    @property
    def recipe_name(self) -> str:
        return f"{self.name} on {self.source}"

    @property
    def candidates(self) -> tuple[Self, ...]:
        return (self,)

    def computing(self, lesson: Lesson, purpose: str) -> AbstractContextManager[object]:
        return made.computing(lesson.threads)

    def cost(self, labels: int) -> float:
        return _SCORED * labels

    def passes(self, needs: frozenset[Need]) -> float:
        return float(_MEMBERS) if "committee" in needs else 0.0

    def most(self, needs: frozenset[Need], classes: int) -> int | None:
        return max(1, _MOST_VALUES // (_MEMBERS * classes)) if "committee" in needs else None

    def fit(
        self,
        lesson: Lesson,
        seed: int,
        on_progress: OnProgress,
        needs: frozenset[Need] = frozenset(),
    ) -> EstimatorModel:
        lesson.check_classes()
        estimator = made.build(self.name, self.settings, seed % _SEEDS)
        estimator.fit(self.features_of(lesson, lesson.labeled_ids), lesson.labels)
        on_progress(1.0)
        return EstimatorModel(estimator, self, lesson)

    def anew(self) -> Self:
        return self

    def features_of(self, lesson: Lesson, ids: np.ndarray) -> np.ndarray:
        """Return the features (n, D) of items (n,)."""
        return self.features(lesson.images.rows(ids))


def estimator_learner(
    rule: LearnerRule, images: Images, class_names: tuple[str, ...], inputs: TrainingInputs
) -> EstimatorLearner:
    """Turn a project's settings into a learner; raises InvalidSettings for what is not allowed."""
    estimators.check_allowed(rule.kind, inputs.estimators)
    notes: list[str] = []
    features, source = kinds.of_pixels(images), "pixels"
    if rule.features == "embeddings":
        from alcore.rounds.network import pretrained_features  # brings torch

        embedded = pretrained_features(rule, images, class_names, inputs, notes)
        if embedded is None:
            notes.append("learned from pixels: there are no pretrained weights to embed with")
        else:
            features, source = embedded
    return EstimatorLearner(rule.kind, features, source, notes=tuple(notes))


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, _SMALLEST))


def _quiet(share: float) -> None:
    """Listen to progress and do nothing."""
