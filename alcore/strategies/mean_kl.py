"""Owns mean Kullback-Leibler divergence of a committee to its consensus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import ensembles, wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return the mean of KL(member ‖ consensus) (P,) in nats."""
    return ensembles.disagreement(signals.committee)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the likeliest classes and by how much the members differ."""
    likely = wording.two_named(ensembles.consensus(signals.committee[rows]), context.class_names)
    return [
        f"{classes}? committee members differ by {score:.2f} nats"
        for classes, score in zip(likely, scores.tolist(), strict=True)
    ]


MEAN_KL = scored(
    name="mean KL",
    sentence="Images on which members of a committee of five heads differ most from its mean.",
    paper="McCallum & Nigam 1998 (KL divergence to the mean)",
    needs=frozenset({"committee"}),
    score=score,
    reasons=reasons,
)
