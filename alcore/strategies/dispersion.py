"""Owns label dispersion: images about which the model kept changing its mind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import ensembles, wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return 1 − the share (P,) of checkpoints that predicted the most frequent class."""
    counts = ensembles.votes(signals.history)
    return 1 - counts.max(axis=1, initial=0) / signals.history.shape[1]


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Count the predictions."""
    steps = signals.history.shape[1]
    ((best,), (counts,)) = wording.likeliest(ensembles.votes(signals.history[rows]), 1)
    return [
        f"while learning, the model said {context.class_names[guess]} only {count} of {steps} times"
        for guess, count in zip(best, counts, strict=True)
    ]


DISPERSION = scored(
    name="label dispersion",
    sentence="Images whose predicted class kept changing while the model learned.",
    paper="Zhang et al. 2021 (When Deep Learners Change Their Mind)",
    needs=frozenset({"history"}),
    score=score,
    reasons=reasons,
)
