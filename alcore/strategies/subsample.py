"""Owns subsampling: a strategy that looks at a random part of a large pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.records import Selection
from alcore.strategies.contract import Context, Option, Signals, Strategy, check_count, of_strategy


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Let the strategy `of` pick from a random part of the pool, at least twice the batch."""
    check_count(k, candidates)
    size = max(options["size"], 2 * k)
    of = options["of"]
    if size < len(candidates):
        rows = np.sort(rng.choice(len(candidates), size, replace=False))
        signals, candidates = signals.take(rows), candidates[rows]
    return of.select(signals, candidates, k, rng, of.defaults, context)


SUBSAMPLE = Strategy(
    name="subsample",
    sentence="Another strategy on a random part of the pool: fast, and less alike.",
    paper="Yoo & Kweon 2019 (random subset of the pool)",
    needs=frozenset(),
    select=select,
    options=(
        of_strategy("k-center", "the strategy that picks"),
        Option("size", "count", 10_000, "items it looks at", 10, 10_000_000),
    ),
    prefix=False,
)
