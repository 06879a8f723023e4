"""Owns ratio sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies import opinions
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return p₂ / p₁ (P,): 1 where the two most likely classes tie."""
    return acquisition.ratio(signals.probabilities)


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the two classes and how far the second comes up to the first."""
    first, second = opinions.two_likeliest(signals.probabilities[row])
    names = context.class_names
    return f"{names[second]} {score:.0%} as likely as {names[first]}"


RATIO = scored(
    name="ratio",
    sentence="Images whose second guess is nearly as likely as the first, however unlikely both.",
    paper="Munro 2021 (ratio of confidence)",
    needs=frozenset({"probabilities"}),
    score=score,
    reason=reason,
)
