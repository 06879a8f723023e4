"""Owns discriminative sampling: images that a classifier takes for unlabeled ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import Context, Signals, Strategy, check_count, selection

_FIRST = 10
"""Picks between two fits at first; later a fifth of the picks so far, so that 100 picks take
about 13 fits and 1,000 about 25."""
_MOST = 5_000
"""Unlabeled images that a fit is shown; at most ten times the labeled ones, as in the paper."""


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick, part by part, those most unlike labeled images and earlier picks.

    Scores are the chance to be unlabeled when picked; where it rises after a fit, the score
    stays. With nothing labeled the first part is random.
    """
    check_count(k, candidates)
    points, labeled = _standard(signals.embeddings, signals.labeled_embeddings)
    free = np.ones(len(points), bool)
    rows, scores = np.empty(0, np.int64), np.empty(0)
    while len(rows) < k:
        unpicked = np.flatnonzero(free)
        chances = _chances(points, np.concatenate([labeled, points[rows]]), unpicked, rng)
        part = acquisition.top_k(chances, max(_FIRST, len(rows) // 5), rng)
        rows, scores = np.append(rows, unpicked[part]), np.append(scores, chances[part])
        free[rows] = False
    scores = np.minimum.accumulate(scores[:k])
    reasons = [f"{chance:.0%} sure that nothing like it is labeled" for chance in scores]
    return selection(candidates, rows[:k], scores, reasons)


def _standard(points: np.ndarray, labeled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings (P, D) and (L, D) with mean 0 and spread 1 over the candidates."""
    if len(points) == 0:
        return points, labeled
    mean, spread = points.mean(axis=0), points.std(axis=0)
    spread = np.maximum(spread, 0.1 * spread.mean() + 1e-6)
    return (points - mean) / spread, (labeled - mean) / spread


def _chances(
    points: np.ndarray, labeled: np.ndarray, free: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the chance (len(free),) that those candidates are not among the labeled (n, D)."""
    if len(labeled) == 0:
        return np.full(len(free), 0.5)
    from sklearn.linear_model import LogisticRegression  # not in the web process

    size = min(len(free), 10 * len(labeled), _MOST)
    unlabeled = points[rng.choice(free, size, replace=False)]
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=100, tol=1e-3)
    targets = np.repeat([0, 1], [len(labeled), size])
    model.fit(np.concatenate([labeled, unlabeled]), targets)
    return 1 / (1 + np.exp(-(points[free] @ model.coef_[0] + model.intercept_[0])))


def _cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return seconds: fits of some thousand images, and a product with the pool after each."""
    fits = 5 + 5 * np.log1p(batch / 50)
    return float(fits * (5e-3 + 2e-5 * min(11 * labeled + batch, 2 * _MOST) + 1e-7 * pool))


DISCRIMINATIVE = Strategy(
    name="discriminative",
    sentence="Images that a classifier of labeled against unlabeled takes for unlabeled.",
    paper="Gissin & Shalev-Shwartz 2019 (discriminative active learning)",
    needs=frozenset({"embeddings"}),
    select=select,
    cost=_cost,
)
