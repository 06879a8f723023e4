"""Owns what a query strategy is: its declaration, the signals it is given, its options.

A strategy receives candidates as item ids and returns item ids. Scores: larger = label sooner.
P candidates, L labeled items, C classes, D embedding width, M holdout items, K passes or
committee members, T checkpoints of one training, A augmented views, k items asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, overload

import numpy as np

from alcore import acquisition
from alcore.errors import InvalidSettings, PoolExhausted
from alcore.records import Origin, Selection

Need = Literal[
    "probabilities",
    "logits",
    "embeddings",
    "labeled_probabilities",
    "dropout",
    "committee",
    "history",
    "inner_history",
    "augmented",
    "predicted_loss",
    "reconstruction_loss",
    "flip_distance",
    "holdout_logits",
    "crossfit",
]
"""Fields of Signals; "embeddings", "history", "inner_history" and "crossfit" bring the labeled
ones along."""


class _Signal:
    """A field that holds an array (P, …) or is absent: Python then says which signal it was.

    So a strategy reads what it declared without asking whether it is there, and a reader that
    does ask has `hasattr`.
    """

    def __set_name__(self, owner: type[Signals], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, signals: None, owner: type[Signals]) -> None: ...
    @overload
    def __get__(self, signals: Signals, owner: type[Signals]) -> np.ndarray: ...
    def __get__(self, signals: Signals | None, owner: type[Signals]) -> np.ndarray | None:
        if signals is None:
            return None  # what the constructor takes for a signal that it is not given
        if self.name not in vars(signals):
            raise AttributeError(
                f"the signal {self.name} was not computed; a strategy has only those it declares"
            )
        array: np.ndarray = vars(signals)[self.name]
        return array

    def __set__(self, signals: Signals, array: np.ndarray | None) -> None:
        if array is not None:
            vars(signals)[self.name] = array


@dataclass(frozen=True, eq=False, repr=False)
class Signals:
    """What a round computed for the candidates: row r belongs to candidate r.

    Only what the strategy declared is there; to read anything else is an AttributeError.
    """

    probabilities: _Signal = _Signal()
    """(P, C) float32, rows sum to 1; absent before there is a model."""
    embeddings: _Signal = _Signal()
    """(P, D) float32."""
    labeled_embeddings: _Signal = _Signal()
    """(L, D) float32 of the items that have a label; comes with `embeddings`."""
    labeled_ids: _Signal = _Signal()
    """(L,) int64 item ids, the rows of everything that is called labeled."""
    labeled_probabilities: _Signal = _Signal()
    """(L, C) float32."""
    logits: _Signal = _Signal()
    """(P, C) float32."""
    dropout: _Signal = _Signal()
    """(P, K, C) float16 or float32 probabilities of K passes with dropout in the head."""
    committee: _Signal = _Signal()
    """(P, K, C) float16 or float32 probabilities of K members."""
    history: _Signal = _Signal()
    """(P, T, C) float16 or float32 probabilities at T checkpoints of this round's training."""
    labeled_history: _Signal = _Signal()
    """(L, T, C), the same of the labeled items."""
    inner_history: _Signal = _Signal()
    """(P, T, F) float16 or float32 features of inner layers at those checkpoints."""
    labeled_inner_history: _Signal = _Signal()
    """(L, T, F), the same of the labeled items."""
    augmented: _Signal = _Signal()
    """(P, A, C) float16 or float32 probabilities of A augmented views."""
    predicted_loss: _Signal = _Signal()
    """(P,) float32."""
    reconstruction_loss: _Signal = _Signal()
    """(P,) float32."""
    flip_distance: _Signal = _Signal()
    """(P,) float32 size of the smallest change that flips the class; NaN where not computed."""
    holdout_logits: _Signal = _Signal()
    """(M, C) float32, for ranks only: nothing is ever trained on the holdout."""
    crossfit: _Signal = _Signal()
    """(P, C) float32, the mean of models that each learned without a fold of the labels."""
    labeled_crossfit: _Signal = _Signal()
    """(L, C) float32, each item by the model that learned without its label."""

    def take(self, rows: np.ndarray) -> Signals:
        """Return the signals of some candidates; what is about other items stays."""
        taken = {
            name: array if name.startswith(("labeled_", "holdout_")) else array[rows]
            for name, array in vars(self).items()
        }
        return Signals(**taken)

    def but(self, **arrays: np.ndarray) -> Signals:
        """Return the signals with some more of them."""
        return Signals(**{**vars(self), **arrays})


@dataclass(frozen=True)
class Context:
    """What a strategy may know besides its signals."""

    class_names: tuple[str, ...]
    labels: np.ndarray
    """(L,) int64 class positions of the labels so far."""
    round_number: int
    votes: np.ndarray | None = None
    """(L, annotators) int64 class position that each gave, -1 for none. A second look that a
    ranking asked for counts as one more annotator's."""

    @property
    def labels_per_class(self) -> np.ndarray:
        """Labels so far (C,) int64 per class."""
        return np.bincount(self.labels, minlength=len(self.class_names))


@dataclass(frozen=True)
class Option:
    """One thing that a user can set about a strategy.

    Kind "share" is a float from `low` to `high` shown in percent, "number" any float and "count"
    a whole number from `low` to `high`, "choice" one of `choices`; "strategy" names another
    strategy, one with a score of its own where `scored`.
    """

    name: str
    kind: Literal["share", "number", "count", "choice", "strategy"]
    default: Any
    sentence: str
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()
    scored: bool = False
    label: str = ""
    """What pages call it, where that is not its name."""

    def check(self, value: Any) -> None:
        """Raise InvalidSettings for a value that this option cannot have."""
        if self.kind == "strategy":
            if not isinstance(value, str):
                raise InvalidSettings(f"{self.name} is {value!r}; must be the name of a strategy")
        elif self.kind == "choice":
            if value not in self.choices:
                raise InvalidSettings(
                    f"{self.name} is {value!r}; must be one of {', '.join(self.choices)}"
                )
        else:
            whole = self.kind == "count"
            right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not right or not self.low <= value <= self.high:
                raise InvalidSettings(
                    f"{self.name} is {value!r}; must be a {'whole ' if whole else ''}number "
                    f"from {self.low:g} to {self.high:g}"
                )


def of_strategy(default: str, sentence: str, scored: bool = False) -> Option:
    """Return the option that names the strategy which another one builds on, as `of`."""
    return Option("of", "strategy", default, sentence, scored=scored, label="Of which strategy")


Select = Callable[
    [Signals, np.ndarray, int, np.random.Generator, Mapping[str, Any], Context], Selection
]
"""(signals, candidates (P,) int64, k, rng, options, context) -> Selection of k items.

Its first j items are what it would pick for j, so that a longer queue goes on where the batch
ended; a strategy for which that cannot hold says `prefix=False`.
"""
Score = Callable[[Signals, np.random.Generator, Mapping[str, Any], Context], np.ndarray]
"""(signals, rng, options, context) -> (P,) scores, larger = label sooner; never NaN."""
Reasons = Callable[[Signals, np.ndarray, np.ndarray, Context], list[str]]
"""(signals, rows (k,), their scores (k,), context) -> why these candidates, each in under 80
characters; all at once, since a sentence each, written one by one, takes longer than the choice.
"""
Cost = Callable[[int, int, int, int], float]
"""(P, L, C, k) -> about how many seconds a selection takes on two cores, signals not counted."""


def one_pass(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return the seconds of a strategy that only scores each candidate and takes the top."""
    return 1e-3 + pool * (4e-8 + 1e-8 * classes) + 1e-5 * batch


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
    prefix: bool = True
    """The first j of its picks are its picks for j. Where not, `strategies.select` asks it for
    the batch alone and fills the rest of the queue by its own rule."""
    score: Score | None = None
    """Its score, where it is no more than the top of one: combinators build on it."""
    reasons: Reasons | None = None
    """Comes with `score`."""
    cost: Cost = one_pass
    asks_again: bool = False
    """Its picks may be ids of `signals.labeled_ids` too, with origin "relabel"."""
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


def scored(
    name: str,
    sentence: str,
    paper: str,
    needs: frozenset[Need],
    score: Score,
    reasons: Reasons,
    options: tuple[Option, ...] = (),
    cost: Cost = one_pass,
) -> Strategy:
    """Build the strategy that picks the candidates with the largest score; ties by rng."""

    def select(
        signals: Signals,
        candidates: np.ndarray,
        k: int,
        rng: np.random.Generator,
        options: Mapping[str, Any],
        context: Context,
    ) -> Selection:
        check_count(k, candidates)
        scores = score(signals, rng, options, context)
        rows = acquisition.top_k(scores, k, rng)
        top = np.asarray(scores[rows], np.float64)
        return selection(candidates, rows, top, reasons(signals, rows, top, context))

    return Strategy(
        name, sentence, paper, needs, select, options, score=score, reasons=reasons, cost=cost
    )
