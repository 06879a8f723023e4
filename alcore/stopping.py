"""Owns stop advice: whether more labels are likely to be worth it, with the numbers and reasons.

Advice only; nothing stops by itself. Accuracies and kappa 0–1 (kappa may be below 0); entropy
is over ln C, so 0–1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alcore.records import RoundSummary

KAPPA = 0.99
"""Mean agreement of successive models, after Bloodgood & Vijay-Shanker 2009."""
KAPPA_ROUNDS = 3
ENTROPY = 0.05
"""Mean entropy of the candidates over ln C, after Zhu, Wang & Hovy 2008."""
PLATEAU_ROUNDS = 5
PLATEAU_GAIN = 0.01
"""Accuracy gained over the last rounds below which the curve counts as flat."""


@dataclass(frozen=True)
class Advice:
    """Whether to stop, and why or why not."""

    stop: bool
    reason: str
    """Sentences with numbers, for people."""
    kappa: float | None = None
    """Mean Cohen's kappa between the last models, over at most three pairs."""
    entropy: float | None = None
    """Mean entropy over the candidates by the last model, over ln C."""
    gain: float | None = None
    """Accuracy gained over the last rounds."""
    labels_left: int | None = None
    """Labels that the budget still allows."""


def advise(summaries: Sequence[RoundSummary], budget: int | None) -> Advice:
    """Advise on stopping from all finished rounds, oldest first, and a budget in labels.

    Advises to stop for any of: a spent budget, mean kappa ≥ 0.99 over three rounds, mean
    entropy below 5 %, less than one point of accuracy gained in five rounds.
    """
    if not summaries:
        return Advice(False, "No model yet: the first round comes after the first labels.")
    last = summaries[-1]
    kappas = [s.stop.kappa for s in summaries if s.stop.kappa is not None][-KAPPA_ROUNDS:]
    kappa = sum(kappas) / len(kappas) if kappas else None
    entropy = last.stop.mean_entropy
    gain = _gain(summaries)
    labels_left = None if budget is None else max(0, budget - last.labels)
    checks = (
        _budget(last.labels, budget),
        _stability(kappa, len(kappas)),
        _certainty(entropy),
        _plateau(gain),
    )
    sentences = [sentence for _, sentence in checks if sentence]
    reasons = [sentence for right, sentence in checks if right]
    return Advice(
        stop=bool(reasons),
        reason=" ".join(reasons or sentences),
        kappa=kappa,
        entropy=entropy,
        gain=gain,
        labels_left=labels_left,
    )


def _budget(labels: int, budget: int | None) -> tuple[bool, str]:
    if budget is None:
        return False, ""
    if labels >= budget:
        return True, f"The budget of {budget:,} labels is spent ({labels:,} labels)."
    return False, f"{budget - labels:,} labels of the budget of {budget:,} are left."


def _stability(kappa: float | None, rounds: int) -> tuple[bool, str]:
    if kappa is None:
        return False, f"Stability is known from the second model on, and needs {KAPPA_ROUNDS + 1}."
    # Cut, not rounded: 0.9899 must not read as the 0.99 that it misses.
    start = f"Stability {math.floor(kappa * 1000 + 1e-6) / 1000:.3f}"
    if rounds < KAPPA_ROUNDS:
        return False, f"{start} over {rounds} of {KAPPA_ROUNDS} rounds, needs {KAPPA} over all."
    if kappa >= KAPPA:
        return True, f"{start}: the last {rounds} models hardly differed from those before them."
    return False, f"{start}, needs {KAPPA} for {KAPPA_ROUNDS} models."


def _certainty(entropy: float | None) -> tuple[bool, str]:
    if entropy is None:
        return False, ""
    start = f"Mean uncertainty of the unlabeled images {entropy:.1%} of the largest possible"
    if entropy < ENTROPY:
        return True, f"{start}, below {ENTROPY:.0%}."
    return False, f"{start}, needs below {ENTROPY:.0%}."


def _plateau(gain: float | None) -> tuple[bool, str]:
    if gain is None:
        return False, f"Progress is known after {PLATEAU_ROUNDS + 1} models with a holdout."
    start = f"Accuracy changed by {100 * gain:+.1f} points in {PLATEAU_ROUNDS} rounds"
    if gain < PLATEAU_GAIN:
        return True, f"{start}, less than {100 * PLATEAU_GAIN:.0f}."
    return False, f"{start}, so labels still help."


def _gain(summaries: Sequence[RoundSummary]) -> float | None:
    """Return the best accuracy of the last rounds less the best before; None if too few.

    The best of each, because single rounds go up and down.
    """
    accuracies = [s.evaluation.accuracy for s in summaries if s.evaluation.accuracy is not None]
    if len(accuracies) <= PLATEAU_ROUNDS:
        return None
    return max(accuracies[-PLATEAU_ROUNDS:]) - max(accuracies[:-PLATEAU_ROUNDS])
