"""Owns one round: fit -> evaluate -> signals -> select; no database, no threads, no clock times."""

from alcore.rounds.cross_validation import cross_validate
from alcore.rounds.run import looked_at, measure, run_round
from alcore.rounds.values import RoundInput, RoundResult, generator

__all__ = [
    "RoundInput",
    "RoundResult",
    "cross_validate",
    "generator",
    "looked_at",
    "measure",
    "run_round",
]
