"""Owns margin sampling."""

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
    """Return 1 − (p₁ − p₂) (P,): the smaller the gap of the two most likely classes, the more."""
    return acquisition.margin(signals.probabilities)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the two classes and the gap between them."""
    best, values = wording.likeliest(signals.probabilities[rows], 2)
    names = context.class_names
    return [
        f"margin {p - q:.2f} between {names[first]} and {names[second]}"
        for first, second, p, q in zip(*best, *values, strict=True)
    ]


MARGIN = scored(
    name="margin",
    sentence="Images that the model finds hardest to tell between two classes.",
    paper="Scheffer et al. 2001 (breaking ties)",
    needs=frozenset({"probabilities"}),
    score=score,
    reasons=reasons,
)
