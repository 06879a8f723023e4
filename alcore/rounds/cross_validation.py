"""Owns what models say of labels that they were not trained on, and the temperature this gives.

L labels, Q items that no model is trained on, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alcore.learner import calibration
from alcore.records import Calibration
from alcore.rounds import temperatures
from alcore.rounds.cross_fitting import NO_ANSWERS, FoldAnswers, cross_fit
from alcore.rounds.learners import Learner
from alcore.rounds.progress import Progress
from alcore.rounds.values import Lesson

PHASE = "asking models about labels"
_PURPOSE = "second look"
"""Names the chance that deals the folds; another word would deal others."""


@dataclass(frozen=True)
class CrossValidation:
    """What was found."""

    probabilities: np.ndarray
    """(L + Q, C) float32, as the models say them: no temperature is applied. Of a mixture the
    shares are those that fit these answers best."""
    calibration: Calibration | None
    """The temperature under which those of the L labels fit them best; None where too few can
    be asked about. It serves the rounds of the same recipe."""


def cross_validate(
    learner: Learner,
    lesson: Lesson,
    question_ids: np.ndarray,
    progress: Progress,
    known: FoldAnswers = NO_ANSWERS,
) -> CrossValidation:
    """Ask about each label a model that was trained on the others.

    What all models say on average stands for the items in `question_ids` (Q,). `known` holds what
    an earlier call with the same lesson has kept, which is not computed again. Raises as
    `run_round`.
    """
    fold = calibration.folds(lesson.labels, lesson.generator(_PURPOSE))
    with learner.computing(lesson, _PURPOSE):
        answers = cross_fit(
            learner,
            lesson,
            fold,
            question_ids,
            _PURPOSE,
            lambda share: progress(PHASE, share),
            known=known,
        )
    newest = temperatures.of_answers(learner, lesson, answers.labeled, fold >= 0)
    shares = temperatures.shares_of(learner, lesson, newest)
    mixtures = [calibration.mix(part, shares) for part in (answers.labeled, answers.others)]
    return CrossValidation(np.concatenate(mixtures), newest)
