"""Owns the rule that says when the next model is due; counts of labels, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcore.config import RetrainRule


@dataclass(frozen=True)
class NextTraining:
    """What stands between now and the next training."""

    due: bool
    missing: int | None
    """Labels until it is due; None when models are only trained by hand."""
    step: int
    """Labels that lie between the last training and the next in all."""
    blocked: str | None
    """Why it cannot start whatever the count, as a sentence."""
    withdrawn: int = 0
    """Labels that the last training knew and that were taken back since: it is due again."""


def next_training(
    rule: RetrainRule,
    per_class: Sequence[int],
    since_last: int,
    first: bool,
    withdrawn: int = 0,
) -> NextTraining:
    """Tell when the next training is due.

    per_class: training labels of each class; since_last: labels newer than those of the last
    training that was started; first: none was started yet; withdrawn: labels that it knew and
    that were taken back since. The first training waits until each class was seen and
    `new_labels` are there, or until `minimum` labels are there. A label taken back is due at once:
    nobody shall be asked by a model that learned from it.

    >>> next_training(RetrainRule(new_labels=10, minimum=20), [3, 3], 6, first=True).missing
    4
    >>> next_training(RetrainRule(new_labels=10, minimum=20), [3, 0], 3, first=True).missing
    17
    """
    total = sum(per_class)
    if first:
        seen_all = bool(per_class) and all(per_class)
        step = min(rule.new_labels, rule.minimum) if seen_all else rule.minimum
        have = total
    else:
        step, have = rule.new_labels, since_last
    missing = 0 if withdrawn and not first else max(0, step - have)
    blocked = None
    if missing == 0 and sum(n > 0 for n in per_class) < 2:
        blocked = "a model needs labels of at least two classes"
    if not rule.automatic:
        return NextTraining(False, None, step, blocked, withdrawn)
    return NextTraining(missing == 0 and blocked is None, missing, step, blocked, withdrawn)
