"""Owns entropy sampling."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return −Σ p ln p (P,) in nats."""
    return acquisition.entropy(signals.probabilities)


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the three most likely classes and how far from certain the model is."""
    p, names = signals.probabilities[row].tolist(), context.class_names
    best = " or ".join(names[i] for i in heapq.nlargest(3, range(len(p)), key=p.__getitem__))
    return f"{best}? entropy {score:.2f} of {math.log(len(p)):.2f}"


ENTROPY = scored(
    name="entropy",
    sentence="Images whose probability is spread over many classes; weak with few labels.",
    paper="Shannon 1948; Settles 2009",
    needs=frozenset({"probabilities"}),
    score=score,
    reason=reason,
)
