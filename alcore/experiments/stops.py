"""Owns stop criteria after the fact: where each would have stopped a run, and at what price.

Labels are counts, accuracies 0–1, human time in minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from alcore import stopping
from alcore.records import RoundSummary
from alcore.stopping import Advice


@dataclass(frozen=True)
class Stop:
    """What a criterion would have done to one finished run."""

    criterion: str
    number: int | None
    """The round after which it says stop; None where it never does."""
    labels: int
    """Labels given by then; all of them where it never stops."""
    saved: int
    """Labels that the run went on to spend."""
    minutes: float
    """Human time for those."""
    accuracy: float | None
    lost: float | None
    """Accuracy at the end of the run less that at the stop: the price, below 0 for a gain."""


def _unchanged(advice: Advice, rounds: Sequence[RoundSummary]) -> bool:
    """After Zhu & Hovy 2008: no item is taken for another class than by the model before."""
    return rounds[-1].stop.changed == 0


CRITERIA: Mapping[str, Callable[[Advice, Sequence[RoundSummary]], bool]] = MappingProxyType(
    {
        "stable predictions": lambda advice, rounds: advice.stable,
        "no change of class": _unchanged,
        "low uncertainty": lambda advice, rounds: advice.certain,
        "flat accuracy": lambda advice, rounds: advice.flat,
        "as live projects advise": lambda advice, rounds: advice.stop,
    }
)


def after_the_fact(rounds: Sequence[RoundSummary]) -> list[Stop]:
    """Tell where each criterion would have stopped a run, given all its rounds, oldest first."""
    if not rounds:
        return []
    advices = [stopping.advise(rounds[: i + 1], None) for i in range(len(rounds))]
    last = rounds[-1]
    stops = []
    for name, says in CRITERIA.items():
        index = next((i for i, a in enumerate(advices) if says(a, rounds[: i + 1])), None)
        at = last if index is None else rounds[index]
        accuracy, end = at.evaluation.accuracy, last.evaluation.accuracy
        stops.append(
            Stop(
                criterion=name,
                number=None if index is None else at.number,
                labels=at.labels,
                saved=last.labels - at.labels,
                minutes=last.label_minutes - at.label_minutes,
                accuracy=accuracy,
                lost=None if accuracy is None or end is None else end - accuracy,
            )
        )
    return stops
