"""Owns BADGE: uncertain and diverse at once, by gradients of the last layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies import margin
from alcore.strategies.contract import Context, Signals, Strategy, check_count, selection


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Draw k candidates by k-means++ over g = (p − onehot ŷ) ⊗ h, which is never built.

    The first has the largest ‖g‖, as in the authors' code. Scores are the distances between
    gradients at which they were drawn.
    """
    check_count(k, candidates)
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    residuals = signals.probabilities.copy()
    residuals[np.arange(len(residuals)), residuals.argmax(axis=1)] -= 1
    factors = (residuals, signals.embeddings)
    sizes = [np.einsum("pd,pd->p", factor, factor) for factor in factors]
    first = int(acquisition.top_k(sizes[0] * sizes[1], 1, rng)[0])
    rows, squares = acquisition.d2_sampling(factors, k, rng, first=first)
    reasons = [
        f"{reason}; unlike the batch before it"
        for reason in margin.reasons(signals, rows, squares, context)
    ]
    return selection(candidates, rows, np.sqrt(squares), reasons)


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of the distances to the batch."""
    return 0.01 + pool * batch * (1e-8 + 1e-10 * classes)


BADGE = Strategy(
    name="BADGE",
    sentence="Images that would change the model much, each in its own way.",
    paper="Ash et al. 2020 (BADGE)",
    needs=frozenset({"probabilities", "embeddings"}),
    select=select,
    cost=cost,
)
