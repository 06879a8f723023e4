"""Owns mean Kullback-Leibler divergence of a committee to its consensus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import opinions
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return the mean of KL(member ‖ consensus) (P,) in nats."""
    return opinions.disagreement(signals.committee)


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the likeliest classes and by how much the members differ."""
    likely = opinions.likeliest(signals.committee[row], context.class_names)
    return f"{likely}? committee members differ by {score:.2f} nats"


MEAN_KL = scored(
    name="mean KL",
    sentence="Images on which members of a committee of small models differ most from its mean.",
    paper="McCallum & Nigam 1998 (KL divergence to the mean)",
    needs=frozenset({"committee"}),
    score=score,
    reason=reason,
)
