"""Owns k-means selection: the most central image of each of k clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import Context, Signals, Strategy, check_count, selection


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Cluster the candidates into k and pick the one nearest to each centre.

    Largest cluster first; scores are their sizes. Where equal images leave clusters empty, the
    rest is random.
    """
    check_count(k, candidates)
    points = signals.embeddings
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    centres, owners = acquisition.k_means(points, k, rng)
    rows, sizes = acquisition.most_central(points, centres, owners)
    order = np.lexsort((rng.random(len(rows)), -sizes))
    rest = rng.permutation(np.setdiff1d(np.arange(len(points)), rows))[: k - len(rows)]
    reasons = [f"most typical of a group of {sizes[i]} similar images" for i in order]
    return selection(
        candidates,
        np.concatenate([rows[order], rest]),
        np.concatenate([sizes[order], np.zeros(len(rest))]),
        reasons + ["random: fewer different images than asked for"] * len(rest),
    )


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of the clustering, learned from 50,000 items at most."""
    return 0.01 + batch * (4e-8 * min(pool, 50_000) + 4e-9 * pool)


K_MEANS = Strategy(
    name="k-means",
    sentence="The most typical image of each of as many groups as the batch has places.",
    paper="Lloyd 1982; Xu et al. 2003 (representative sampling)",
    needs=frozenset({"embeddings"}),
    select=select,
    prefix=False,
    cost=cost,
)
