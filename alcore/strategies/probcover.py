"""Owns ProbCover: as few balls as possible that cover as many images as possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import Context, Option, Signals, Strategy, check_count, selection

_SUBSET = 20_000
"""Items looked at, by chance in a larger pool: all pairs of them are compared."""
_BALLS = 512
"""Balls that are sorted by their items at the same time."""
_PURITY = 0.95
_PROBES = 1_000


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick, one by one, the item whose ball covers the most items that no ball covers yet.

    Balls of labeled items cover from the start. Radius 0 takes the largest one at which 95 % of
    the balls hold one cluster of k-means only, as published. A ball keeps its nearest D items,
    at least 16. Scores are the items newly covered; once all are covered, the rest is random.
    """
    check_count(k, candidates)
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    subset, points = np.arange(len(candidates)), signals.embeddings
    if len(candidates) > max(_SUBSET, k):
        subset = np.sort(rng.permutation(len(candidates))[: max(_SUBSET, k)])
        points = points[subset]
    radius = options["radius"] or _pure_radius(points, len(context.class_names), rng)
    starts, inside = _balls(points, radius)
    labeled = signals.labeled_embeddings
    if len(labeled):
        covered = acquisition.nearest_distance(points, labeled) <= radius**2
    else:
        covered = np.zeros(len(points), np.bool_)
    rows, gains = _cover(starts, inside, covered, k, rng)
    reasons = [
        f"stands for {gain} similar images without a label" if gain else "all covered: random"
        for gain in gains
    ]
    return selection(candidates, subset[rows], gains, reasons)


def _pure_radius(points: np.ndarray, classes: int, rng: np.random.Generator) -> float:
    """Return the largest radius at which 95 % of balls hold items of one cluster only.

    A ball is pure up to the distance to the nearest item of another cluster: the radius is the
    5 % quantile of those distances, taken at up to 1,000 items.
    """
    _, owners = acquisition.k_means(points, min(max(2, classes), len(points)), rng)
    probes = rng.permutation(len(points))[:_PROBES]
    norms = np.einsum("nd,nd->n", points, points)
    reach = np.empty(len(probes))
    for start in range(0, len(probes), 64):
        some = probes[start : start + 64]
        table = acquisition.squared_distances((points,), norms, some, slice(None))
        table[owners[some, None] == owners] = np.inf
        reach[start : start + len(some)] = table.min(axis=1)
    reach = reach[np.isfinite(reach)]
    return float(np.sqrt(np.quantile(reach, 1 - _PURITY, method="lower"))) if len(reach) else 0.0


def _balls(points: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which items lie in each ball: those of i are inside[starts[i] : starts[i + 1]]."""
    most = max(16, points.shape[1])
    norms = np.einsum("nd,nd->n", points, points)
    members, sizes = [], np.zeros(len(points) + 1, np.int64)
    at_once = 128  # fewer rows make the product slow, more take memory
    for start in range(0, len(points), at_once):
        block = slice(start, start + at_once)
        table = acquisition.squared_distances((points,), norms, block, slice(None))
        table[np.arange(len(table)), np.arange(start, start + len(table))] = -1
        within = table <= radius**2
        for row in np.flatnonzero(within.sum(axis=1) > most):
            bar = np.partition(table[row], most - 1)[most - 1]
            within[row] &= table[row] <= bar
        owner, item = np.divmod(np.flatnonzero(within), len(points))
        members.append(item.astype(np.int32))
        sizes[start + 1 : start + 1 + len(table)] = np.bincount(owner, minlength=len(table))
    return np.cumsum(sizes), np.concatenate(members)


def _cover(
    starts: np.ndarray, inside: np.ndarray, covered: np.ndarray, k: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pick k balls greedily; returns rows (k,) and how many items each newly covers (k,)."""
    item_starts, by_item = _balls_by_item(starts, inside)
    gains = np.add.reduceat(~covered[inside], starts[:-1], dtype=np.int64)
    rows: list[int] = []
    won: list[int] = []
    while len(rows) < k:
        best = gains.max()
        if best <= 0:
            rest = rng.permutation(np.flatnonzero(gains >= 0))[: k - len(rows)]
            rows += rest.tolist()
            won += [0] * len(rest)
            break
        row = int(rng.choice(np.flatnonzero(gains == best)))
        ball = inside[starts[row] : starts[row + 1]]
        fresh = ball[~covered[ball]]
        covered[fresh] = True
        lost = [by_item[item_starts[i] : item_starts[i + 1]] for i in fresh]
        gains -= np.bincount(np.concatenate(lost), minlength=len(gains))
        rows.append(row)
        won.append(int(best))
        gains[rows] = -1
    return np.array(rows, np.int64), np.array(won, np.int64)


def _balls_by_item(starts: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which balls each item lies in: those of j are owners[starts[j] : starts[j + 1]].

    A sort by counting, some balls at a time: one of all would take as much memory again thrice.
    """
    n = len(starts) - 1
    places = np.zeros(n + 1, np.int64)
    blocks = [(first, min(first + _BALLS, n)) for first in range(0, n, _BALLS)]
    for first, last in blocks:
        places[1:] += np.bincount(inside[starts[first] : starts[last]], minlength=n)
    places = np.cumsum(places)
    free, owners = places[:-1].copy(), np.empty(len(inside), np.int32)
    for first, last in blocks:
        items = inside[starts[first] : starts[last]]
        order = np.argsort(items, kind="stable")
        counts = np.bincount(items, minlength=n)
        before = np.arange(len(items)) - np.repeat(np.cumsum(counts) - counts, counts)
        balls = np.repeat(np.arange(first, last, dtype=np.int32), np.diff(starts[first : last + 1]))
        owners[free[items[order]] + before] = balls[order]
        free += counts
    return places, owners


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of comparing all pairs of the subset."""
    size = min(pool, _SUBSET)
    return 0.02 + 1.5e-8 * size * size + 3e-4 * batch


PROBCOVER = Strategy(
    name="ProbCover",
    sentence="Images that each stand for many similar ones without a label.",
    paper="Yehuda et al. 2022 (ProbCover)",
    needs=frozenset({"embeddings"}),
    select=select,
    options=(
        Option("radius", "number", 0.0, "distance that counts as similar; 0 finds it", 0.0, 1e6),
    ),
    cost=cost,
)
