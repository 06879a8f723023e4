"""Owns vote entropy of a committee."""

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
    """Return the entropy (P,) in nats of the votes, one per member, over the classes."""
    shares = ensembles.votes(signals.committee) / signals.committee.shape[1]
    return acquisition.entropy(shares)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Count the votes."""
    best, counts = wording.likeliest(ensembles.votes(signals.committee[rows]), 3)
    names = context.class_names
    sentences = []
    for place in range(len(rows)):
        tally = [(names[b[place]], c[place]) for b, c in zip(best, counts, strict=True)]
        votes = ", ".join(f"{name} ×{count}" for name, count in tally if count > 0)
        sentences.append(f"committee votes: {votes}")
    return sentences


VOTE_ENTROPY = scored(
    name="vote entropy",
    sentence="Images on which a committee of five heads votes for different classes.",
    paper="Dagan & Engelson 1995 (query by committee)",
    needs=frozenset({"committee"}),
    score=score,
    reasons=reasons,
)
