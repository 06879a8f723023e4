"""Owns adversarial sampling (DFAL): images that a tiny change would flip."""

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
    """Return −(smallest change that flips the class) (P,); beyond the shortlist, by margin.

    Where no distance was computed, or none found, the score lies below all others and falls
    with the margin.
    """
    distances = signals.flip_distance.astype(np.float64)
    finite = ~np.isnan(distances)
    farthest = np.max(distances, initial=0.0, where=finite)
    below = -farthest - 2 + acquisition.margin(signals.probabilities)
    return np.where(finite, -distances, below)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the class and the size of the change."""
    ((guesses,), _) = wording.likeliest(signals.probabilities[rows], 1)
    names = [context.class_names[guess] for guess in guesses]
    return [
        f"no tiny change was found that makes it other than {name}"
        if unknown
        else f"a change of size {-score:.3f} makes it other than {name} to the model"
        for name, score, unknown in zip(
            names, scores.tolist(), np.isnan(signals.flip_distance[rows]).tolist(), strict=True
        )
    ]


ADVERSARIAL = scored(
    name="adversarial",
    sentence="Images that the smallest change of pixels turns into another class for the model.",
    paper="Ducoffe & Precioso 2018 (DFAL); Moosavi-Dezfooli et al. 2016 (DeepFool)",
    needs=frozenset({"probabilities", "flip_distance"}),
    score=score,
    reasons=reasons,
)
