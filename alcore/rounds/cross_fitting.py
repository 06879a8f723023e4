"""Owns cross-fitting: what models say of labels that they have not seen.

L labels, n other items, K candidates, C classes. Heads on the embeddings of the round's network
would be cheaper, but that one has seen all labels, wrong ones too, and has moved their images to
where the label says.
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
    """(K, L, C) float32 by each candidate of a mixture, one of any other learner; each by the
    model without its label; of the only label of a class, which nobody could learn without it,
    the mean of all models."""
    others: np.ndarray
    """(K, n, C) float32, the mean of all models."""


@dataclass(frozen=True)
class FoldAnswers:
    """Answers of folds that were finished earlier, and who keeps those of the next."""

    answers: Mapping[int, np.ndarray] = field(default_factory=dict)
    """(K, n + L, C) by fold."""
    keep: Callable[[int, np.ndarray], None] = lambda fold, answers: None


NO_ANSWERS = FoldAnswers()


def cross_fit(
    learner: Learner,
    lesson: Lesson,
    fold: np.ndarray,
    other_ids: np.ndarray,
    purpose: str,
    on_progress: OnProgress,
    known: FoldAnswers = NO_ANSWERS,
) -> Answers:
    """Train a model per fold of the labels, on the other folds, and ask it about all of them.

    fold: (L,) as `calibration.folds` deals them. A model learns by the learner's recipe, but never
    from an earlier one: that has seen the fold. The purpose names its chance.
    """
    asked = np.concatenate([other_ids, lesson.labeled_ids])
    count, classes = len(learner.candidates), len(lesson.class_names)
    mean = np.zeros((count, len(asked), classes), np.float32)
    labeled = np.zeros((count, len(fold), classes), np.float32)
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
            )
            known.keep(k, answers)
        mean += answers / FOLDS
        labeled[:, fold == k] = answers[:, len(other_ids) :][:, fold == k]
    labeled[:, fold == -1] = mean[:, len(other_ids) :][:, fold == -1]
    return Answers(labeled, mean[:, : len(other_ids)])


def ask_without(
    learner: Learner,
    lesson: Lesson,
    left_out: np.ndarray,
    ids: np.ndarray,
    purpose: str,
    on_progress: OnProgress,
) -> np.ndarray:
    """Return what models that learned without some labels, (L,) bool, say of items (n,).

    (K, n, C) float32, one for each candidate of a mixture. Models begin anew, on features that no
    label has tuned; the purpose names their chance.
    """
    candidates = learner.candidates
    answers = []
    for place, candidate in enumerate(candidates):
        hear = part(on_progress, place / len(candidates), (place + 1) / len(candidates))
        model = candidate.anew().fit(
            lesson.without(left_out), lesson.number(purpose), part(hear, 0, _LEARNING)
        )
        answers.append(model.predict(ids, part(hear, _LEARNING, 1)).probabilities)
    return np.stack(answers)
