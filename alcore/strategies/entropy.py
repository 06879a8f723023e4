"""Owns entropy sampling."""

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
    """Pick the k candidates with the largest entropy −Σ p ln p, in nats."""
    check_count(k, candidates)
    scores = acquisition.entropy(signals.probabilities)
    rows = acquisition.top_k(scores, k, rng)
    reasons = [_reason(signals.probabilities[row], context.class_names) for row in rows]
    return selection(candidates, rows, scores[rows], reasons)


def _reason(p: np.ndarray, names: tuple[str, ...]) -> str:
    best = " or ".join(names[i] for i in np.argsort(p)[::-1][:3])
    return f"{best}? entropy {acquisition.entropy(p[None])[0]:.2f} of {np.log(len(p)):.2f}"


ENTROPY = Strategy(
    name="entropy",
    sentence="Images whose probability is spread over many classes; weak with few labels.",
    paper="Shannon 1948; Settles 2009",
    needs=frozenset({"probabilities"}),
    select=select,
)
