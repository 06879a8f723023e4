"""Owns schedules by label count: one strategy with few labels, another with many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.records import Selection
from alcore.strategies.contract import Context, Option, Signals, Strategy
from alcore.strategies.diversified import DIVERSIFIED
from alcore.strategies.herding import HERDING
from alcore.strategies.margin import MARGIN
from alcore.strategies.mixed import MIXED
from alcore.strategies.typiclust import TYPICLUST

_UNTIL = 10
"""Labels per class."""
_RANDOM = 0.1


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick by `first` until there are `until` labels per class on average, by `then` after."""
    few = len(context.labels) < options["until"] * len(context.class_names)
    of = options["first" if few else "then"]
    return of.select(signals, candidates, k, rng, of.defaults, context)


def _diverse_margin(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    options = {**DIVERSIFIED.defaults, "of": MARGIN}
    return DIVERSIFIED.select(signals, candidates, k, rng, options, context)


_THEN = Strategy(
    name="margin, diversified",
    sentence="Small margins that differ.",
    paper=DIVERSIFIED.paper,
    needs=frozenset({"probabilities", "embeddings"}),
    select=_diverse_margin,
    prefix=False,
    cost=DIVERSIFIED.cost,
)


def by_policy(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick by uncertainty herding with a random share, so that nothing is missed for good.

    With `until` labels per class named, as before there was herding: by TypiClust below so many,
    after that small margins, diversified, with the random share.
    """
    if len(context.labels) < options["until"] * len(context.class_names):
        return TYPICLUST.select(signals, candidates, k, rng, TYPICLUST.defaults, context)
    of = _THEN if options["until"] else HERDING
    options = {"of": of, "share": 1 - options["random"]}
    return MIXED.select(signals, candidates, k, rng, options, context)


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of whatever a schedule has due."""
    due = TYPICLUST if labeled < _UNTIL * classes else DIVERSIFIED
    return due.cost(pool, labeled, classes, batch)


SCHEDULE = Strategy(
    name="schedule",
    sentence="One strategy while there are few labels, then another.",
    paper="Hacohen et al. 2022 (low and high budgets)",
    needs=frozenset(),
    select=select,
    options=(
        Option("first", "strategy", "TypiClust", "the strategy with few labels"),
        Option("then", "strategy", "margin", "the strategy after that"),
        Option("until", "count", _UNTIL, "labels per class at which it changes", 1, 100_000),
    ),
    cost=cost,
)

DEFAULT_POLICY = Strategy(
    name="default policy",
    sentence="Images that stand for many similar ones that the model is unsure of, and a few "
    "random ones.",
    paper="Bae et al. 2025 (Uncertainty Herding); a random share against blind spots",
    needs=frozenset({"probabilities", "embeddings"}),
    select=by_policy,
    options=(
        Option(
            "until",
            "count",
            0,
            "while a class has fewer labels than this on average; 0 never",
            0,
            100_000,
            label="Typical images first",
        ),
        Option("random", "share", _RANDOM, "share of each batch that is random"),
    ),
    prefix=False,
    cost=HERDING.cost,
)
