"""Owns cluster-margin: the smallest margins, spread over clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies import margin
from alcore.strategies.contract import Context, Option, Signals, Strategy, check_count, selection


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick k of the factor·k smallest margins, in turns over their clusters, small ones first.

    Within a cluster by chance, as published. The clusters come from k-means instead of
    hierarchical clustering, which needs an N×N table.
    """
    check_count(k, candidates)
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    clusters = min(options["clusters"], max(1, len(candidates) // 5))
    _, owners = acquisition.k_means(signals.embeddings, clusters, rng)
    scores = acquisition.margin(signals.probabilities)
    count = min(len(scores), int(np.ceil(options["factor"] * k)))
    shortlist = rng.permutation(acquisition.top_k(scores, count, rng))
    of = owners[shortlist]
    sizes = np.bincount(of, minlength=clusters)
    # The turn of an item is its place within its cluster; within a turn small clusters lead.
    by_cluster = np.argsort(of, kind="stable")
    turn = np.empty(count, np.int64)
    turn[by_cluster] = np.arange(count) - (np.cumsum(sizes) - sizes)[of[by_cluster]]
    order = np.lexsort((rng.permutation(clusters)[of], sizes[of], turn))[:k]
    rows = shortlist[order]
    reasons = [
        f"{reason}; group of {size}"
        for reason, size in zip(
            margin.reasons(signals, rows, scores[rows], context), sizes[of[order]], strict=True
        )
    ]
    return selection(candidates, rows, scores[rows], reasons)


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of one clustering and one scoring."""
    return 0.02 + 1e-5 * pool + 1e-5 * batch


CLUSTER_MARGIN = Strategy(
    name="cluster-margin",
    sentence="Images hard to tell apart, taken in turns from groups of similar ones.",
    paper="Citovsky et al. 2021 (Cluster-Margin)",
    needs=frozenset({"probabilities", "embeddings"}),
    select=select,
    options=(
        Option("factor", "number", 10.0, "shortlist in batches", 1.0, 100.0),
        Option("clusters", "count", 200, "groups of similar images", 2, 2000),
    ),
    prefix=False,
    cost=cost,
)
