"""Owns adversarial sampling (DFAL): images that a tiny change would flip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return −(smallest change that flips the class) (P,); beyond the shortlist, by margin.

    Where no distance was computed, or none found, the score lies below all others and falls
    with the margin.
    """
    distances = signals.flip_distance.astype(np.float64)
    known = ~np.isnan(distances)
    farthest = np.max(distances, initial=0.0, where=known)
    below = -farthest - 2 + acquisition.margin(signals.probabilities)
    return np.where(known, -distances, below)


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the class and the size of the change."""
    name = context.class_names[int(signals.probabilities[row].argmax())]
    if np.isnan(signals.flip_distance[row]):
        return f"no tiny change was found that makes it other than {name}"
    return f"a change of size {-score:.3f} makes it other than {name} to the model"


ADVERSARIAL = scored(
    name="adversarial",
    sentence="Images that the smallest change of pixels turns into another class for the model.",
    paper="Ducoffe & Precioso 2018 (DFAL); Moosavi-Dezfooli et al. 2016 (DeepFool)",
    needs=frozenset({"probabilities", "flip_distance"}),
    score=score,
    reason=reason,
)
