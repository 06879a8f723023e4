"""Owns stochastic batches: the top of a score with noise, so that a batch is diverse."""

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

_LEAST = 1e-30
"""Score below which the logarithm is taken as here: chosen last, at random."""


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick the k largest of the noisy scores, Gumbel noise on a scale of the score `of`.

    Power: ln s, scores below 0 counting as 0; softmax: s; softrank: −ln rank; each divided by
    the temperature. The same as drawing one by one without replacement (Kool et al. 2019).
    Scores are the noisy ones.
    """
    check_count(k, candidates)
    of = options["of"]
    plain = np.asarray(of.score(signals, rng, of.defaults, context), np.float64)
    scaled = {"power": _power, "softmax": lambda s, _: s, "softrank": _softrank}[options["kind"]]
    noisy = scaled(plain, rng) / options["temperature"] + rng.gumbel(size=len(plain))
    rows = acquisition.top_k(noisy, k, rng)
    reasons = [
        f"{reason}; by weighted chance"
        for reason in of.reasons(signals, rows, plain[rows], context)
    ]
    return selection(candidates, rows, noisy[rows], reasons)


def _power(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.log(np.maximum(scores, _LEAST))


def _softrank(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    ranks = np.empty(len(scores))
    ranks[acquisition.top_k(scores, len(scores), rng)] = np.arange(1, len(scores) + 1)
    return -np.log(ranks)


STOCHASTIC = Strategy(
    name="stochastic",
    sentence="Another strategy's score with noise: the cheapest way to a varied batch.",
    paper="Kirsch et al. 2023 (power, softmax and softrank acquisition)",
    needs=frozenset(),
    select=select,
    options=(
        of_strategy("margin", "the strategy whose score it is", scored=True),
        Option(
            "kind",
            "choice",
            "power",
            "scale of the score that the noise is put on",
            choices=("power", "softmax", "softrank"),
        ),
        Option("temperature", "number", 1.0, "more is closer to chance", 0.01, 100.0),
    ),
)
