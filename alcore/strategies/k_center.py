"""Owns k-center greedy (core-set) selection."""

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
    """Pick k candidates, each the farthest from all labeled items and earlier picks.

    Scores are the distances at which they were picked, in units of the embedding; the first
    pick with nothing labeled has no distance and takes that of the second.
    """
    check_count(k, candidates)
    points, labeled = signals.embeddings, signals.labeled_embeddings
    rows, radii = acquisition.k_center_greedy(points, labeled, k, rng)
    reasons = [
        f"far from labeled images (distance {radius:.1f})" if np.isfinite(radius) else "first image"
        for radius in radii
    ]
    finite = radii[np.isfinite(radii)]
    scores = np.where(np.isfinite(radii), radii, finite.max() if len(finite) else 0.0)
    return selection(candidates, rows, scores, reasons)


K_CENTER = Strategy(
    name="k-center",
    sentence="Images least like any labeled one, so that labels cover the whole pool.",
    paper="Sener & Savarese 2018 (core-set); Gonzalez 1985",
    needs=frozenset({"embeddings"}),
    select=select,
)
