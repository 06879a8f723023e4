"""Owns least confidence sampling."""

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
    """Pick the k candidates whose most likely class is the least likely."""
    check_count(k, candidates)
    scores = acquisition.least_confidence(signals.probabilities)
    rows = acquisition.top_k(scores, k, rng)
    reasons = [_reason(signals.probabilities[row], context.class_names) for row in rows]
    return selection(candidates, rows, scores[rows], reasons)


def _reason(p: np.ndarray, names: tuple[str, ...]) -> str:
    return f"best guess {names[int(p.argmax())]}, only {p.max():.0%} sure"


LEAST_CONFIDENCE = Strategy(
    name="least confidence",
    sentence="Images whose best guess the model trusts the least.",
    paper="Lewis & Gale 1994",
    needs=frozenset({"probabilities"}),
    select=select,
)
