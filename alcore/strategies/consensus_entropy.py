"""Owns consensus entropy of a committee."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.strategies import opinions
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return the entropy (P,) in nats of the mean opinion of the members."""
    return acquisition.entropy(opinions.consensus(signals.committee))


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the likeliest classes and how undecided the committee is."""
    likely = opinions.likeliest(signals.committee[row], context.class_names)
    return f"{likely}? the committee as a whole is undecided: entropy {score:.2f}"


CONSENSUS_ENTROPY = scored(
    name="consensus entropy",
    sentence="Images of whose class a committee of small models, taken together, is unsure.",
    paper="Settles 2009 (soft vote entropy)",
    needs=frozenset({"committee"}),
    score=score,
    reason=reason,
)
