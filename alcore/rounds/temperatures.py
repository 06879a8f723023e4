"""Owns which temperature a round's probabilities get: one that is known, or one of its own.

A label check finds temperatures in pauses. While people label fast there are none, so a round finds
one itself where none is known for its recipe, or only one of far fewer labels. L labels, C classes.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from alcore import metrics
from alcore.learner import calibration
from alcore.learner.progress import OnProgress, part
from alcore.records import Calibration
from alcore.rounds.cross_fitting import ask_without
from alcore.rounds.learners import Learner
from alcore.rounds.values import Holdout, Lesson

ENOUGH = 50
"""Labels to ask about: with more of them the temperature hardly changes, and each fold that is left
out saves a training."""
ENOUGH_FOR_SHARES = 300
"""The same of a mixture: by 50 of 160 labels that a strategy had chosen, a head of 100 % got 65,
and the next model was 3 points worse."""
GROWTH = 1.5
"""Times as many labels after which a temperature is found anew."""
_PURPOSE = "calibration"


def known_for(learner: Learner, lesson: Lesson) -> Calibration | None:
    """Return the temperature that is known for a recipe; None before it was found."""
    return next((c for c in lesson.calibrations if c.recipe == learner.recipe_name), None)


def folds_to_ask(learner: Learner, lesson: Lesson) -> int:
    """Return how many trainings a round spends on a temperature of its own; 0 in most rounds."""
    known = known_for(learner, lesson)
    if not lesson.calibrates or (known and len(lesson.labels) < GROWTH * known.of_labels):
        return 0
    sizes = np.bincount(_fold(lesson) + 1, minlength=calibration.FOLDS + 1)[1:].cumsum()
    if not len(lesson.labels) or not calibration.are_enough(sizes[-1]):
        return 0
    enough = ENOUGH if len(learner.candidates) == 1 else ENOUGH_FOR_SHARES
    return min(calibration.FOLDS, int(np.searchsorted(sizes, enough)) + 1)


def find(learner: Learner, lesson: Lesson, count: int, on_progress: OnProgress) -> Calibration:
    """Find a temperature with the labels of the first folds, as many as `folds_to_ask` says."""
    fold = _fold(lesson)
    answers = np.zeros((len(learner.candidates), len(fold), len(lesson.class_names)), np.float32)
    for k in range(count):
        answers[:, fold == k] = ask_without(
            learner,
            lesson,
            fold == k,
            lesson.labeled_ids[fold == k],
            f"{_PURPOSE} {k}",
            part(on_progress, k / count, (k + 1) / count),
        )
    newest = of_answers(learner, lesson, answers, (fold >= 0) & (fold < count))
    assert newest is not None  # `folds_to_ask` counted them
    return newest


def of_answers(
    learner: Learner, lesson: Lesson, answers: np.ndarray, asked: np.ndarray
) -> Calibration | None:
    """Find the temperature, and a mixture's shares, by answers (K, L, C) of its K candidates.

    asked (L,) bool: those by models that had not seen the label. None where they are too few.
    """
    if not calibration.are_enough(asked.sum()):
        return None
    shares, temperature = calibration.mixture_of(
        answers[:, asked], lesson.labels[asked], learner.expected_shares
    )
    return Calibration(
        temperature,
        int(asked.sum()),
        learner.recipe_name,
        time.time(),
        of_labels=len(lesson.labels),
        shares=shares if len(shares) > 1 else (),
    )


def shares_of(
    learner: Learner, lesson: Lesson, newest: Calibration | None = None
) -> tuple[float, ...]:
    """Return the shares of a learner's candidates: newest, else known, else what is expected."""
    for one in (newest, known_for(learner, lesson)):
        if one is not None and len(one.shares) == len(learner.candidates):
            return one.shares
    return learner.expected_shares


def with_holdout(
    found: Calibration | None, probabilities: np.ndarray, holdout: Holdout
) -> Calibration | None:
    """Add what the holdout, (M, C) and its labels, said of probabilities before they changed."""
    if found is None or not len(holdout.labels):
        return found
    before = calibration.temper(probabilities, 1 / found.temperature)
    return replace(
        found,
        ece=metrics.expected_calibration_error(before, holdout.labels),
        nll=metrics.negative_log_likelihood(before, holdout.labels),
    )


def _fold(lesson: Lesson) -> np.ndarray:
    return calibration.folds(lesson.labels, lesson.generator(_PURPOSE))
