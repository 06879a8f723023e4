"""Owns the learner that is a head on features: quick, and it never looks at the images again.

n items asked about, P candidates, L labels, C classes, K directions of features.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from alcore import linear_head
from alcore.feature_space import FeaturePoints
from alcore.learner.calibration import temper
from alcore.learner.predictions import Predictions
from alcore.learner.progress import OnProgress
from alcore.records import Calibration, RecipeSummary
from alcore.rounds.values import Lesson, SignalTask
from alcore.strategies import Need, Signals

GIVES: frozenset[Need] = frozenset(
    {
        "probabilities",
        "logits",
        "embeddings",
        "labeled_probabilities",
        "dropout",
        "committee",
        "holdout_logits",
        "crossfit",
    }
)
"""Signals that come from embeddings and a head alone."""
SELF_TRAINED = "self-trained"
"""How a head learns, beside the name of the features: others found other temperatures."""
_SCORED = 3_000
"""Images that are scored in the time that a head takes to learn, about."""


@dataclass(frozen=True)
class FeatureHeadModel:
    """A head, and the points that it was fitted to."""

    weights: np.ndarray
    """(K + 1, C) float32, before the temperature."""
    learner: FeatureHeadLearner
    lesson: Lesson
    temperature: float = 1.0
    mode: ClassVar[str] = "fresh"
    minibatches: ClassVar[int] = 0

    @property
    def head(self) -> np.ndarray:
        return self.weights / np.float32(self.temperature)

    @property
    def recipe(self) -> RecipeSummary:
        return RecipeSummary(
            network="a head on features",
            weights=self.learner.table.features.name,
            augmentation="none",
            unlabeled="self-training" if len(self.lesson.unlabeled_ids) else "none",
            tuned=self.learner.table.features.labels,
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
        on_progress(0.0)
        points = self.learner.points(self.lesson, ids)
        probabilities = linear_head.probabilities(points, self.weights)
        on_progress(1.0)
        return Predictions(temper(probabilities, self.temperature), points if embeddings else None)

    def signals(self, task: SignalTask, on_progress: OnProgress) -> Signals:
        labeled = self.predict(self.lesson.labeled_ids, on_progress, embeddings=True)
        return head_signals(self.head, task, labeled, self.lesson)

    def embed(self, known: Sequence[tuple[np.ndarray, Predictions]]) -> np.ndarray:
        return np.array(self.learner.table.points[: len(self.lesson.images.item_ids)])

    def versions(self) -> dict[str, str]:
        from alcore.learner import feature_heads  # brings scikit-learn

        return {**feature_heads.versions(), "features": self.learner.table.features.arithmetic}

    def save(self, path: Path) -> bool:
        from alcore.learner import mixtures  # brings torch

        table = self.learner.table
        mixtures.save_head(path, self.weights, table, self.lesson.class_names, self.temperature)
        return True


def head_signals(
    head: np.ndarray, task: SignalTask, labeled: Predictions, lesson: Lesson
) -> Signals:
    """Compute what a head (D + 1, C) on embeddings can tell; labeled: of the lesson's labels."""
    from alcore.learner import head_signals as signals  # brings torch

    return signals.gather(
        task.needs,
        signals.HeadMaterial(
            head=head,
            pool=task.pool,
            held=task.held,
            labeled=labeled,
            labeled_ids=lesson.labeled_ids,
            labels=lesson.labels,
            seed=lesson.number,
        ),
    )


@dataclass(frozen=True)
class FeatureHeadLearner:
    """Which features a head is fitted to."""

    table: FeaturePoints
    untuned: FeaturePoints | None = None
    """The same of an extractor that has not seen the labels, where that of the table has."""
    gives: ClassVar[frozenset[Need]] = GIVES
    expected_shares: ClassVar[tuple[float, ...]] = (1.0,)

    @property
    def recipe_name(self) -> str:
        return f"a head on {self.table.features.name}, {SELF_TRAINED}"

    @property
    def candidates(self) -> tuple[Self, ...]:
        return (self,)

    def computing(self, lesson: Lesson, purpose: str) -> AbstractContextManager[object]:
        from alcore.learner import device

        return device.computing(lesson.number(purpose), lesson.threads, lesson.precision)

    def cost(self, labels: int) -> float:
        return _SCORED

    def passes(self, needs: frozenset[Need]) -> float:
        return 0.0

    def most(self, needs: frozenset[Need], classes: int) -> int | None:
        from alcore.learner import signals

        return signals.most(needs, classes)

    def fit(
        self,
        lesson: Lesson,
        seed: int,
        on_progress: OnProgress,
        needs: frozenset[Need] = frozenset(),
    ) -> FeatureHeadModel:
        from alcore.learner import feature_heads

        lesson.check_classes()
        head = feature_heads.fit(
            self.points(lesson, lesson.labeled_ids),
            lesson.labels,
            len(lesson.class_names),
            self.points(lesson, feature_heads.some(lesson.unlabeled_ids)),
        )
        on_progress(1.0)
        return FeatureHeadModel(head, self, lesson)

    def anew(self) -> Self:
        return self if self.untuned is None else replace(self, table=self.untuned, untuned=None)

    def points(self, lesson: Lesson, ids: np.ndarray) -> np.ndarray:
        """Return the points (n, K) float32 of items (n,)."""
        return np.asarray(self.table.points[lesson.images.rows(ids)], np.float32)
