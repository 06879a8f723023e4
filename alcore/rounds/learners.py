"""Owns what a round asks of whatever learns, and which learner a project's settings name.

Behind the interface stand alcore's network (`network`) and any estimator of scikit-learn
(`estimators`); this module loads neither. N items, n items asked about, P candidates, C classes,
D embedding width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from alcore import strategies
from alcore.config import LEARNERS, LearnerRule
from alcore.errors import InvalidSettings
from alcore.feature_space import FeaturePoints
from alcore.learner.predictions import Predictions
from alcore.learner.progress import OnProgress
from alcore.records import Calibration, RecipeSummary
from alcore.rounds.feature_head import FeatureHeadLearner
from alcore.rounds.values import Images, Lesson, SignalTask
from alcore.strategies import Need, Signals


class Model(Protocol):
    """What was made of a lesson."""

    @property
    def temperature(self) -> float:
        """Probabilities are softmax(ln p / temperature) of the model's own p."""

    @property
    def mode(self) -> str:
        """What it took over from the model before it: fresh, warm or shrink_perturb."""

    @property
    def minibatches(self) -> int:
        """How many it was trained on; 0 where it learned at once."""

    @property
    def head(self) -> np.ndarray | None:
        """(D + 1, C) float32 last layer on its embeddings, weights, then the bias; None where
        the model does not end in one."""

    @property
    def recipe(self) -> RecipeSummary:
        """How it came about, for people."""

    def tempered(self, temperature: float) -> Self:
        """Return the model with another temperature."""

    def calibrated(self, calibration: Calibration) -> Self:
        """Return the model with this temperature, and a mixture's shares."""

    def predict(
        self,
        ids: np.ndarray,
        on_progress: OnProgress,
        *,
        embeddings: bool = False,
        thorough: bool = False,
    ) -> Predictions:
        """Ask about items (n,); `thorough` takes longer and is for what is measured.

        embeddings: also what the head sees of them, where the model has one.
        """

    def signals(self, task: SignalTask, on_progress: OnProgress) -> Signals:
        """Compute the signals that are needed of candidates (P,)."""

    def embed(self, known: Sequence[tuple[np.ndarray, Predictions]]) -> np.ndarray | None:
        """Return the embeddings (N, D) float32 of all images that the head understands.

        known: ids with predictions that hold embeddings; only the others are computed.
        """

    def versions(self) -> dict[str, str]:
        """Return what computed it, for the record; asked for within `Learner.computing`."""

    def save(self, path: Path) -> bool:
        """Write it to a file; False, and no file, where none could be read back safely."""


class Learner(Protocol):
    """What makes a model of a lesson."""

    @property
    def gives(self) -> frozenset[Need]:
        """The signals that its models can compute."""

    @property
    def recipe_name(self) -> str:
        """All that changes what its probabilities mean, in a few words."""

    @property
    def candidates(self) -> Sequence[Learner]:
        """What a mixture is made of; of any other learner itself alone."""

    @property
    def expected_shares(self) -> tuple[float, ...]:
        """Shares of the candidates while no label has said which is better; they add up to 1."""

    def computing(self, lesson: Lesson, purpose: str) -> AbstractContextManager[object]:
        """Run a block on the lesson's CPU threads, in its arithmetic, repeatably."""

    def cost(self, labels: int) -> float:
        """Return about how many images could be scored while it learns from so many labels."""

    def passes(self, needs: frozenset[Need]) -> float:
        """Return about how many further passes over the pool signals are worth, for progress."""

    def most(self, needs: frozenset[Need], classes: int) -> int | None:
        """Return how many candidates these signals can be computed for; None for no limit."""

    def fit(
        self,
        lesson: Lesson,
        seed: int,
        on_progress: OnProgress,
        needs: frozenset[Need] = frozenset(),
    ) -> Model:
        """Learn, and keep what the signals need of it. Raises TrainingImpossible."""

    def anew(self) -> Self:
        """Return the learner without what it would take over of a model or features that have seen
        labels."""


@dataclass(frozen=True)
class TrainingInputs:
    """Files and limits that a project's trainings begin with besides the lesson."""

    pretrained: Path | None = None
    """Weights learned from the project's own images, if that was done."""
    downloads: Path | None = None
    """Folder for weights that are downloaded; None for torch's own."""
    previous: Path | None = None
    """Checkpoint of the model before."""
    minibatch: int | None = None
    """Images per minibatch where they shall be fewer than usual."""
    estimators: Collection[str] = ()
    """Dotted names of estimators that may be used besides the catalogue's."""
    features: FeaturePoints | None = None
    """Features of all images, if they were computed."""
    tuned: FeaturePoints | None = None
    """The same by an extractor that has learned from labels, if there are any."""


def learner_of(
    rule: LearnerRule,
    augmentation: str,
    images: Images,
    class_names: tuple[str, ...],
    inputs: TrainingInputs = TrainingInputs(),
) -> Learner:
    """Return the learner that a project's settings name, with the weights that it begins with.

    Raises InvalidSettings for an estimator that may not be used, WeightsUnavailable and
    CheckpointMismatch for weights that were named and cannot be had. Weights of a pretraining
    that no longer fit are left out, with a note; without features the network learns alone.
    """
    if rule.kind in LEARNERS:
        on_features = _on_features(inputs) if rule.uses_extractor else None
        if on_features is not None and rule.kind == "features":
            return on_features
        from alcore.rounds.network import network_learner  # brings torch

        network = network_learner(rule, augmentation, images, class_names, inputs)
        if on_features is None:
            return network
        from alcore.rounds.mixture import MixtureLearner

        return MixtureLearner(on_features, network)
    from alcore.rounds.estimators import estimator_learner

    return estimator_learner(rule, images, class_names, inputs)


def _on_features(inputs: TrainingInputs) -> FeatureHeadLearner | None:
    if inputs.features is None:
        return None
    if inputs.tuned is None:
        return FeatureHeadLearner(inputs.features)
    return FeatureHeadLearner(inputs.tuned, inputs.features)


def check_signals(
    learner: str, gives: frozenset[Need], strategy: str, options: Mapping[str, Any]
) -> None:
    """Raise InvalidSettings where a strategy needs what a learner of this name cannot tell."""
    missing = sorted(strategies.needed(strategy, options) - gives)
    if missing:
        raise InvalidSettings(
            f"the strategy {strategy!r} needs {', '.join(missing)}, which the learner "
            f"{learner!r} cannot give; use the network, or another strategy"
        )
