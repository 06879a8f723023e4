"""Owns what a query strategy is: its declaration, the signals it is given, its options.

A strategy receives candidates as item ids and returns item ids. Scores: larger = label sooner.
P candidates, L labeled items, C classes, D embedding width, k items asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from alcore.errors import InvalidSettings, PoolExhausted
from alcore.records import Origin, Selection

Need = Literal["probabilities", "embeddings"]


@dataclass(frozen=True)
class Signals:
    """What a round computed for the candidates: row r belongs to candidate r.

    Only what the strategy declared is there; the rest is None.
    """

    probabilities: np.ndarray | None = None
    """(P, C) float32, rows sum to 1."""
    embeddings: np.ndarray | None = None
    """(P, D) float32."""
    labeled_embeddings: np.ndarray | None = None
    """(L, D) float32 of the items that have a label; comes with `embeddings`."""


@dataclass(frozen=True)
class Context:
    """What a strategy may know besides its signals."""

    class_names: tuple[str, ...]
    labels: np.ndarray
    """(L,) int64 class positions of the labels so far."""
    round_number: int


@dataclass(frozen=True)
class Option:
    """One thing that a user can set about a strategy.

    Kind "share" is a float from `low` to `high`; kind "strategy" names another strategy.
    """

    name: str
    kind: Literal["share", "strategy"]
    default: Any
    sentence: str
    low: float = 0.0
    high: float = 1.0

    def check(self, value: Any) -> None:
        """Raise InvalidSettings for a value that this option cannot have."""
        if self.kind == "share":
            right = isinstance(value, int | float) and not isinstance(value, bool)
            if not right or not self.low <= value <= self.high:
                raise InvalidSettings(
                    f"{self.name} is {value!r}; must be a number from {self.low:g} to {self.high:g}"
                )
        elif not isinstance(value, str):
            raise InvalidSettings(f"{self.name} is {value!r}; must be the name of a strategy")


Select = Callable[
    [Signals, np.ndarray, int, np.random.Generator, Mapping[str, Any], Context], Selection
]
"""(signals, candidates (P,) int64, k, rng, options, context) -> Selection of k items.

Its first j items are what it would pick for j: a longer queue goes on where the batch ended.
"""


@dataclass(frozen=True)
class Strategy:
    """One line of the registry."""

    name: str
    sentence: str
    """What it does, in one sentence for the set-up page."""
    paper: str
    """Where it comes from."""
    needs: frozenset[Need]
    """Signals that a round must compute for it, besides those of strategies in its options."""
    select: Select
    options: tuple[Option, ...] = ()
    defaults: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        defaults = MappingProxyType({option.name: option.default for option in self.options})
        object.__setattr__(self, "defaults", defaults)


def check_count(k: int, candidates: np.ndarray) -> None:
    """Raise PoolExhausted where k items are more than there are candidates."""
    if k > len(candidates):
        raise PoolExhausted(f"asked for {k} items but only {len(candidates)} are unlabeled")


def selection(
    candidates: np.ndarray,
    rows: np.ndarray,
    scores: np.ndarray,
    reasons: list[str],
    origin: Origin = "query",
) -> Selection:
    """Build a Selection from rows (k,) of candidates (P,), with scores and reasons per row."""
    return Selection(
        item_ids=np.asarray(candidates, np.int64)[rows],
        scores=np.asarray(scores, np.float64),
        reasons=tuple(reasons),
        origins=(origin,) * len(rows),
    )
