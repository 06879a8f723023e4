"""Owns one round: fit -> evaluate -> signals -> select; no database, no threads, no clock times.

N items, L labels, M holdout items, P candidates, S stop items, C classes; images (N, H, W, 3)
uint8. Classes are positions 0 … C − 1. Durations in seconds.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from alcore import acquisition, metrics, strategies
from alcore.errors import UnknownItem
from alcore.learner import device, embedding, inference, signals, training
from alcore.learner.checkpoints import Model
from alcore.records import Evaluation, Selection, StopSignals
from alcore.strategies import Context, Need

UNCERTAINTY_BINS = 20
Progress = Callable[[str, float], None]
"""(phase, share of the whole round done 0–1); may raise JobCancelled to stop the round."""


@dataclass(frozen=True)
class RoundInput:
    """All that a round depends on: the same input on the same machine gives the same result."""

    pixels: np.ndarray
    """(N, H, W, 3) uint8, maybe a memmap; row r is item_ids[r]."""
    item_ids: np.ndarray
    """(N,) int64, unique."""
    labeled_ids: np.ndarray
    labels: np.ndarray
    """(L,) int64 class positions of labeled_ids."""
    holdout_ids: np.ndarray
    holdout_labels: np.ndarray
    """(M,) int64; M may be 0."""
    candidate_ids: np.ndarray
    """(P,) int64 unlabeled pool items; labeled and holdout items among them are left out."""
    class_names: tuple[str, ...]
    channels: int
    strategy: str
    strategy_options: Mapping[str, Any]
    batch_size: int
    queue_size: int
    """Items to select: the batch first, then what the strategy would take next."""
    augmentation: str
    seed: int
    round_number: int
    stop_ids: np.ndarray
    """(S,) a fixed unlabeled set on which successive models are compared."""
    previous_stop: np.ndarray | None
    """(S,) what the last model predicted for them."""
    threads: int
    question_ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """(Q,) items to predict for people only: neither candidates nor measured on."""
    votes: np.ndarray | None = None
    """(L, annotators) int64 class position that each gave of labeled_ids, -1 for none."""


@dataclass(frozen=True)
class RoundResult:
    """All that a round found; P counts the candidates that were scored."""

    evaluation: Evaluation
    stop: StopSignals
    selection: Selection
    uncertainty: tuple[int, ...]
    """Candidates per bin of 1 − (p₁ − p₂), 20 equal bins over 0–1."""
    batch_per_class: tuple[int, ...]
    """Predicted classes of the first batch_size items of the selection."""
    holdout_predicted: np.ndarray
    """(M,) int64."""
    holdout_confidence: np.ndarray
    """(M,) float32 probability of the predicted class."""
    stop_predicted: np.ndarray
    """(S,) int64."""
    candidate_ids: np.ndarray
    """(P,) int64, the candidates in the order of the next two."""
    scores: np.ndarray
    """(P,) float32, 1 − (p₁ − p₂) whatever the strategy."""
    candidate_predicted: np.ndarray
    """(P,) int64."""
    suggestions: np.ndarray
    """(len(selection), C) float32 probabilities of the selected items; of those that have a
    label, by a model that has not seen it."""
    questions: np.ndarray
    """(Q, C) float32 probabilities of the items in question_ids."""
    embeddings: np.ndarray
    """(N, D) float32 of all images, in the order of item_ids."""
    head: np.ndarray
    """(D + 1, C) float32 last layer: weights, then the bias."""
    model: Model
    seconds: Mapping[str, float]
    """train, evaluate, score, select."""
    versions: Mapping[str, str]
    minibatches: int
    final_loss: float


def run_round(round_input: RoundInput, progress: Progress) -> RoundResult:
    """Fit a fresh model, measure it, score the candidates and select the next batch.

    Raises TrainingImpossible where the labels cannot train a model, UnknownStrategy and
    InvalidSettings before anything is computed, UnknownItem for ids without pixels. Fewer
    candidates than asked for give a shorter selection, none an empty one.
    """
    given = round_input
    needs = strategies.needed(given.strategy, given.strategy_options)
    classes = len(given.class_names)
    rows = _Rows(given.item_ids)
    watch = _Stopwatch()
    extra = signals.passes(needs)
    bar = _Bar(progress, len(given.labels), len(given.holdout_ids), len(given.candidate_ids), extra)
    with device.computing(_number(given, "weights"), given.threads):
        with watch("train"):
            traces = signals.Traces(needs)
            model = _fit(given, rows, bar.phase("train"), traces)
        with watch("evaluate"):
            told = bar.phase("evaluate")
            held = _predict(model, given, rows, given.holdout_ids, told, True, True)
            evaluation = metrics.evaluate(held.probabilities, given.holdout_labels, classes)
        with watch("score"):
            ids = _candidates(given)
            # One pass for all: stop items mostly are candidates too.
            both = np.union1d(np.union1d(ids, given.stop_ids), given.question_ids)
            told = bar.phase("score")
            first = bar.part(told, 0, 1 / (1 + extra))
            pool = _predict(model, given, rows, both, first, embeddings=True)
            probabilities = pool.probabilities[np.searchsorted(both, ids)]
            looked = _looked_at(given, needs, ids)
            place = np.searchsorted(both, looked)
            found = signals.gather(
                needs,
                signals.Material(
                    model=model,
                    pixels=given.pixels,
                    rows=rows(looked),
                    labeled_rows=rows(given.labeled_ids),
                    labeled_ids=given.labeled_ids,
                    labels=given.labels,
                    pool=pool.at(place),
                    held=held,
                    traces=traces,
                    augmentation=given.augmentation,
                    at_least=_wanted(given),
                    seed=partial(_number, given),
                ),
                bar.part(told, 1 / (1 + extra), 1),
            )
            scores = acquisition.margin(probabilities).astype(np.float32)
            stop_predicted = _classes(pool.probabilities[np.searchsorted(both, given.stop_ids)])
            stop = _stop_signals(given, probabilities, stop_predicted)
        with watch("select"):
            bar.phase("select")(0.0)
            selection = strategies.select(
                given.strategy,
                found,
                looked,
                min(_wanted(given), len(looked)),
                generator(given.seed, given.round_number, "select"),
                given.strategy_options,
                Context(given.class_names, given.labels, given.round_number, given.votes),
                given.batch_size,
            )
            suggestions = _suggestions(selection, both, pool, found)
            batch = _classes(suggestions[: given.batch_size])
            bar.phase("select")(1.0)
        known = ((rows(both), pool), (rows(given.holdout_ids), held))
        embeddings = embedding.of_all(model, given.pixels, len(given.item_ids), known)
    return RoundResult(
        evaluation=evaluation,
        stop=stop,
        selection=selection,
        uncertainty=_histogram(scores),
        batch_per_class=tuple(np.bincount(batch, minlength=classes).tolist()),
        holdout_predicted=_classes(held.probabilities),
        holdout_confidence=held.probabilities.max(axis=1, initial=0),
        stop_predicted=stop_predicted,
        candidate_ids=ids,
        scores=scores,
        candidate_predicted=_classes(probabilities),
        suggestions=suggestions,
        questions=pool.probabilities[np.searchsorted(both, given.question_ids)],
        embeddings=embeddings,
        head=embedding.head(model),
        model=model,
        seconds=watch.seconds,
        versions=device.versions(),
        minibatches=model.minibatches,
        final_loss=model.loss,
    )


def measure(round_input: RoundInput, progress: Progress) -> Evaluation:
    """Fit a fresh model and measure it, no more: a point of the simulated random baseline."""
    given = round_input
    rows = _Rows(given.item_ids)
    bar = _Bar(progress, len(given.labels), len(given.holdout_ids), 0)
    with device.computing(_number(given, "weights"), given.threads):
        model = _fit(given, rows, bar.phase("train"))
        held = _predict(model, given, rows, given.holdout_ids, bar.phase("evaluate"), mirror=True)
    return metrics.evaluate(held.probabilities, given.holdout_labels, len(given.class_names))


def generator(seed: int, round_number: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose in one round; others do not disturb it."""
    return np.random.default_rng([seed, round_number, zlib.crc32(purpose.encode())])


def _number(given: RoundInput, purpose: str) -> int:
    return int(generator(given.seed, given.round_number, purpose).integers(2**62))


# -- the parts of a round ----------------------------------------------------------------------


def _fit(
    given: RoundInput,
    rows: _Rows,
    told: Callable[[float], None],
    traces: signals.Traces | None = None,
) -> Model:
    told(0.0)
    return training.fit(
        given.pixels[rows(given.labeled_ids)],
        given.labels,
        given.class_names,
        given.channels,
        training.LearnerSettings(augmentation=given.augmentation),
        _number(given, "weights"),
        told,
        watch=None if traces is None else traces.watch,
        loss_module=None if traces is None else traces.loss_module,
    )


def _predict(
    model: Model,
    given: RoundInput,
    rows: _Rows,
    ids: np.ndarray,
    told: Callable[[float], None],
    mirror: bool = False,
    embeddings: bool = False,
) -> inference.Predictions:
    """Ask about items; the holdout with mirror images, the pool without: half the time."""
    told(0.0)
    return inference.predict(model, given.pixels, rows(ids), embeddings, mirror, told)


def _candidates(given: RoundInput) -> np.ndarray:
    taken = np.concatenate([given.labeled_ids, given.holdout_ids])
    return given.candidate_ids[~np.isin(given.candidate_ids, taken)]


def _wanted(given: RoundInput) -> int:
    return max(given.batch_size, given.queue_size)


def _looked_at(given: RoundInput, needs: frozenset[Need], ids: np.ndarray) -> np.ndarray:
    """Return the candidates that strategies choose from: all, or chance's choice of very many."""
    most = signals.most(needs, len(given.class_names))
    if most is None or len(ids) <= max(most, _wanted(given)):
        return ids
    rng = generator(given.seed, given.round_number, "subset")
    return ids[np.sort(rng.choice(len(ids), max(most, _wanted(given)), replace=False))]


def _suggestions(
    selection: Selection, ids: np.ndarray, pool: inference.Predictions, found: signals.Signals
) -> np.ndarray:
    chosen = selection.item_ids
    again = np.isin(chosen, found.labeled_ids)
    suggestions = np.empty((len(chosen), pool.probabilities.shape[1]), np.float32)
    suggestions[~again] = pool.probabilities[np.searchsorted(ids, chosen[~again])]
    if again.any():
        suggestions[again] = found.labeled_crossfit[_Rows(found.labeled_ids)(chosen[again])]
    return suggestions


def _stop_signals(
    given: RoundInput, probabilities: np.ndarray, stop_predicted: np.ndarray
) -> StopSignals:
    kappa = changed = None
    previous = given.previous_stop
    if previous is not None and len(previous) == len(stop_predicted) > 0:
        kappa = metrics.cohen_kappa(previous, stop_predicted, len(given.class_names))
        changed = float(np.mean(previous != stop_predicted))
    entropy = metrics.mean_normalised_entropy(probabilities) if len(probabilities) else None
    return StopSignals(kappa=kappa, changed=changed, mean_entropy=entropy)


def _classes(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.argmax(axis=1).astype(np.int64)


def _histogram(scores: np.ndarray) -> tuple[int, ...]:
    counts, _ = np.histogram(np.clip(scores, 0, 1), UNCERTAINTY_BINS, (0.0, 1.0))
    return tuple(counts.tolist())


class _Rows:
    """Finds the rows of the pixels that belong to item ids."""

    def __init__(self, item_ids: np.ndarray) -> None:
        self._order = np.argsort(item_ids, kind="stable")
        self._sorted = np.asarray(item_ids)[self._order]

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Return the rows (n,) of ids (n,); raises UnknownItem for an id without pixels."""
        ids = np.asarray(ids, np.int64)
        place = np.searchsorted(self._sorted, ids)
        inside = np.minimum(place, len(self._sorted) - 1)
        missing = ids[self._sorted[inside] != ids] if len(self._sorted) else ids
        if len(missing):
            raise UnknownItem(f"{len(missing)} items have no pixels, among them {missing[0]}")
        return self._order[inside]


class _Stopwatch:
    """Measures the seconds of each phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[phase] = time.perf_counter() - start


class _Bar:
    """Turns shares of phases into one share of the whole, by the work that each phase has."""

    def __init__(
        self, progress: Progress, labels: int, holdout: int, pool: int, extra: float = 0.0
    ) -> None:
        # One minibatch costs about as much as scoring 1,200 images; the holdout is asked twice.
        self._progress = progress
        self._work = {
            "train": training.minibatches(labels) * 1200,
            "evaluate": 2 * holdout,
            "score": pool * (1 + extra),
            "select": 200 if pool else 0,
        }

    def phase(self, name: str) -> Callable[[float], None]:
        """Return what a phase calls with its own share 0–1."""
        names = list(self._work)
        total = sum(self._work.values())
        before = sum(self._work[earlier] for earlier in names[: names.index(name)])
        return lambda share: self._progress(name, (before + share * self._work[name]) / total)

    @staticmethod
    def part(told: Callable[[float], None], low: float, high: float) -> Callable[[float], None]:
        """Return what the part of a phase from `low` to `high` calls with its own share 0–1."""
        return lambda share: told(low + share * (high - low))
