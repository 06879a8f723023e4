"""Owns near-duplicate collapse: one of each handful of nearly equal images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import (
    Context,
    Option,
    Signals,
    Strategy,
    check_count,
    of_strategy,
    selection,
)

_PAIRS = 1_000
_AT_ONCE = 512


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick by the score `of`, passing over images that nearly equal a labeled one or a pick.

    Nearly: closer than `distance` times the median distance of random pairs. Those passed over
    come last. Scores are those of the strategy.
    """
    check_count(k, candidates)
    of = options["of"]
    scores = np.asarray(of.score(signals, rng, of.defaults, context), np.float64)
    order = acquisition.top_k(scores, len(scores), rng)
    points, labeled = signals.embeddings, signals.labeled_embeddings
    limit = (options["distance"] * _typical_distance(points, rng)) ** 2
    alone: list[int] = []
    near_ones: list[int] = []
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        near = np.zeros(len(rows), bool)
        if len(labeled):
            near |= acquisition.nearest_distance(points[rows], labeled) <= limit
        near |= acquisition.nearest_distance(points[rows], points[alone]) <= limit
        norms = np.einsum("nd,nd->n", points[rows], points[rows])
        close = (
            acquisition.squared_distances((points[rows],), norms, slice(None), slice(None)) <= limit
        )
        for place, row in enumerate(rows.tolist()):
            (near_ones if near[place] else alone).append(row)
            if not near[place]:
                near |= close[place]
        if len(alone) >= k:
            break
    rows = np.array((alone + near_ones)[:k], np.int64)
    n_alone = min(k, len(alone))
    reasons = of.reasons(signals, rows, scores[rows], context)
    reasons[n_alone:] = [f"{reason}; like one before it" for reason in reasons[n_alone:]]
    return selection(candidates, rows, scores[rows], reasons)


def _typical_distance(points: np.ndarray, rng: np.random.Generator) -> float:
    """Return the median distance of random pairs of points (N, D)."""
    if len(points) == 0:
        return 0.0
    pairs = rng.integers(len(points), size=(2, _PAIRS))
    return float(np.median(np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)))


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of one scoring and of comparing the batch with itself and labels."""
    return 0.01 + 1e-7 * pool + batch * (8e-9 * labeled + 1e-8 * batch)


NO_NEAR_DUPLICATES = Strategy(
    name="no near-duplicates",
    sentence="The best of another strategy, but only one of images that nearly equal each other.",
    paper="Pinsler et al. 2019 on redundant batches; a combinator",
    needs=frozenset({"embeddings"}),
    select=select,
    options=(
        of_strategy("margin", "the strategy whose score it is", scored=True),
        Option("distance", "share", 0.1, "closer than this part of the usual distance is equal"),
    ),
    cost=cost,
)
