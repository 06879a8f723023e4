"""Owns class-rare sampling: more of what few labels name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return 1 − the share of the predicted class among the labels so far (P,)."""
    counts = context.labels_per_class
    shares = counts / max(1, counts.sum())
    return 1 - shares[signals.probabilities.argmax(axis=1)]


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the class and how many labels it has."""
    counts, total = context.labels_per_class.tolist(), len(context.labels)
    ((guesses,), _) = wording.likeliest(signals.probabilities[rows], 1)
    return [
        f"looks like {context.class_names[guess]}: {counts[guess]} of {total} labels so far"
        for guess in guesses
    ]


CLASS_RARE = scored(
    name="class-rare",
    sentence="Images that look like the classes with the fewest labels so far.",
    paper="Munro 2021 (stratified by predicted class)",
    needs=frozenset({"probabilities"}),
    score=score,
    reasons=reasons,
)
