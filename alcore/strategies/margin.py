"""Owns margin sampling."""

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
    """Return 1 − (p₁ − p₂) (P,): the smaller the gap of the two most likely classes, the more."""
    return acquisition.margin(signals.probabilities)


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the two classes and the gap between them."""
    p, names = signals.probabilities[row], context.class_names
    first, second = opinions.two_likeliest(p)
    return f"margin {p[first] - p[second]:.2f} between {names[first]} and {names[second]}"


MARGIN = scored(
    name="margin",
    sentence="Images that the model finds hardest to tell between two classes.",
    paper="Scheffer et al. 2001 (breaking ties)",
    needs=frozenset({"probabilities"}),
    score=score,
    reason=reason,
)
