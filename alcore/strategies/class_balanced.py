"""Owns class-balanced selection: a score, with as many of each predicted class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.records import Selection
from alcore.strategies.contract import (
    Context,
    Signals,
    Strategy,
    check_count,
    of_strategy,
    selection,
)


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick, one by one, the best by `of` from the predicted class with the fewest labels.

    Labels are those so far and the picks; ties of classes go to the better score, then by rng.
    Scores are those of the strategy.
    """
    check_count(k, candidates)
    of = options["of"]
    scores = np.asarray(of.score(signals, rng, of.defaults, context), np.float64)
    order = acquisition.top_k(scores, len(scores), rng)
    guesses = signals.probabilities.argmax(axis=1)[order]
    counts = context.labels_per_class
    # The j-th best of a class is taken when the class has so many labels plus j.
    level = np.empty(len(order), np.int64)
    for c in range(len(counts)):
        places = np.flatnonzero(guesses == c)
        level[places] = counts[c] + np.arange(len(places))
    turns = np.lexsort((np.arange(len(order)), level))[:k]
    rows = order[turns]
    reasons = [
        f"{reason}; {context.class_names[guess]} has {counts[guess]} labels"
        for reason, guess in zip(
            of.reasons(signals, rows, scores[rows], context), guesses[turns].tolist(), strict=True
        )
    ]
    return selection(candidates, rows, scores[rows], reasons)


CLASS_BALANCED = Strategy(
    name="class-balanced",
    sentence="The best of another strategy, with as many of each predicted class as possible.",
    paper="Aggarwal et al. 2020; Bengar et al. 2022 (class-balanced active learning)",
    needs=frozenset({"probabilities"}),
    select=select,
    options=(of_strategy("margin", "the strategy whose score it is", scored=True),),
)
