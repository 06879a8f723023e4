"""Owns uncertainty herding: each pick stands for as much as it can of what the model doubts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies import margin
from alcore.strategies.contract import Context, Option, Signals, Strategy, check_count, selection

_SUBSET = 5_000
"""Candidates looked at, by chance in a larger pool: all pairs of them are compared."""
_TOGETHER = 32
"""Candidates whose gain is computed at once."""
_LABELED = 1_000
"""Labeled items, the newest, between which the smallest distance is looked for."""
_BALANCE = 0.5
"""docs/studies/features.md compares it with others."""
_LEAST = 0.1
"""Added to the share of a class, in parts of an even one, so that no class counts for all."""

_ROUNDING = 1e-5
"""Squared distances below this part of a point's own square may be those of equal points."""


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick, one by one, the item that stands for most of the doubt that nothing stands for yet.

    Doubt is 1 − margin; x stands for y by exp(−(distance / radius)²), and for each y the item
    that stands for it best counts, of the labeled ones too. Radius 0 takes the smallest distance
    between labeled items, as published. Unlike there, doubt about a class weighs 1 / share of the
    class to the power of `balance`, by what the model says of the candidates: in a balanced pool
    that changes nothing. Scores are the doubt that a pick newly stands for, in images.
    """
    check_count(k, candidates)
    if k == 0:
        return selection(candidates, np.empty(0, np.int64), np.empty(0), [])
    rows = np.arange(len(candidates))
    if len(rows) > max(_SUBSET, k):
        rows = np.sort(rng.permutation(rows)[: max(_SUBSET, k)])
    points, labeled = signals.embeddings[rows], signals.labeled_embeddings
    probabilities = signals.probabilities[rows]
    doubt = acquisition.margin(probabilities) * _weights(probabilities, options["balance"])
    radius = options["radius"] or _smallest_distance(labeled[-_LABELED:])
    covered = np.zeros(len(points), np.float32)
    if len(labeled):
        covered = np.exp(-acquisition.nearest_distance(points, labeled) / radius**2)
    places, gains = _herd(points, doubt, covered, radius, k, rng)
    reasons = [
        f"{reason}; stands for {gain:.1f} doubtful images"
        for reason, gain in zip(
            margin.reasons(signals, rows[places], gains, context), gains.tolist(), strict=True
        )
    ]
    return selection(candidates, rows[places], gains, reasons)


def _weights(probabilities: np.ndarray, balance: float) -> np.ndarray:
    """Return what each row's (P, C) doubt weighs (P,), 1 on average: more in rare classes."""
    shares = probabilities.mean(axis=0) + _LEAST / probabilities.shape[1]
    weights: np.ndarray = probabilities @ shares**-balance
    return weights / weights.mean()


def _smallest_distance(points: np.ndarray) -> float:
    """Return the smallest distance between two points (n, D) that differ; 1 without two."""
    norms = np.einsum("nd,nd->n", points, points)
    table = acquisition.squared_distances((points,), norms, slice(None), slice(None))
    apart = table[table > _ROUNDING * norms.max(initial=0.0)]
    return float(np.sqrt(apart.min())) if len(apart) else 1.0


def _herd(
    points: np.ndarray,
    doubt: np.ndarray,
    covered: np.ndarray,
    radius: float,
    k: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Pick k rows of points (N, D) greedily; returns rows (k,) and their gains (k,), falling.

    Gains only fall as more is covered, so that an old one is a bound: only those that could be
    the largest are computed again.
    """
    norms = np.einsum("nd,nd->n", points, points)

    def cover(some: np.ndarray) -> np.ndarray:
        table = acquisition.squared_distances((points,), norms, some, slice(None))
        table *= -1 / radius**2
        return np.exp(table, out=table)

    def gain(some: np.ndarray) -> np.ndarray:
        fresh: np.ndarray = np.maximum(cover(some) - covered, 0) @ doubt
        return fresh

    order = rng.permutation(len(points))  # of equal ones the first is picked
    blocks = range(0, len(order), _TOGETHER)
    gains = np.concatenate([gain(order[start : start + _TOGETHER]) for start in blocks])
    picks = np.empty(k, np.int64)
    won = np.empty(k)
    for turn in range(k):
        current = np.zeros(len(order), bool)
        while not current[best := int(gains.argmax())]:
            stale = np.flatnonzero(~current & (gains >= 0))
            if len(stale) > _TOGETHER:
                stale = stale[np.argpartition(-gains[stale], _TOGETHER)[:_TOGETHER]]
            gains[stale] = gain(order[stale])
            current[stale] = True
        picks[turn], won[turn] = order[best], gains[best]
        covered = np.maximum(covered, cover(picks[turn : turn + 1])[0])
        gains[best] = -1
    return picks, won


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of comparing all pairs of the subset, and some again for each pick."""
    size = min(pool, _SUBSET)
    return 0.02 + 8e-9 * size * size + batch * (2e-4 + 4e-7 * size) + 1e-7 * labeled


HERDING = Strategy(
    name="uncertainty herding",
    sentence="Images that stand for many similar ones that the model is unsure of.",
    paper="Bae et al. 2025 (Uncertainty Herding), rare classes weighing more",
    needs=frozenset({"probabilities", "embeddings"}),
    select=select,
    options=(
        Option("radius", "number", 0.0, "distance that counts as similar; 0 finds it", 0.0, 1e6),
        Option("balance", "number", _BALANCE, "how much more rare classes weigh", 0.0, 2.0),
    ),
    cost=cost,
)
