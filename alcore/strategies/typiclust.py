"""Owns TypiClust: the most typical image of each uncovered cluster, for few labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import Context, Option, Signals, Strategy, check_count, selection

_NEIGHBOURS = 20
_SMALLEST = 5
"""Members of a cluster below which it waits for the others."""
_MEMBERS = 5_000
"""Members of one cluster that are looked at; a random part of a larger one."""


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Cluster all items into min(L + k, most); pick typical ones where labels are missing.

    Clusters with the fewest labels first, then the largest; those below five members after all
    others; around again where there are fewer clusters than places. Within a cluster the item
    with the smallest mean distance to its 20 nearest (half the cluster, if that is less); ties
    by rng. Scores are typicalities, 1 / mean distance.
    """
    check_count(k, candidates)
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    labeled = signals.labeled_embeddings
    count = 0 if labeled is None else len(labeled)
    points = np.concatenate([signals.embeddings, labeled]) if count else signals.embeddings
    clusters = min(count + k, options["most"], len(points))
    _, owners = acquisition.k_means(points, clusters, rng)
    members = np.bincount(owners, minlength=clusters)
    known = np.bincount(owners[len(candidates) :], minlength=clusters)
    by_owner = np.argsort(owners[: len(candidates)], kind="stable")
    ends = np.cumsum(members - known)
    free = {
        c: by_owner[ends[c] - (members[c] - known[c]) : ends[c]]
        for c in np.lexsort((rng.random(clusters), -members, known, members < _SMALLEST)).tolist()
    }
    rows: list[int] = []
    scores: list[float] = []
    reasons: list[str] = []
    while len(rows) < k:
        for cluster in list(free):
            inside = free[cluster]
            if len(inside) == 0:
                del free[cluster]
                continue
            if len(inside) > _MEMBERS:
                inside = rng.choice(inside, _MEMBERS, replace=False)
            typical = _typicality(signals.embeddings[inside])
            row = int(inside[acquisition.top_k(typical, 1, rng)[0]])
            free[cluster] = free[cluster][free[cluster] != row]
            rows.append(row)
            scores.append(float(typical.max()))
            reasons.append(
                f"typical of a group of {members[cluster]} images with {known[cluster]} labels"
            )
            if len(rows) == k:
                break
    return selection(candidates, np.array(rows), np.array(scores), reasons)


def _typicality(points: np.ndarray) -> np.ndarray:
    """Return 1 / the mean distance (n,) of points (n, D) to their nearest, themselves not."""
    count = min(_NEIGHBOURS, len(points) // 2)
    if count == 0:
        return np.ones(len(points))
    means = np.empty(len(points))
    points = points - points.mean(axis=0)  # far from 0, squared distances would lose digits
    norms = np.einsum("nd,nd->n", points, points)
    at_once = max(1, 2**21 // len(points))
    for start in range(0, len(points), at_once):
        table = acquisition.squared_distances(
            (points,), norms, slice(start, start + at_once), slice(None)
        )
        table[np.arange(len(table)), np.arange(start, start + len(table))] = 0
        table.partition(count, axis=1)
        means[start : start + len(table)] = np.sqrt(table[:, : count + 1]).sum(axis=1) / count
    return 1 / np.maximum(means, 1e-7)


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of one clustering and of the neighbours within the clusters."""
    clusters = min(labeled + batch, 500)
    size = min(pool / max(1, clusters), _MEMBERS)
    fit = clusters * (4e-8 * min(pool, 50_000) + 4e-9 * pool)
    return 0.02 + fit + batch * (1e-3 + 2e-8 * size * size)


TYPICLUST = Strategy(
    name="TypiClust",
    sentence="Typical images of groups that no label covers yet: best with few labels.",
    paper="Hacohen et al. 2022 (TypiClust)",
    needs=frozenset({"embeddings"}),
    select=select,
    options=(Option("most", "count", 500, "groups at most", 2, 2000),),
    prefix=False,
    cost=cost,
)
