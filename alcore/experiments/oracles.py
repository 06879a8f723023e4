"""Owns who answers in an experiment: simulated annotators, right or wrong, quick or slow.

An answer depends on (seed, item, how often it was asked before, annotator) alone: in whatever
order strategies ask, the same question gets the same answer, so that trials stay paired.
N items, n of them asked, A annotators, V answers per question, C classes. Seconds per answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from alcore.errors import InvalidSettings
from alcore.experiments.options import between, unknown, with_defaults

TIMES = MappingProxyType({"seconds": 2.0, "spread": 0.5})
"""Of every oracle: the median time of an answer, and the deviation of its logarithm."""
ABSTAINED = -1


@dataclass(frozen=True)
class Answers:
    """What annotators said; row r belongs to the r-th item asked about."""

    classes: np.ndarray
    """(n, V) int64 class positions, -1 where the annotator abstained."""
    annotators: np.ndarray
    """(n, V) int64."""
    seconds: np.ndarray
    """(n, V) float64."""

    def decided(self) -> np.ndarray:
        """Return each row's majority (n,) int64, of a tie the first to speak; -1 for none."""
        n, votes = self.classes.shape
        agreeing = (self.classes[:, :, None] == self.classes[:, None, :]).sum(axis=2)
        agreeing[self.classes == ABSTAINED] = 0
        majority = self.classes[np.arange(n), agreeing.argmax(axis=1)] if votes else np.zeros(0)
        return np.where(agreeing.max(axis=1, initial=0) > 0, majority, ABSTAINED).astype(np.int64)


@dataclass(frozen=True)
class Oracle:
    """Annotators with their own confusion; built by `build`."""

    truth: np.ndarray
    """(N,) int64 class positions."""
    confusion: np.ndarray
    """(A, C, C): what each annotator says of each true class; rows sum to 1."""
    wrong: np.ndarray | None
    """(N,) how often the item is mistaken for any other class; None where confusion tells all."""
    abstain: np.ndarray | None
    """(N,) how often nobody can tell."""
    votes: int
    seconds: float
    spread: float
    seed: int

    def answer(self, rows: np.ndarray, asked: np.ndarray) -> Answers:
        """Ask about items (n,) that were asked about `asked` (n,) times before."""
        people = len(self.confusion)
        shape = (len(rows), self.votes)
        classes, who, seconds = np.empty(shape, int), np.empty(shape, int), np.empty(shape)
        for times in np.unique(asked):
            here = asked == times
            items = rows[here]
            turns = self._draw("turns", 0, people)[items].argsort(axis=1, kind="stable")
            for vote in range(self.votes):
                turn = int(times) * self.votes + vote
                annotator = turns[:, turn % people]
                classes[here, vote] = self._said(items, annotator, turn)
                who[here, vote] = annotator
                quick = self._normal("seconds", turn)[items]
                seconds[here, vote] = self.seconds * np.exp(self.spread * quick)
        return Answers(classes.astype(np.int64), who.astype(np.int64), seconds)

    def _said(self, items: np.ndarray, annotator: np.ndarray, turn: int) -> np.ndarray:
        true = self.truth[items]
        chance = self.confusion[annotator, true]
        if self.wrong is not None:
            wrong, count = self.wrong[items], chance.shape[1]
            chance = np.repeat(wrong[:, None] / (count - 1), count, axis=1)
            chance[np.arange(len(items)), true] = 1 - wrong
        chances = self._draw("class", turn, 1)[items]
        classes = np.minimum((chance.cumsum(axis=1) <= chances).sum(axis=1), chance.shape[1] - 1)
        if self.abstain is not None:
            silent = self._draw("abstain", turn, 1)[items, 0] < self.abstain[items]
            classes = np.where(silent, ABSTAINED, classes)
        return classes

    def _draw(self, purpose: str, turn: int, width: int) -> np.ndarray:
        return self._rng(purpose, turn).random((len(self.truth), width))

    def _normal(self, purpose: str, turn: int) -> np.ndarray:
        return self._rng(purpose, turn).standard_normal(len(self.truth))

    def _rng(self, purpose: str, turn: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, turn, zlib.crc32(purpose.encode())])


@dataclass(frozen=True)
class World:
    """What an oracle is made for."""

    truth: np.ndarray
    """(N,) int64."""
    class_names: Sequence[str]
    difficulty: Callable[[], np.ndarray]
    """Gives (N,), at least 0, larger for items that are harder to tell; called where needed."""
    seed: int


def defaults(kind: str) -> Mapping[str, Any]:
    """Return the options of a kind of oracle; InvalidSettings offers the nearest kind."""
    if kind not in _KINDS:
        raise unknown("oracle", kind, _KINDS)
    return {**_KINDS[kind][0], **TIMES}


def build(kind: str, options: Mapping[str, Any], world: World) -> Oracle:
    """Make an oracle; raises InvalidSettings for options that cannot be."""
    settings = with_defaults(f"the oracle {kind!r}", options, defaults(kind))
    between(f"the median seconds of the oracle {kind!r}", settings["seconds"], 0, 86_400)
    between(f"the spread of the oracle {kind!r}", settings["spread"], 0, 5)
    classes = len(world.class_names)
    values = {
        "confusion": np.eye(classes)[None],
        "wrong": None,
        "abstain": None,
        "votes": 1,
        **_KINDS[kind][1](settings, world),
    }
    return Oracle(
        truth=np.asarray(world.truth, np.int64),
        seconds=float(settings["seconds"]),
        spread=float(settings["spread"]),
        seed=world.seed,
        **values,
    )


def _perfect(options: Mapping[str, Any], world: World) -> dict[str, Any]:
    return {}


def _noise(options: Mapping[str, Any], world: World) -> dict[str, Any]:
    rate, classes = _rate(options, "noise"), len(world.class_names)
    matrix = np.full((classes, classes), rate / (classes - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return {"confusion": matrix[None]}


def _confusion(options: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Swap the classes of each pair both ways; without pairs, each class with its neighbour."""
    rate, names = _rate(options, "confusion"), list(world.class_names)
    pairs = options["pairs"] or [names[i : i + 2] for i in range(0, len(names) - 1, 2)]
    matrix = np.eye(len(names))
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or pair[0] == pair[1]:
            raise InvalidSettings(
                f"the oracle 'confusion': {pair!r} is no pair; give two classes, such as "
                '["cat", "dog"]'
            )
        for name in pair:
            if name not in names:
                raise unknown("class", name, names)
        for one, other in (pair, pair[::-1]):
            i, j = names.index(one), names.index(other)
            matrix[i, j] += rate
            matrix[i, i] -= rate
    if matrix.min() < -1e-9:
        raise InvalidSettings("the oracle 'confusion': a class is in so many pairs that its "
                              "mistakes add up to more than 1; lower the rate")  # fmt: skip
    return {"confusion": matrix.clip(0)[None]}


def _difficulty(options: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Err in proportion to how hard the item is, `rate` on average where no item reaches 1."""
    return {"wrong": _in_proportion(_rate(options, "difficulty"), world.difficulty())}


def _abstaining(options: Mapping[str, Any], world: World) -> dict[str, Any]:
    rate = _rate(options, "abstaining")
    if options["harder"]:
        return {"abstain": _in_proportion(rate, world.difficulty())}
    return {"abstain": np.full(len(world.truth), rate)}


def _annotators(options: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Give each annotator a confusion of their own: so often right, else by a taste of theirs."""
    right, classes = list(options["accuracies"]), len(world.class_names)
    between("the number of annotators", len(right), 1, 100)
    between("the votes per image of the oracle 'annotators'", options["votes"], 1, len(right))
    people = []
    for who, accuracy in enumerate(right):
        between(f"the accuracy of annotator {who + 1}", accuracy, 0, 1)
        rng = np.random.default_rng([world.seed, who, zlib.crc32(b"taste")])
        matrix = np.zeros((classes, classes))
        for row in range(classes):
            others = np.delete(np.arange(classes), row)
            matrix[row, others] = (1 - accuracy) * rng.dirichlet(np.ones(classes - 1))
            matrix[row, row] = accuracy
        people.append(matrix)
    return {"confusion": np.stack(people), "votes": options["votes"]}


def _rate(options: Mapping[str, Any], kind: str) -> float:
    between(f"the rate of the oracle {kind!r}", options["rate"], 0, 1)
    return float(options["rate"])


def _in_proportion(rate: float, difficulty: np.ndarray) -> np.ndarray:
    mean = float(difficulty.mean())
    return np.minimum(1.0, rate * difficulty / mean) if mean > 0 else np.full(len(difficulty), rate)


_KINDS: Mapping[str, tuple[Mapping[str, Any], Callable[..., dict[str, Any]]]] = MappingProxyType(
    {
        "perfect": ({}, _perfect),
        "noise": ({"rate": 0.2}, _noise),
        "confusion": ({"rate": 0.3, "pairs": []}, _confusion),
        "difficulty": ({"rate": 0.2}, _difficulty),
        "abstaining": ({"rate": 0.2, "harder": True}, _abstaining),
        "annotators": ({"accuracies": [0.95, 0.85, 0.7], "votes": 1}, _annotators),
    }
)
KINDS = tuple(_KINDS)
