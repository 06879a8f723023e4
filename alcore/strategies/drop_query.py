"""Owns DropQuery: images whose answer falls with dropout, one of each group of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies import ensembles, wording
from alcore.strategies.contract import Context, Option, Signals, Strategy, check_count, selection

_PUBLISHED = 0.5
"""Share of the passes that must say otherwise, as published."""


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick the most central image of each of k clusters of those whose answer falls most easily.

    Answers that fall are those that more than `share` of the passes change. Where fewer than k
    fall, those changed by most passes join, ties by rng. Largest cluster first; scores are shares
    of passes. The paper takes three passes that drop 75 % of the inputs of a head on frozen
    features; here they are the passes that BALD sees as well, which drop half of the embedding.
    """
    check_count(k, candidates)
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    changed = _changed(signals)
    falling = np.flatnonzero(changed > options["share"])
    if len(falling) < k:
        falling = np.lexsort((rng.random(len(changed)), -changed))[:k]
    centres, owners = acquisition.k_means(signals.embeddings[falling], k, rng)
    central, sizes = acquisition.most_central(signals.embeddings[falling], centres, owners)
    order = np.lexsort((rng.random(len(central)), -sizes))
    central, sizes = central[order], sizes[order]
    # Equal images leave clusters empty: the easiest to change of the others take their places.
    rest = np.setdiff1d(np.arange(len(falling)), central)
    rest = rest[np.lexsort((rng.random(len(rest)), -changed[falling[rest]]))][: k - len(central)]
    rows = falling[np.concatenate([central, rest])]
    groups = np.concatenate([sizes, np.ones(len(rest), np.int64)])
    return selection(candidates, rows, changed[rows], _reasons(signals, rows, groups, context))


def _changed(signals: Signals) -> np.ndarray:
    """Return the share of passes (P,) whose best guess is not the model's."""
    best = signals.probabilities.argmax(axis=1)
    votes = ensembles.votes(signals.dropout)
    return 1 - votes[np.arange(len(votes)), best] / signals.dropout.shape[1]


def _reasons(signals: Signals, rows: np.ndarray, groups: np.ndarray, context: Context) -> list[str]:
    likely = wording.two_named(ensembles.consensus(signals.dropout[rows]), context.class_names)
    shares = _changed(signals)[rows]
    return [
        f"{classes}? {share:.0%} of dropout passes say otherwise; group of {size}"
        for classes, share, size in zip(likely, shares.tolist(), groups.tolist(), strict=True)
    ]


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of counting votes and of one clustering."""
    return 0.02 + 2e-6 * pool + batch * 4e-8 * min(pool, 50_000)


DROP_QUERY = Strategy(
    name="DropQuery",
    sentence="Images whose answer falls when parts of what the model sees are dropped, one of each "
    "group of them.",
    paper="Gupte et al. 2024 (DropQuery)",
    needs=frozenset({"probabilities", "embeddings", "dropout"}),
    select=select,
    options=(Option("share", "number", _PUBLISHED, "of the passes that say otherwise", 0.0, 0.95),),
    prefix=False,
    cost=cost,
)
