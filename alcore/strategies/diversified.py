"""Owns prefilter and diversify: many with a high score, of them the most different."""

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

_WAYS = ("k-means++", "k-center")


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Keep the ⌈factor·k⌉ best by the strategy `of` and pick k different ones of them.

    Different from labeled items and each other, by k-center or k-means++ over embeddings. Scores
    are those of the strategy.
    """
    check_count(k, candidates)
    of = options["of"]
    scores = np.asarray(of.score(signals, rng, of.defaults, context), np.float64)
    count = min(len(scores), int(np.ceil(options["factor"] * k)))
    shortlist = acquisition.top_k(scores, count, rng)
    points, labeled = signals.embeddings[shortlist], signals.labeled_embeddings
    if options["by"] == "k-center":
        places, _ = acquisition.k_center_greedy(points, labeled, k, rng)
    else:
        nearest = acquisition.nearest_distance(points, labeled) if len(labeled) else None
        places, _ = acquisition.d2_sampling((points,), k, rng, nearest)
    rows = shortlist[places]
    reasons = [
        f"{reason}; unlike the others"
        for reason in of.reasons(signals, rows, scores[rows], context)
    ]
    return selection(candidates, rows, scores[rows], reasons)


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of one scoring and a k-center within five batches."""
    return 0.01 + 1e-7 * pool + 5 * batch * (4e-9 * labeled + 1e-8 * batch)


DIVERSIFIED = Strategy(
    name="diversified",
    sentence="The best of another strategy, and of those the ones that differ most.",
    paper="Wei et al. 2015 (filtered active submodular selection); Zhdanov 2019",
    needs=frozenset({"embeddings"}),
    select=select,
    options=(
        of_strategy("margin", "the strategy that makes the shortlist", scored=True),
        Option("factor", "number", 5.0, "shortlist in batches", 1.0, 100.0),
        Option(
            "by", "choice", "k-means++", "what picks from it", choices=("k-means++", "k-center")
        ),
    ),
    prefix=False,
    cost=cost,
)
