"""Owns least confidence sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return 1 − p₁ (P,)."""
    return acquisition.least_confidence(signals.probabilities)


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the best guess and how sure it is."""
    p = signals.probabilities[row].tolist()  # lists are quicker than arrays for so few numbers
    best = max(p)
    return f"best guess {context.class_names[p.index(best)]}, only {best:.0%} sure"


LEAST_CONFIDENCE = scored(
    name="least confidence",
    sentence="Images whose best guess the model trusts the least.",
    paper="Lewis & Gale 1994",
    needs=frozenset({"probabilities"}),
    score=score,
    reason=reason,
)
