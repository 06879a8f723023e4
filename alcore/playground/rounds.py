"""Owns the rounds of the Playground: the product's own round, on points instead of images.

Item ids are rows of one table: n points of the pool, m of the holdout, then the cells of a grid
over the plane, on which the browser draws what the model says everywhere. C classes, k picks.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from alcore import metrics, stopping
from alcore.experiments import initial, oracles
from alcore.experiments.trials import TrialData
from alcore.playground import points
from alcore.playground.points import Points
from alcore.playground.settings import Settings
from alcore.records import RoundSummary
from alcore.rounds import Holdout, Images, Lesson, RoundResult, SelectionTask, run_round
from alcore.rounds.estimators import EstimatorLearner

Side = Literal["first", "second"]
GRID = 48
"""Cells along each side of the plane."""
KEPT = 3_000
"""Rounds that stay in memory, of about 12 kB each."""
_NETWORK = {"hidden_layer_sizes": (16,), "solver": "lbfgs", "alpha": 0.1, "max_iter": 150}
_ESTIMATORS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "logistic regression": ("logistic regression", {}),
        "support vectors": ("support vectors", {}),
        "random forest": ("random forest", {"n_estimators": 15}),
        "k nearest": ("k nearest", {}),
        "small network": ("sklearn.neural_network.MLPClassifier", _NETWORK),
    }
)
"""By the Playground's names for models: an estimator and its settings."""
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Scene:
    """What all rounds of the same settings share."""

    points: Points
    table: np.ndarray
    """(n + m + cells, 2) float32: what models learn from and are asked about."""
    start: np.ndarray
    """(initial,) ids that have a label before the first model: chance, but two classes at least."""
    seed: int

    @property
    def cells(self) -> np.ndarray:
        """Ids of the grid's cells, row by row from below."""
        return np.arange(len(self.points.places), len(self.table))


@dataclass(frozen=True)
class Round:
    """A finished round."""

    number: int
    ids: np.ndarray
    """(L,) int64, in the order in which they were labeled."""
    labels: np.ndarray
    """(L,) int64 as the oracle said."""
    accuracy: float
    """Share of the holdout that the model knows."""
    query: np.ndarray
    """(k,) int64, what is asked about next."""
    reasons: tuple[str, ...]
    predicted: np.ndarray
    """(n,) uint8 classes of the pool."""
    pool: np.ndarray
    """(C, n) uint8 probabilities of the pool in 255ths; empty where nothing is to be drawn."""
    grid: np.ndarray
    """(C, cells) uint8, the same of the grid."""
    history: tuple[RoundSummary, ...] = field(repr=False)
    """Of all rounds so far, this one at the end."""


@lru_cache(maxsize=64)
def scene(settings: Settings) -> Scene:
    """Make what rounds share, of settings as `of_scene` gives them."""
    made = points.make(settings)
    middle = (np.arange(GRID) + 0.5) / GRID * 2 - 1
    cells = np.stack(np.meshgrid(middle, middle), axis=2).reshape(-1, 2).astype(np.float32)
    trial = TrialData(
        pixels=np.zeros((len(made.truth), 1, 1, 3), np.uint8),
        truth=made.truth,
        pool=np.arange(made.pool),
        holdout=np.arange(made.pool, len(made.truth)),
        class_names=made.class_names,
        channels=3,
        seed=settings.seed,
    )
    size = min(settings.initial, made.pool - 1)
    start = initial.order(initial.RANDOM, size, trial)[:size]
    return Scene(made, np.concatenate([made.places, cells]), start, settings.seed)


def last_round(settings: Settings) -> int:
    """Return the number of the last round: the budget, or what the pool allows."""
    shared = scene(settings.of_scene())
    return min(settings.rounds, (shared.points.pool - len(shared.start) - 1) // settings.batch)


def answers_of(settings: Settings, ids: np.ndarray) -> np.ndarray:
    """Return what the simulated oracle says of points (n,), the same whenever it is asked."""
    shared = scene(settings.of_scene())
    world = oracles.World(
        shared.points.truth, shared.points.class_names, lambda: np.zeros(0), shared.seed
    )
    oracle = oracles.build("noise", {"rate": settings.noise}, world)
    return oracle.answer(ids, np.zeros(len(ids), np.int64)).decided()


_rounds: OrderedDict[tuple[Any, ...], Round] = OrderedDict()


def round_of(settings: Settings, side: Side, number: int, grid: bool = True) -> Round | None:
    """Return a round by its number from 0; None where a person has not answered so far.

    grid: whether it is to be drawn, which takes most of the time where models are quick.
    """
    before: Round | None = None
    for current in range(number + 1):
        key = _key(settings, side, current, grid)
        known = _rounds.get(key)
        if known is None:
            labeled = _labeled(settings, side, before)
            if labeled is None:
                return None
            known = _rounds[key] = _compute(settings, side, *labeled, before, grid)
            while len(_rounds) > KEPT:
                _rounds.popitem(last=False)
        _rounds.move_to_end(key)
        before = known
    return before


def curve(settings: Settings, side: Side) -> tuple[list[int], list[float]]:
    """Return the learning curve to the end: labels and accuracies."""
    labels, accuracies = [], []
    for number in range(last_round(settings) + 1):
        known = round_of(settings, side, number, grid=False)
        if known is None:
            break
        labels.append(len(known.ids))
        accuracies.append(known.accuracy)
    return labels, accuracies


def area(settings: Settings, side: Side) -> float:
    """Return the area under the learning curve, a mean accuracy."""
    labels, accuracies = curve(settings, side)
    return metrics.area_under_curve(np.array(labels), np.array(accuracies))


def _is_person(settings: Settings, side: Side) -> bool:
    """Tell whether a person answers: on the first side only, the second stays comparable."""
    return settings.oracle == "me" and side == "first"


def _key(settings: Settings, side: Side, number: int, grid: bool) -> tuple[Any, ...]:
    answers = settings.answers[: number * settings.batch] if _is_person(settings, side) else ""
    strategy = settings.first if side == "first" else settings.second
    budget = settings.rounds  # what stop advice says depends on it
    return (settings.of_scene(), settings.model, strategy, settings.batch, settings.noise,
            budget, _is_person(settings, side), answers, number, grid)  # fmt: skip


def _labeled(
    settings: Settings, side: Side, before: Round | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what has a label before a round; None where a person has yet to answer."""
    shared = scene(settings.of_scene())
    if before is None:
        return shared.start, shared.points.truth[shared.start]
    new = before.query
    if _is_person(settings, side):
        begin = before.number * settings.batch
        text = settings.answers[begin : begin + len(new)]
        if len(text) < len(new):
            return None
        most = len(shared.points.class_names) - 1
        labels = np.array([min(int(c), most) for c in text], np.int64)
    else:
        labels = answers_of(settings, new)
    return np.concatenate([before.ids, new]), np.concatenate([before.labels, labels])


def _compute(
    settings: Settings,
    side: Side,
    ids: np.ndarray,
    labels: np.ndarray,
    before: Round | None,
    grid: bool,
) -> Round:
    """Train on the labeled points, apply to all others and find the next batch."""
    shared = scene(settings.of_scene())
    pool = np.arange(shared.points.pool)
    number = 0 if before is None else before.number + 1
    every = np.arange(len(shared.table))
    held = np.arange(shared.points.pool, len(shared.points.places))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a network that has not settled is part of the picture
        result = run_round(
            _learner(settings.model, shared, len(ids)),
            Lesson(
                Images(np.zeros((len(every), 1, 1, 3), np.uint8), every, 3),
                ids, labels, shared.points.class_names, shared.seed, number, 1,
            ),
            Holdout(held, shared.points.truth[held]),
            SelectionTask(
                candidate_ids=pool[~np.isin(pool, ids)],
                strategy=settings.first if side == "first" else settings.second,
                strategy_options={},
                batch_size=settings.batch,
                queue_size=settings.batch,
                stop_ids=pool,
                previous_stop=None if before is None else before.predicted,
                question_ids=np.concatenate([pool, shared.cells]) if grid else pool[:0],
            ),
            lambda phase, share: None,
        )  # fmt: skip
    summary = _summary(number, len(ids), settings, result)
    said = np.round(result.questions.T * 255).astype(np.uint8)
    return Round(
        number=number,
        ids=ids,
        labels=labels,
        accuracy=float(result.evaluation.accuracy or 0.0),
        query=result.selection.item_ids,
        reasons=result.selection.reasons,
        predicted=result.stop_predicted.astype(np.uint8),
        pool=np.ascontiguousarray(said[:, : len(pool)]),
        grid=np.ascontiguousarray(said[:, len(pool) :]),
        history=(*(before.history if before else ()), summary),
    )


class _Learner(EstimatorLearner):
    """An estimator on so few points that looking for its thread pools would take longest."""

    def computing(self, lesson: Lesson, purpose: str) -> AbstractContextManager[object]:
        return nullcontext()


def _learner(model: str, shared: Scene, labels: int) -> EstimatorLearner:
    name, options = _ESTIMATORS[model]
    if model == "k nearest":
        options = {"n_neighbors": min(_NEIGHBOURS, labels)}
    return _Learner(name, lambda rows: shared.table[rows], "points", options)


def _summary(number: int, labels: int, settings: Settings, result: RoundResult) -> RoundSummary:
    """Write what stop advice reads."""
    return RoundSummary(
        id=number, project_id=0, number=number, created_at=0.0, labels=labels, label_minutes=0.0,
        strategy="", strategy_options={}, mode="fresh", evaluation=result.evaluation,
        stop=result.stop, uncertainty=(), labels_per_class=(), batch_per_class=(), seconds={},
        seed=settings.seed, checkpoint=None,
    )  # fmt: skip


def advice(settings: Settings, history: Sequence[RoundSummary]) -> stopping.Advice:
    """Say whether to stop after a round, by the rules of live projects."""
    shared = scene(settings.of_scene())
    budget = len(shared.start) + last_round(settings) * settings.batch
    return stopping.advise(history, budget)
