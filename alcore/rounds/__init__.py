"""Owns one round: fit -> evaluate -> signals -> select; no database, no threads, no clock times."""

from alcore.rounds.run import looked_at, measure, run_round
from alcore.rounds.second_look import second_look
from alcore.rounds.values import RoundInput, RoundResult, generator

__all__ = [
    "RoundInput",
    "RoundResult",
    "generator",
    "looked_at",
    "measure",
    "run_round",
    "second_look",
]
