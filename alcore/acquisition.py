"""Owns the kernels that strategies are made of: scores and selections, pure NumPy.

Scores: larger = label sooner; entropies in nats. N items, C classes, D embedding width, L
labeled items, k picks. Kernels speak of rows; ids are the strategies' business.
"""

from __future__ import annotations

import numpy as np

_ROWS_AT_ONCE = 4096
"""Rows of a distance table that exist at the same time."""


# -- scores ------------------------------------------------------------------------------------


def least_confidence(probabilities: np.ndarray) -> np.ndarray:
    """Return 1 − p₁ (N,) of probabilities (N, C). Lewis & Gale 1994.

    >>> least_confidence(np.array([[0.75, 0.25]])).tolist()
    [0.25]
    """
    return 1.0 - probabilities.max(axis=1)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """Return 1 − (p₁ − p₂) (N,) of probabilities (N, C ≥ 2). Scheffer et al. 2001.

    >>> margin(np.array([[0.75, 0.25, 0.0]])).tolist()
    [0.5]
    """
    top = np.partition(probabilities, -2, axis=1)
    return 1.0 - (top[:, -1] - top[:, -2])


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return −Σ p ln p (N,) in nats of probabilities (N, C); 0 ln 0 is 0. Shannon 1948.

    >>> entropy(np.array([[1.0, 0.0]])).tolist()
    [0.0]
    """
    logs = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return np.abs((probabilities * logs).sum(axis=1))


# -- selections --------------------------------------------------------------------------------


def top_k(scores: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of the k largest scores (N,), largest first; ties in random order."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, np.int64)
    shuffled = rng.permutation(len(scores))
    mixed = -scores[shuffled]
    if k < len(scores):
        # All that beat the k-th score, then as many of those that tie with it as are missing.
        bar = np.partition(mixed, k - 1)[k - 1]
        better = np.flatnonzero(mixed < bar)
        chosen = np.concatenate([better, np.flatnonzero(mixed == bar)[: k - len(better)]])
    else:
        chosen = np.arange(k)
    return shuffled[chosen[np.argsort(mixed[chosen], kind="stable")]]


def squared_distances(points: np.ndarray, centre: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """Return ‖x − c‖² (N,) of points (N, D), with their squared norms (N,) already known."""
    return np.maximum(norms - 2 * (points @ centre) + centre @ centre, 0)


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
    """
    k = min(k, len(points))
    norms = np.einsum("nd,nd->n", points, points)
    nearest = nearest_distance(points, labeled)
    rows = np.empty(k, np.int64)
    radii = np.empty(k, np.float64)
    for i in range(k):
        largest = nearest.max()
        ties = np.flatnonzero(nearest == largest)
        row = int(ties[0] if len(ties) == 1 else rng.choice(ties))
        rows[i], radii[i] = row, np.sqrt(largest)
        np.minimum(nearest, squared_distances(points, points[row], norms), out=nearest)
        nearest[rows[: i + 1]] = -1  # a pick is never picked again, also among equals
    return rows, radii


def d2_sampling(
    points: np.ndarray, k: int, rng: np.random.Generator, labeled: np.ndarray | None = None
) -> np.ndarray:
    """Draw k distinct rows of points (N, D), each with chance ∝ squared distance to the nearest.

    Distances are to labeled (L, D), if any, and to earlier draws; uniform where all are 0. The
    seeding of k-means++ (Arthur & Vassilvitskii 2007).
    """
    k = min(k, len(points))
    norms = np.einsum("nd,nd->n", points, points)
    none = labeled is None or len(labeled) == 0
    nearest = np.ones(len(points)) if none else nearest_distance(points, labeled).astype(float)
    free = np.ones(len(points), bool)
    rows = np.empty(k, np.int64)
    for i in range(k):
        sums = np.cumsum(nearest * free)
        if sums[-1] <= 0:
            sums = np.cumsum(free, dtype=float)
        row = int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))
        row = min(row, int(np.flatnonzero(free)[-1]))
        rows[i], free[row] = row, False
        distances = squared_distances(points, points[row], norms)
        nearest = distances if none and i == 0 else np.minimum(nearest, distances)
    return rows


def k_means(
    points: np.ndarray, k: int, rng: np.random.Generator, steps: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster points (N, D) by D² seeding and Lloyd's steps; returns centres (k, D), owners (N,).

    A cluster that loses all its points keeps its centre. Stops early when nothing moves.
    """
    centres = points[d2_sampling(points, k, rng)].copy()
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
    for start in range(0, len(points), _ROWS_AT_ONCE):
        block = points[start : start + _ROWS_AT_ONCE]
        owners[start : start + len(block)] = (centre_norms - 2 * (block @ centres.T)).argmin(1)
    return owners
