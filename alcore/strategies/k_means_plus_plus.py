"""Owns k-means++ selection: chance grows with the distance to what is there."""

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
    """Draw k candidates, each with chance ∝ squared distance to labeled items and earlier draws.

    Scores are the distances at which they were drawn; the first with nothing labeled scores 0.
    """
    check_count(k, candidates)
    points, labeled = signals.embeddings, signals.labeled_embeddings
    nearest = acquisition.nearest_distance(points, labeled) if len(labeled) else None
    rows, squares = acquisition.d2_sampling((points,), k, rng, nearest)
    distances = np.sqrt(squares)
    reasons = [f"unlike labeled images and the batch (distance {d:.1f})" for d in distances]
    if nearest is None and k:
        distances[0], reasons[0] = 0.0, "first image"
    return selection(candidates, rows, distances, reasons)


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of distances to labeled items and to the batch."""
    return 0.005 + pool * (4e-9 * labeled + 1e-8 * batch)


K_MEANS_PLUS_PLUS = Strategy(
    name="k-means++",
    sentence="Images drawn by chance, the likelier the less they resemble labeled ones.",
    paper="Arthur & Vassilvitskii 2007",
    needs=frozenset({"embeddings"}),
    select=select,
    cost=cost,
)
