"""Owns random selection, the baseline that every strategy is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

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
    """Pick k candidates uniformly without replacement; scores are 0."""
    check_count(k, candidates)
    rows = rng.permutation(len(candidates))[:k]
    return selection(candidates, rows, np.zeros(k), ["random"] * k, origin="random")


RANDOM = Strategy(
    name="random",
    sentence="Any unlabeled image, by chance: the baseline to compare with.",
    paper="uniform sampling without replacement",
    needs=frozenset(),
    select=select,
)
