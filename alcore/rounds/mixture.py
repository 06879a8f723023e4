"""Owns the learner "auto": a head on features and a network, mixed as labels have shown.

Both learn from the same labels. Their log-probabilities are added, each with its share, which
cross-fitting has found: how well each does on labels that it has not seen. n items asked about,
P candidates, N items, C classes, K directions of features, E width of the network's embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from alcore.learner import calibration, mixtures
from alcore.learner.predictions import Predictions
from alcore.learner.progress import OnProgress, part
from alcore.records import Calibration, RecipeSummary
from alcore.rounds import temperatures
from alcore.rounds.feature_head import (
    GIVES,
    FeatureHeadLearner,
    FeatureHeadModel,
    head_signals,
)
from alcore.rounds.network import NetworkLearner, NetworkModel
from alcore.rounds.values import Lesson, SignalTask
from alcore.strategies import Need, Signals

_HEAD_TIME = 0.05
"""Share of a training that the head takes."""


@dataclass(frozen=True)
class MixtureModel:
    """Both models and their shares."""

    on_features: FeatureHeadModel
    network: NetworkModel
    learner: MixtureLearner
    lesson: Lesson
    shares: tuple[float, ...]
    temperature: float = 1.0

    @property
    def mode(self) -> str:
        return self.network.mode

    @property
    def minibatches(self) -> int:
        return self.network.minibatches

    @property
    def recipe(self) -> RecipeSummary:
        source = self.on_features.learner.table.features.source
        names = (f"{source} features", "the project's network")
        parts = self.on_features.recipe, self.network.recipe
        learned = [recipe.unlabeled for recipe in parts if recipe.unlabeled != "none"]
        return replace(
            self.network.recipe,
            unlabeled=" and ".join(learned) or "none",
            mixture=dict(zip(names, self.shares, strict=True)),
            tuned=parts[0].tuned,
        )

    @property
    def head(self) -> np.ndarray:
        """Return the head on both embeddings side by side: sums of logits are one product."""
        blocks = [
            share / max(scale, 1e-12) * head[:-1]
            for share, scale, head in zip(self.shares, self._scales, self._heads, strict=True)
        ]
        bias = sum(share * head[-1] for share, head in zip(self.shares, self._heads, strict=True))
        return np.vstack([*blocks, bias]).astype(np.float32) / np.float32(self.temperature)

    def tempered(self, temperature: float) -> Self:
        return replace(self, temperature=temperature)

    def calibrated(self, calibration: Calibration) -> Self:
        shares = calibration.shares or self.shares
        return replace(self, temperature=calibration.temperature, shares=shares)

    def predict(
        self,
        ids: np.ndarray,
        on_progress: OnProgress,
        *,
        embeddings: bool = False,
        thorough: bool = False,
    ) -> Predictions:
        answers = [
            self.on_features.predict(ids, part(on_progress, 0, _HEAD_TIME), embeddings=embeddings),
            self.network.predict(
                ids, part(on_progress, _HEAD_TIME, 1), embeddings=embeddings, thorough=thorough
            ),
        ]
        mixture = calibration.mix(np.stack([a.probabilities for a in answers]), self.shares)
        return Predictions(
            calibration.temper(mixture, self.temperature),
            self._joined([a.embedded() for a in answers]) if embeddings else None,
        )

    def signals(self, task: SignalTask, on_progress: OnProgress) -> Signals:
        """Compute what a head can tell of the mixture, and the rest of the network in it."""
        rest = task.needs - GIVES
        half = 0.5 if rest else 1.0
        labeled = self.predict(self.lesson.labeled_ids, part(on_progress, 0, half), embeddings=True)
        signals = head_signals(self.head, task, labeled, self.lesson)
        if not rest:
            return signals
        own = self.network.predict(task.ids, lambda share: None, embeddings=True)
        further = self.network.signals(
            replace(task, needs=rest, pool=own), part(on_progress, half, 1)
        )
        return signals.but(**{k: v for k, v in vars(further).items() if k not in vars(signals)})

    def embed(self, known: Sequence[tuple[np.ndarray, Predictions]]) -> np.ndarray:
        ids = self.lesson.images.item_ids
        embeddings = np.empty((len(ids), len(self.head) - 1), np.float32)
        uncomputed = np.ones(len(ids), bool)
        for ids_known, predictions in known:
            rows = self.lesson.images.rows(ids_known)
            embeddings[rows] = predictions.embedded()
            uncomputed[rows] = False
        rest = np.flatnonzero(uncomputed)
        if len(rest):
            computed = self.predict(ids[rest], lambda share: None, embeddings=True)
            embeddings[rest] = computed.embedded()
        return embeddings

    def versions(self) -> dict[str, str]:
        return self.network.versions() | self.on_features.versions()

    def save(self, path: Path) -> bool:
        mixtures.save(
            path,
            self.network.model,
            self.on_features.weights,
            self.learner.on_features.table,
            mixtures.Mixing(self.shares, self._scales, self.temperature),
        )
        return True

    @cached_property
    def _scales(self) -> tuple[float, ...]:
        """Return by what each embedding is multiplied, so that distances heed the shares too."""
        ids = self.lesson.labeled_ids
        parts = [model.predict(ids, lambda share: None, embeddings=True).embedded()
                 for model in (self.on_features, self.network)]  # fmt: skip
        return tuple(
            float(share**0.5 / max(1e-6, np.sqrt(values.var(axis=0).sum())))
            for share, values in zip(self.shares, parts, strict=True)
        )

    @property
    def _heads(self) -> tuple[np.ndarray, ...]:
        return self.on_features.head, self.network.head

    def _joined(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        scaled = [np.float32(s) * values for s, values in zip(self._scales, parts, strict=True)]
        return np.hstack(scaled)


@dataclass(frozen=True)
class MixtureLearner:
    """What is mixed."""

    on_features: FeatureHeadLearner
    network: NetworkLearner
    expected_shares: ClassVar[tuple[float, ...]] = (0.75, 0.25)
    """Few labels teach a head on features more than a network: of CIFAR-10 and of photographs this
    is within half a point of the better one at 20 to 30 labels, and on digits it is better."""

    @property
    def gives(self) -> frozenset[Need]:
        return self.network.gives

    @property
    def recipe_name(self) -> str:
        return f"{self.on_features.recipe_name}, and {self.network.recipe_name}"

    @property
    def candidates(self) -> tuple[FeatureHeadLearner, NetworkLearner]:
        return self.on_features, self.network

    def computing(self, lesson: Lesson, purpose: str) -> AbstractContextManager[None]:
        return self.network.computing(lesson, purpose)

    def cost(self, labels: int) -> float:
        return self.on_features.cost(labels) + self.network.cost(labels)

    def passes(self, needs: frozenset[Need]) -> float:
        return self.network.passes(needs)

    def most(self, needs: frozenset[Need], classes: int) -> int | None:
        return self.network.most(needs, classes)

    def fit(
        self,
        lesson: Lesson,
        seed: int,
        on_progress: OnProgress,
        needs: frozenset[Need] = frozenset(),
    ) -> MixtureModel:
        return MixtureModel(
            self.on_features.fit(lesson, seed, part(on_progress, 0, _HEAD_TIME)),
            self.network.fit(lesson, seed, part(on_progress, _HEAD_TIME, 1), needs),
            self,
            lesson,
            temperatures.shares_of(self, lesson),
        )

    def anew(self) -> Self:
        return replace(self, network=self.network.anew())
