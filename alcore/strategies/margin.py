"""Owns margin sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import Context, Signals, Strategy, check_count, selection


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick the k candidates with the smallest gap between the two most likely classes."""
    check_count(k, candidates)
    scores = acquisition.margin(signals.probabilities)
    rows = acquisition.top_k(scores, k, rng)
    reasons = [_reason(signals.probabilities[row], context.class_names) for row in rows]
    return selection(candidates, rows, scores[rows], reasons)


def _reason(p: np.ndarray, names: tuple[str, ...]) -> str:
    second, first = np.argsort(p)[-2:]
    return f"margin {p[first] - p[second]:.2f} between {names[first]} and {names[second]}"


MARGIN = Strategy(
    name="margin",
    sentence="Images that the model finds hardest to tell between two classes.",
    paper="Scheffer et al. 2001 (breaking ties)",
    needs=frozenset({"probabilities"}),
    select=select,
)
