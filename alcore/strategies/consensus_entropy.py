"""Owns consensus entropy of a committee."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies import ensembles, wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return the entropy (P,) in nats of the mean of the members."""
    return acquisition.entropy(ensembles.consensus(signals.committee))


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the likeliest classes and how undecided the committee is."""
    likely = wording.two_named(ensembles.consensus(signals.committee[rows]), context.class_names)
    return [
        f"{classes}? the committee as a whole is undecided: entropy {score:.2f}"
        for classes, score in zip(likely, scores.tolist(), strict=True)
    ]


CONSENSUS_ENTROPY = scored(
    name="consensus entropy",
    sentence="Images of whose class a committee of five heads, taken together, is unsure.",
    paper="Settles 2009 (soft vote entropy)",
    needs=frozenset({"committee"}),
    score=score,
    reasons=reasons,
)
