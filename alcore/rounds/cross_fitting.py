"""Owns cross-fitting: what models say of labels that they have not seen.

L labels, n other items, C classes. Heads on the embeddings of the round's network would be
cheaper, but that one has seen all labels, wrong ones too, and has moved their images to where the
label says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from alcore.learner.calibration import FOLDS
from alcore.learner.progress import OnProgress, part
from alcore.rounds.learners import Learner
from alcore.rounds.values import Lesson

_LEARNING = 0.9
"""Share of a fold's time that its training takes."""


@dataclass(frozen=True)
class Answers:
    """What models say that each learned without a fold of the labels."""

    labeled: np.ndarray
    """(L, C) float32, each by the model without its label; of the only label of a class, which
    nobody could learn without it, the mean of all models."""
    others: np.ndarray
    """(n, C) float32, the mean of all models."""


@dataclass(frozen=True)
class FoldAnswers:
    """Answers of folds that were finished earlier, and who keeps those of the next."""

    answers: Mapping[int, np.ndarray] = field(default_factory=dict)
    """(n + L, C) by fold."""
    keep: Callable[[int, np.ndarray], None] = lambda fold, answers: None


NO_ANSWERS = FoldAnswers()


def cross_fit(
    learner: Learner,
    lesson: Lesson,
    fold: np.ndarray,
    other_ids: np.ndarray,
    purpose: str,
    on_progress: OnProgress,
    temperature: float = 1.0,
    known: FoldAnswers = NO_ANSWERS,
) -> Answers:
    """Train a model per fold of the labels, on the other folds, and ask it about all of them.

    fold: (L,) as `calibration.folds` deals them. A model learns by the learner's recipe, but never
    from an earlier one: that has seen the fold. The purpose names its chance.
    """
    asked = np.concatenate([other_ids, lesson.labeled_ids])
    mean = np.zeros((len(asked), len(lesson.class_names)), np.float32)
    labeled = np.zeros((len(fold), len(lesson.class_names)), np.float32)
    for k in range(FOLDS):
        answers = known.answers.get(k)
        if answers is None:
            answers = ask_without(
                learner,
                lesson,
                fold == k,
                asked,
                f"{purpose} {k}",
                part(on_progress, k / FOLDS, (k + 1) / FOLDS),
                temperature,
            )
            known.keep(k, answers)
        mean += answers / FOLDS
        labeled[fold == k] = answers[len(other_ids) :][fold == k]
    labeled[fold == -1] = mean[len(other_ids) :][fold == -1]
    return Answers(labeled, mean[: len(other_ids)])


def ask_without(
    learner: Learner,
    lesson: Lesson,
    left_out: np.ndarray,
    ids: np.ndarray,
    purpose: str,
    on_progress: OnProgress,
    temperature: float = 1.0,
) -> np.ndarray:
    """Return what a model that learned without some labels, (L,) bool, says of items (n,).

    (n, C) float32. The model begins anew; the purpose names its chance.
    """
    model = learner.anew().fit(
        lesson.without(left_out), lesson.number(purpose), part(on_progress, 0, _LEARNING)
    )
    predictions = model.tempered(temperature).predict(ids, part(on_progress, _LEARNING, 1))
    return predictions.probabilities
