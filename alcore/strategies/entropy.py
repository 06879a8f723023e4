"""Owns entropy sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies import wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return −Σ p ln p (P,) in nats."""
    return acquisition.entropy(signals.probabilities)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the three most likely classes and how far from certain the model is."""
    names, most = context.class_names, math.log(signals.probabilities.shape[1])
    best, _ = wording.likeliest(signals.probabilities[rows], 3)
    return [
        f"{' or '.join([names[guess] for guess in guesses])}? entropy {score:.2f} of {most:.2f}"
        for *guesses, score in zip(*best, scores.tolist(), strict=True)
    ]


ENTROPY = scored(
    name="entropy",
    sentence="Images whose probability is spread over many classes; weak with few labels.",
    paper="Shannon 1948; Settles 2009",
    needs=frozenset({"probabilities"}),
    score=score,
    reasons=reasons,
)
