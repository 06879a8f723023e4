"""Owns label dispersion: images about which the model kept changing its mind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import opinions
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return 1 − the share (P,) of checkpoints that predicted the most frequent class."""
    counts = opinions.votes(signals.history)
    return 1 - counts.max(axis=1, initial=0) / signals.history.shape[1]


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Count the predictions."""
    counts = opinions.votes(signals.history[row][None])[0]
    best, steps = int(counts.argmax()), len(signals.history[row])
    name = context.class_names[best]
    return f"while learning, the model said {name} only {counts[best]} of {steps} times"


DISPERSION = scored(
    name="label dispersion",
    sentence="Images whose predicted class kept changing while the model learned.",
    paper="Zhang et al. 2021 (When Deep Learners Change Their Mind)",
    needs=frozenset({"history"}),
    score=score,
    reason=reason,
)
