"""Owns BALD: what passes with dropout know but do not agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import ensembles, wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return H(mean p) − mean H(p) (P,) in nats over the passes."""
    return ensembles.disagreement(signals.dropout)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the likeliest classes and by how much the passes differ."""
    likely = wording.two_named(ensembles.consensus(signals.dropout[rows]), context.class_names)
    return [
        f"{classes}? dropout passes disagree by {score:.2f} nats"
        for classes, score in zip(likely, scores.tolist(), strict=True)
    ]


BALD = scored(
    name="BALD",
    sentence="Images on which versions of the model, each sure of itself, disagree.",
    paper="Houlsby et al. 2011; Gal, Islam & Ghahramani 2017",
    needs=frozenset({"dropout"}),
    score=score,
    reasons=reasons,
)
