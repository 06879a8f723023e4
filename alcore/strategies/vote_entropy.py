"""Owns vote entropy of a committee."""

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
    """Return the entropy (P,) in nats of the votes, one per member, over the classes."""
    shares = opinions.votes(signals.committee) / signals.committee.shape[1]
    return acquisition.entropy(shares)


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Count the votes."""
    counts = opinions.votes(signals.committee[row][None])[0]
    order = [i for i in np.argsort(-counts, kind="stable")[:3] if counts[i]]
    return "committee votes: " + ", ".join(f"{context.class_names[i]} ×{counts[i]}" for i in order)


VOTE_ENTROPY = scored(
    name="vote entropy",
    sentence="Images on which a committee of small models votes for different classes.",
    paper="Dagan & Engelson 1995 (query by committee)",
    needs=frozenset({"committee"}),
    score=score,
    reason=reason,
)
