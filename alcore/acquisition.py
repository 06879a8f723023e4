"""Owns the kernels that strategies are made of: scores and selections, pure NumPy.

Scores: larger = label sooner; entropies in nats. N items, C classes, D embedding width, L
labeled items, k picks. Kernels speak of rows; ids are the strategies' business.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_ROWS_AT_ONCE = 4096
"""Rows of a distance table that exist at the same time."""
_IN_CACHE = 8192
"""Rows of probabilities that stay in a processor's cache while they are gone through."""
_TABLE = 2**19
"""Entries of a table that is small enough for a processor's cache."""
_LEARNED_FROM = 50_000
"""Points that k-means learns its centres from."""
_GROUP = 64
"""Most picks that share one pass over the points."""
_SHORTLIST = 256
"""Rows among which the next picks of k-center are looked for."""


# -- scores ------------------------------------------------------------------------------------


def least_confidence(probabilities: np.ndarray) -> np.ndarray:
    """Return 1 − p₁ (N,) of probabilities (N, C). Lewis & Gale 1994.

    >>> least_confidence(np.array([[0.75, 0.25]])).tolist()
    [0.25]
    """
    if probabilities.shape[1] > 32:  # from here on one pass over rows beats many over columns
        return 1.0 - probabilities.max(axis=1)
    best = np.empty(len(probabilities), probabilities.dtype)
    for start in range(0, len(best), _IN_CACHE):
        block, block_best = (whole[start : start + _IN_CACHE] for whole in (probabilities, best))
        block_best[:] = block[:, 0]
        for column in block.T[1:]:
            np.maximum(block_best, column, out=block_best)
    return np.subtract(1.0, best, out=best)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """Return 1 − (p₁ − p₂) (N,) of probabilities (N, C ≥ 2). Scheffer et al. 2001.

    >>> margin(np.array([[0.75, 0.25, 0.0]])).tolist()
    [0.5]
    """
    first, second = _two_largest(probabilities)
    return 1.0 - (first - second)


def ratio(probabilities: np.ndarray) -> np.ndarray:
    """Return p₂ / p₁ (N,) of probabilities (N, C ≥ 2). Settles 2009; Munro 2021.

    >>> ratio(np.array([[0.5, 0.25, 0.25]])).tolist()
    [0.5]
    """
    first, second = _two_largest(probabilities)
    return second / first


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return −Σ p ln p (N,) in nats of probabilities (N, C); 0 ln 0 is 0. Shannon 1948.

    >>> entropy(np.array([[1.0, 0.0]])).tolist()
    [0.0]
    """
    entropies = np.empty(len(probabilities), probabilities.dtype)
    for start in range(0, len(entropies), _IN_CACHE):
        block = probabilities[start : start + _IN_CACHE]
        logs = np.maximum(block, np.finfo(block.dtype).tiny)
        np.log(logs, out=logs)
        np.einsum("nc,nc->n", block, logs, out=entropies[start : start + len(block)])
    return np.abs(entropies, out=entropies)


def _two_largest(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest and the second largest (N,) of each row (N, C ≥ 2)."""
    if probabilities.shape[1] > 32:  # from here on one partition beats many short passes
        top = np.partition(probabilities, -2, axis=1)
        return top[:, -1], top[:, -2]
    first = np.empty(len(probabilities), probabilities.dtype)
    second = np.full_like(first, -np.inf)
    lower = np.empty(_IN_CACHE, first.dtype)
    for start in range(0, len(first), _IN_CACHE):
        block, one, two = (
            whole[start : start + _IN_CACHE] for whole in (probabilities, first, second)
        )
        low = lower[: len(one)]
        one[:] = block[:, 0]
        for column in block.T[1:]:
            np.minimum(one, column, out=low)
            np.maximum(two, low, out=two)
            np.maximum(one, column, out=one)
    return first, second


# -- selections --------------------------------------------------------------------------------


def top_k(scores: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of the k largest scores (N,), largest first; ties in random order."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, np.int64)
    # Every row draws a lot, not just those that tie, so that a longer queue begins as a shorter.
    lots = rng.random(len(scores))
    bar = np.partition(scores, len(scores) - k)[len(scores) - k]
    near = np.flatnonzero(scores >= bar)
    return near[np.lexsort((lots[near], -scores[near]))[:k]]


def squared_distances(
    factors: tuple[np.ndarray, ...], norms: np.ndarray, rows: np.ndarray | slice, others: Any
) -> np.ndarray:
    """Return the table (rows, others) of squared distances between two sets of rows."""
    table = factors[0][rows] @ factors[0][others].T
    for factor in factors[1:]:
        table *= factor[rows] @ factor[others].T
    table *= -2
    table += norms[rows, None]
    table += norms[others]
    return np.maximum(table, 0, out=table)


def nearest_distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the squared distance (N,) of points (N, D) to the nearest of others (L, D).

    Infinity where there are no others. Works block by block, never on an (N, L) table.
    """
    if len(others) == 0:
        return np.full(len(points), np.inf, points.dtype)
    nearest = np.empty(len(points), points.dtype)
    other_norms = np.einsum("ld,ld->l", others, others)
    for start in range(0, len(points), _ROWS_AT_ONCE):
        block = points[start : start + _ROWS_AT_ONCE]
        table = block @ others.T
        table *= -2
        table += other_norms
        nearest[start : start + len(block)] = table.min(axis=1) + np.einsum(
            "nd,nd->n", block, block
        )
    return np.maximum(nearest, 0, out=nearest)


def k_center_greedy(
    points: np.ndarray, labeled: np.ndarray, k: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pick k rows of points (N, D), each the farthest from labeled (L, D) and earlier picks.

    Returns rows (k,) and the distances (k,) at which they were picked, falling; infinity for
    the first one where nothing is labeled. Ties by rng. Within twice the smallest possible
    radius (Gonzalez 1985); core-set (Sener & Savarese 2018).

    Distances only fall, so that a known distance is a bound: as long as the farthest of a
    shortlist beats the bounds of all others, it is the farthest of all. Thus several picks share
    one pass over the points, and are still exactly those of one pass each.
    """
    k = min(k, len(points))
    factors, norms = (points,), np.einsum("nd,nd->n", points, points)
    nearest = nearest_distance(points, labeled)
    rows: list[int] = []
    squares: list[float] = []
    while len(rows) < k:
        largest = nearest.max()
        if largest <= 0:  # only copies of what is covered are left
            rest = rng.permutation(np.flatnonzero(nearest >= 0))[: k - len(rows)]
            rows += rest.tolist()
            squares += [0.0] * len(rest)
            break
        shortlist, bound = _largest(nearest, _SHORTLIST)
        picks = []
        if largest == bound:
            picks.append(int(rng.choice(np.flatnonzero(nearest == largest))))
            squares.append(largest)
        else:
            nearest_short = nearest[shortlist]
            table = squared_distances(factors, norms, shortlist, shortlist)
            while len(picks) < min(_GROUP, k - len(rows)) and nearest_short.max() > max(bound, 0):
                best = nearest_short.max()
                ties = np.flatnonzero(nearest_short == best)
                place = int(ties[0] if len(ties) == 1 else rng.choice(ties))
                picks.append(int(shortlist[place]))
                squares.append(best)
                np.minimum(nearest_short, table[place], out=nearest_short)
                nearest_short[place] = -1
        _cover(nearest, factors, norms, picks)
        rows += picks
        nearest[rows] = -1  # a pick is never picked again, also among equals
    return np.array(rows, np.int64), np.sqrt(np.array(squares, np.float64))


def d2_sampling(
    factors: tuple[np.ndarray, ...],
    k: int,
    rng: np.random.Generator,
    nearest: np.ndarray | None = None,
    first: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw k distinct rows, each with chance ∝ squared distance to the nearest before it.

    Row i is the outer product of row i of all factors (N, D₁), (N, D₂) …, which is never built:
    ‖g_i − g_j‖² = Π‖f_i‖² + Π‖f_j‖² − 2 Π f_i·f_j; one factor is a plain point. `nearest` (N,)
    are squared distances to what is covered before; without it, the first row is `first` or
    uniform. Uniform where all distances are 0. Returns rows (k,) and the squared distances (k,)
    at which they were drawn. The seeding of k-means++ (Arthur & Vassilvitskii 2007).

    Distances only fall, so that a draw from older ones, kept with the chance new / old, is a
    draw from the new ones: several draws share one pass over the points.
    """
    n = len(factors[0])
    k = min(k, n)
    norms = _norms(factors)
    rows: list[int] = []
    squares: list[float] = []
    free = np.ones(n, bool)
    starts = nearest is None and k > 0
    nearest = np.full(n, np.inf, norms.dtype) if nearest is None else nearest.copy()
    if starts:
        rows.append(int(rng.integers(n)) if first is None else first)
        _cover(nearest, factors, norms, rows)
        squares.append(float(norms[rows[0]]))
        free[rows], nearest[rows] = False, 0
    while len(rows) < k:
        sums = np.cumsum(nearest, dtype=np.float64)
        if sums[-1] <= 0:
            rest = rng.permutation(np.flatnonzero(free))[: k - len(rows)]
            rows += rest.tolist()
            squares += [0.0] * len(rest)
            break
        draws = np.searchsorted(sums, rng.random(_GROUP) * sums[-1], side="right")
        draws = np.minimum(draws, np.flatnonzero(nearest)[-1])
        chances = rng.random(_GROUP) * nearest[draws]
        table = squared_distances(factors, norms, draws, draws)
        table[draws[:, None] == draws] = 0
        places, falls = _kept(nearest[draws], chances, table, k - len(rows))
        picks = draws[places].tolist()
        _cover(nearest, factors, norms, picks)
        rows += picks
        squares += falls
        free[picks], nearest[rows] = False, 0
    return np.array(rows, np.int64), np.array(squares, np.float64)


def _norms(factors: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the squared length of each row's outer product, (N,)."""
    norms = np.ones(len(factors[0]), factors[0].dtype)
    for factor in factors:
        norms *= np.einsum("nd,nd->n", factor, factor)
    return norms


def _kept(
    squares: np.ndarray, chances: np.ndarray, table: np.ndarray, most: int
) -> tuple[list[int], list[float]]:
    """Keep draws, one after another, whose distance has not fallen below their chance.

    squares (g,): to what is covered; chances (g,): of 0 to that, at random; table (g, g): between
    the draws. Returns the places of up to `most`, and the squares that they had by then.
    """
    places: list[int] = []
    falls: list[float] = []
    for place in range(len(squares)):
        if squares[place] > chances[place] and len(places) < most:
            places.append(place)
            falls.append(float(squares[place]))
            np.minimum(squares, table[place], out=squares)
    return places, falls


def k_means(
    points: np.ndarray, k: int, rng: np.random.Generator, steps: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster points (N, D) by D² seeding and Lloyd's steps; returns centres (k, D), owners (N,).

    A cluster that loses all its points keeps its centre. Stops early when nothing moves. Of more
    than 50,000 points, centres are learned from a random part of that size, or 4·k.
    """
    if len(points) > max(_LEARNED_FROM, 4 * k):
        part = np.sort(rng.choice(len(points), max(_LEARNED_FROM, 4 * k), replace=False))
        centres, _ = k_means(points[part], k, rng, steps)
        return centres, assign(points, centres)
    centres = points[d2_sampling((points,), k, rng)[0]].copy()
    owners = np.full(len(points), -1)
    for _ in range(steps):
        moved = assign(points, centres)
        if np.array_equal(moved, owners):
            break
        owners = moved
        sizes = np.bincount(owners, minlength=len(centres))
        order = np.argsort(owners, kind="stable")
        filled = np.flatnonzero(sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])[filled]
        centres[filled] = np.add.reduceat(points[order], starts) / sizes[filled, None]
    return centres, owners


def assign(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the index (N,) of the nearest of centres (k, D) for points (N, D)."""
    owners = np.empty(len(points), np.int64)
    centre_norms = np.einsum("kd,kd->k", centres, centres)
    doubled = -2 * centres.T
    at_once = max(64, _TABLE // max(1, len(centres)))
    for start in range(0, len(points), at_once):
        table = points[start : start + at_once] @ doubled
        table += centre_norms
        owners[start : start + len(table)] = table.argmin(axis=1)
    return owners


def most_central(
    points: np.ndarray, centres: np.ndarray, owners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each cluster with members, the row nearest to its centre and its size."""
    distances = np.empty(len(points), points.dtype)
    for start in range(0, len(points), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        away = points[block] - centres[owners[block]]
        distances[block] = np.einsum("nd,nd->n", away, away)
    order = np.lexsort((distances, owners))
    _, first, sizes = np.unique(owners[order], return_index=True, return_counts=True)
    return order[first], sizes


# -- parts of selections -----------------------------------------------------------------------


def _largest(values: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Return the places of the `count` largest values and the largest of all others."""
    if len(values) <= count:
        return np.arange(len(values)), -np.inf
    order = np.argpartition(values, len(values) - count - 1)
    return order[-count:], float(values[order[-count - 1]])


def _cover(
    nearest: np.ndarray, factors: tuple[np.ndarray, ...], norms: np.ndarray, picks: list[int]
) -> None:
    """Lower `nearest` (N,) in place to the squared distances to the picked rows, block by block."""
    doubled, *others = [factor[picks] for factor in factors]
    doubled = -2 * doubled
    for start in range(0, len(nearest), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        table = doubled @ factors[0][block].T
        for other, factor in zip(others, factors[1:], strict=True):
            table *= other @ factor[block].T
        table += norms[picks, None]
        closest = table.min(axis=0) + norms[block]
        np.minimum(nearest[block], np.maximum(closest, 0, out=closest), out=nearest[block])
