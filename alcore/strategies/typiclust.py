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
_TABLE = 2**19
"""Distances that exist at the same time."""
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
    points = np.concatenate([signals.embeddings, signals.labeled_embeddings])
    clusters = min(len(signals.labeled_embeddings) + k, options["most"], len(points))
    _, owners = acquisition.k_means(points, clusters, rng)
    members = np.bincount(owners, minlength=clusters)
    labels = np.bincount(owners[len(candidates) :], minlength=clusters)
    by_owner = np.argsort(owners[: len(candidates)], kind="stable")
    sizes = members - labels
    ends = np.cumsum(sizes)
    order = np.lexsort((rng.random(clusters), -members, labels, members < _SMALLEST))
    turns = _turns(order, sizes, k)
    rows, scores = np.empty(k, np.int64), np.empty(k)
    for cluster in np.unique(turns).tolist():
        places = np.flatnonzero(turns == cluster)
        inside = by_owner[ends[cluster] - sizes[cluster] : ends[cluster]]
        if len(inside) > max(_MEMBERS, len(places)):
            inside = np.sort(rng.choice(inside, max(_MEMBERS, len(places)), replace=False))
        picks, typical = _most_typical(signals.embeddings[inside], len(places), rng)
        rows[places], scores[places] = inside[picks], typical
    reasons = [
        f"typical of a group of {members[cluster]} images with {labels[cluster]} labels"
        for cluster in turns.tolist()
    ]
    return selection(candidates, rows, scores, reasons)


def _turns(order: np.ndarray, sizes: np.ndarray, k: int) -> np.ndarray:
    """Return the cluster (k,) of each pick: one of each in order, and around again while it has."""
    turns: list[int] = []
    clusters = order[sizes[order] > 0]
    visits = 0
    while len(turns) < k:
        turns += clusters.tolist()
        visits += 1
        clusters = clusters[sizes[clusters] > visits]
    return np.array(turns[:k], np.int64)


def _most_typical(
    points: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pick the most typical of points (n, D), then of those left, `count` times; ties by rng.

    Returns rows (count,) and their typicalities (count,): 1 / the mean distance to the 20 nearest
    of those left, or to half of them.
    """
    n = len(points)
    points = points - points.mean(axis=0)  # far from 0, squared distances would lose digits
    nearest = _nearest(points, min(_NEIGHBOURS + count, n))
    reach = nearest[:, -1].copy()
    lots, free = rng.random(n), np.ones(n, bool)
    places = np.arange(nearest.shape[1])
    picks, typical = np.empty(count, np.int64), np.empty(count)
    for turn in range(count):
        neighbours = min(_NEIGHBOURS, (n - turn) // 2)
        means = nearest[:, 1 : neighbours + 1].sum(axis=1) / max(1, neighbours)
        score = 1 / np.maximum(means, 1e-7) if neighbours else np.ones(n)
        score[~free] = -1
        best = np.flatnonzero(score == score.max())
        pick = best[lots[best].argmin()]
        picks[turn], typical[turn], free[pick] = pick, score[pick], False
        if turn + 1 < count:  # nobody's neighbour any more
            away = np.linalg.norm(points - points[pick], axis=1)
            losing = np.flatnonzero(away <= reach)
            gone = np.abs(nearest[losing, 1:] - away[losing, None]).argmin(axis=1) + 1
            columns = places + (places >= gone[:, None])
            columns[:, -1] = places[-1]
            nearest[losing] = np.take_along_axis(nearest[losing], columns, axis=1)
            nearest[losing, -1] = np.inf
    return picks, typical


def _nearest(points: np.ndarray, count: int) -> np.ndarray:
    """Return the distances (n, count) of points (n, D) to their nearest, rising, from 0 to self."""
    distances = np.empty((len(points), count), points.dtype)
    norms = np.einsum("nd,nd->n", points, points)[:, None]
    # One product per table: −2 x·y + ‖x‖² + ‖y‖².
    left = np.hstack([-2 * points, norms, np.ones_like(norms)])
    right = np.hstack([points, np.ones_like(norms), norms]).T
    at_once = max(64, _TABLE // len(points))
    for start in range(0, len(points), at_once):
        table = left[start : start + at_once] @ right
        table[np.arange(len(table)), np.arange(start, start + len(table))] = -np.inf
        table.partition(count - 1, axis=1)
        distances[start : start + len(table)] = table[:, :count]
    distances.sort(axis=1)
    return np.sqrt(np.maximum(distances, 0, out=distances), out=distances)


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
