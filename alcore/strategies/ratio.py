"""Owns ratio sampling."""

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
    """Return p₂ / p₁ (P,): 1 where the two most likely classes tie."""
    return acquisition.ratio(signals.probabilities)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the two classes and how far the second comes up to the first."""
    (best, seconds), _ = wording.likeliest(signals.probabilities[rows], 2)
    names = context.class_names
    return [
        f"{names[second]} {score:.0%} as likely as {names[first]}"
        for first, second, score in zip(best, seconds, scores.tolist(), strict=True)
    ]


RATIO = scored(
    name="ratio",
    sentence="Images whose second guess is nearly as likely as the first, however unlikely both.",
    paper="Munro 2021 (ratio of confidence)",
    needs=frozenset({"probabilities"}),
    score=score,
    reasons=reasons,
)
