"""Owns least confidence sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies import wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return 1 − p₁ (P,)."""
    return acquisition.least_confidence(signals.probabilities)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the best guess and how sure it is."""
    ((guesses,), (confidences,)) = wording.likeliest(signals.probabilities[rows], 1)
    names = context.class_names
    return [
        f"best guess {names[guess]}, only {p:.0%} sure"
        for guess, p in zip(guesses, confidences, strict=True)
    ]


LEAST_CONFIDENCE = scored(
    name="least confidence",
    sentence="Images whose best guess the model trusts the least.",
    paper="Lewis & Gale 1994",
    needs=frozenset({"probabilities"}),
    score=score,
    reasons=reasons,
)
