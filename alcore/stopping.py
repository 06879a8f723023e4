"""Owns stop advice: whether more labels are likely to be worth it, with the numbers and reasons.

Advice only; nothing stops by itself. It follows labels: trainings without new labels, or with very
few, tell nothing about what labels are worth, and neither does the step from one learner to
another. Accuracies and kappa 0–1 (kappa may be below 0); entropy is over ln C, so 0–1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alcore import segments
from alcore.records import RoundSummary

STEP = 10
"""Labels that lie between two models before their difference says anything."""
KAPPA = 0.99
"""Mean agreement of successive models, after Bloodgood & Vijay-Shanker 2009."""
KAPPA_STEPS = 3
ENTROPY = 0.05
"""Mean entropy of the candidates over ln C, after Zhu, Wang & Hovy 2008."""
PLATEAU_STEPS = 5
PLATEAU_GAIN = 0.01
"""Accuracy gained over the last steps below which the curve counts as flat."""


@dataclass(frozen=True)
class Advice:
    """Whether to stop, and why or why not."""

    stop: bool
    reason: str
    """Sentences with numbers, for people."""
    kappa: float | None = None
    """Mean Cohen's kappa over the last steps, at most three."""
    entropy: float | None = None
    """Mean entropy over the candidates by the last model, over ln C."""
    gain: float | None = None
    """Accuracy gained over the last steps."""
    labels_left: int | None = None
    """Labels that the budget still allows."""
    stable: bool = False
    certain: bool = False
    flat: bool = False


@dataclass(frozen=True)
class _Step:
    """At least `STEP` labels and what they changed; the first step is the first model."""

    labels: int
    """At its end."""
    size: int
    """Labels that it added."""
    kappa: float | None
    """Agreement between the models at its ends, or somewhat less."""
    accuracy: float | None
    """Of its last model."""


def advise(
    summaries: Sequence[RoundSummary], budget: int | None, labels: int | None = None
) -> Advice:
    """Advise on stopping from all finished rounds, oldest first, and a budget in labels.

    labels: those there are now, where they are not those of the last model. Advises to stop for
    any of: a spent budget, mean kappa ≥ 0.99 over three steps, mean entropy below 5 %, less than
    one point of accuracy gained in five steps; a step is ten labels or more.
    """
    if not summaries:
        return Advice(False, "No model yet: the first round comes after the first labels.")
    last = summaries[-1]
    steps = _steps(segments.newest(summaries))
    entropy = last.stop.mean_entropy
    spent = last.labels if labels is None else labels
    stable, about_stability, kappa = _stability(steps)
    flat, about_progress, gain = _plateau(steps)
    certain, about_certainty = _certainty(entropy)
    over, about_budget = _budget(spent, budget)
    checks = (
        (over, about_budget),
        (stable, about_stability),
        (certain, about_certainty),
        (flat, about_progress),
    )
    reasons = [sentence for right, sentence in checks if right]
    return Advice(
        stop=bool(reasons),
        reason=" ".join(reasons or [sentence for _, sentence in checks if sentence]),
        kappa=kappa,
        entropy=entropy,
        gain=gain,
        labels_left=None if budget is None else max(0, budget - spent),
        stable=stable,
        certain=certain,
        flat=flat,
    )


def advised_since(
    summaries: Sequence[RoundSummary], budget: int | None, labels: int | None = None
) -> RoundSummary | None:
    """Return the round since which every advice was to stop; None where today's is to go on.

    labels: as in `advise`.
    """
    if not advise(summaries, budget, labels).stop:
        return None
    first = None
    for end in range(len(summaries), 0, -1):
        if not advise(summaries[:end], budget).stop:
            break
        first = summaries[end - 1]
    return first


def _steps(history: Sequence[RoundSummary]) -> list[_Step]:
    """Gather the rounds of one learner into steps; what is left at the end is no step yet.

    Of several models from the same labels the newest stands for them. Where a step holds several
    rounds, what each changed adds up.
    """
    steps: list[_Step] = []
    lost: float | None = 0.0
    before: int | None = None
    for summary in history:
        accuracy = summary.evaluation.accuracy
        if summary.labels == before:
            if steps and steps[-1].labels == before:
                steps[-1] = replace(steps[-1], accuracy=accuracy)
            continue
        if steps:
            kappa = summary.stop.kappa
            lost = None if kappa is None or lost is None else lost + 1 - kappa
        size = summary.labels - (steps[-1].labels if steps else 0)
        if not steps or size >= STEP:
            kappa = None if not steps or lost is None else 1 - lost
            steps.append(_Step(summary.labels, size, kappa, accuracy))
            lost = 0.0
        before = summary.labels
    return steps


def _budget(labels: int, budget: int | None) -> tuple[bool, str]:
    if budget is None:
        return False, ""
    if labels >= budget:
        return True, f"The budget of {budget:,} labels is spent ({labels:,} labels)."
    return False, f"{budget - labels:,} labels of the budget of {budget:,} are left."


def _stability(steps: Sequence[_Step]) -> tuple[bool, str, float | None]:
    known = [(step.size, step.kappa) for step in steps if step.kappa is not None][-KAPPA_STEPS:]
    if not known:
        needed = KAPPA_STEPS * STEP
        return False, f"Stability is known after {needed} more labels and their models.", None
    kappa = sum(kappa for _, kappa in known) / len(known)
    # Cut, not rounded: 0.9899 must not read as the 0.99 that it misses.
    start = f"Stability {math.floor(kappa * 1000 + 1e-6) / 1000:.3f}"
    labels = sum(size for size, _ in known)
    if len(known) < KAPPA_STEPS:
        more = (KAPPA_STEPS - len(known)) * STEP
        sentence = f"{start} over {labels} labels; {more} more are needed to judge it by."
        return False, sentence, kappa
    if kappa >= KAPPA:
        return True, f"{start}: the last {labels} labels hardly changed the models.", kappa
    return False, f"{start} over the last {labels} labels, needs {KAPPA}.", kappa


def _certainty(entropy: float | None) -> tuple[bool, str]:
    if entropy is None:
        return False, ""
    start = f"Mean uncertainty of the unlabeled images {entropy:.1%} of the largest possible"
    if entropy < ENTROPY:
        return True, f"{start}, below {ENTROPY:.0%}."
    return False, f"{start}, needs below {ENTROPY:.0%}."


def _plateau(steps: Sequence[_Step]) -> tuple[bool, str, float | None]:
    """Compare the best accuracy of the last steps with the best before them.

    The best of each, because single models go up and down.
    """
    known = [(step.size, step.accuracy) for step in steps if step.accuracy is not None]
    if len(known) <= PLATEAU_STEPS:
        more = (PLATEAU_STEPS + 1 - len(known)) * STEP
        sentence = f"Progress is known after {more} more labels and a holdout."
        return False, sentence, None
    before, after = known[:-PLATEAU_STEPS], known[-PLATEAU_STEPS:]
    gain = max(accuracy for _, accuracy in after) - max(accuracy for _, accuracy in before)
    labels = sum(size for size, _ in after)
    start = f"Accuracy changed by {100 * gain:+.1f} points over the last {labels} labels"
    if gain < PLATEAU_GAIN:
        return True, f"{start}, less than {100 * PLATEAU_GAIN:.0f}.", gain
    return False, f"{start}, so labels still help.", gain
