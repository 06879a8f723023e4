"""Owns one round: fit -> evaluate -> signals -> select; no database, no threads, no clock times.

Nothing is loaded of torch or scikit-learn before a learner is made.
"""

from alcore.rounds.cross_fitting import FoldAnswers
from alcore.rounds.cross_validation import CrossValidation, cross_validate
from alcore.rounds.learners import Learner, TrainingInputs, check_signals, learner_of
from alcore.rounds.run import looked_at, measure, run_round
from alcore.rounds.values import (
    Holdout,
    Images,
    Lesson,
    RoundResult,
    SelectionTask,
    SignalTask,
)

__all__ = [
    "CrossValidation",
    "FoldAnswers",
    "Holdout",
    "Images",
    "Learner",
    "Lesson",
    "RoundResult",
    "SelectionTask",
    "SignalTask",
    "TrainingInputs",
    "check_signals",
    "cross_validate",
    "learner_of",
    "looked_at",
    "measure",
    "run_round",
]
