"""Owns the segments of a project's history: stretches of models that one learner made.

Models can be compared with each other, and with random labeling, only within a segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcore.records import Learner, RoundSummary

_WORDS = (
    ("kind", "what learns is {}", "{}"),
    ("features", "it learns from {}", "on {}"),
    ("network", "the network is {}", "{}"),
    ("extractor", "features are those of {}", "features of {}"),
    ("tuning", "features are {}", "features {}"),
    ("resolution", "the network sees images of {} pixels a side", "{} pixels"),
    ("augmentation", "the augmentation is {}", "augmentation {}"),
    ("weights", "models begin with {}", "from {}"),
    ("transfer", "the transfer of weights is {}", "{}"),
    ("mode", "the mode between rounds is {}", "mode {}"),
    ("unlabeled", "the use of unlabeled images is {}", "unlabeled: {}"),
    ("balance", "the help for rare classes is {}", "balance: {}"),
    ("classes", "classes: {}", "classes: {}"),
)
"""Fields of a learner, what is said of a new value in a sentence, and on a chart."""


@dataclass(frozen=True)
class Segment:
    """Rounds of one learner in a row."""

    learner: Learner
    rounds: tuple[RoundSummary, ...]
    change: str
    """How its learner differs from the one before, for people; empty for the first segment."""
    sign: str
    """The same in a few words, for a mark on a chart."""


def segments(history: Sequence[RoundSummary]) -> list[Segment]:
    """Divide rounds, oldest first, where their learner changed."""
    parts: list[list[RoundSummary]] = []
    for summary in history:
        if not parts or parts[-1][-1].learner != summary.learner:
            parts.append([])
        parts[-1].append(summary)
    before = [None, *(rounds[0].learner for rounds in parts)]
    return [
        Segment(
            learner=rounds[0].learner,
            rounds=tuple(rounds),
            change=change(earlier, rounds[0].learner) if earlier else "",
            sign=sign(earlier, rounds[0].learner) if earlier else "",
        )
        for earlier, rounds in zip(before, parts, strict=False)
    ]


def newest(history: Sequence[RoundSummary]) -> tuple[RoundSummary, ...]:
    """Return the rounds that can be compared with the last one, oldest first."""
    parts = segments(history)
    return parts[-1].rounds if parts else ()


def change(before: Learner, after: Learner) -> str:
    """Say what is different about a learner.

    >>> change(Learner(), Learner(weights="pretraining 1", transfer="finetune"))
    'models begin with pretraining 1 (before: nothing)'
    >>> change(Learner(), Learner(tuning="tuned"))
    'features are tuned (before: untuned)'
    """
    return "; ".join(
        f"{words.format(_value(after, field))} (before: {_value(before, field)})"
        for field, words, _ in _different(before, after)
    )


def sign(before: Learner, after: Learner) -> str:
    """Say what is different about a learner in as few words as a chart has room for.

    >>> sign(Learner(), Learner(network="resnet18", resolution=96))
    'resnet18, 96 pixels'
    """
    return ", ".join(
        short.format(_value(after, field).partition(" (")[0])
        for field, _, short in _different(before, after)
    )


def _different(before: Learner, after: Learner) -> list[tuple[str, str, str]]:
    fields = [row for row in _WORDS if getattr(before, row[0]) != getattr(after, row[0])]
    # With features, a head on them joins the network; without them it leaves.
    if "none" in (before.extractor, after.extractor):
        fields = [row for row in fields if row[0] != "kind"] if len(fields) > 1 else fields
    # How weights are taken over goes without saying where there were none.
    if "none" in (before.transfer, after.transfer):
        fields = [row for row in fields if row[0] != "transfer"]
    return fields


def _value(learner: Learner, field: str) -> str:
    value = str(getattr(learner, field))
    if field == "classes":
        return value.partition(" (")[0] or "none merged or deleted"
    return "nothing" if (field, value) in (("weights", "none"), ("extractor", "none")) else value
