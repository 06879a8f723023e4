"""Owns the steps of a round: fit -> evaluate -> signals -> select.

N items, L labels, M holdout items, P candidates, S stop items, C classes; images (N, H, W, 3)
uint8. Classes are positions 0 … C − 1. Durations in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from alcore import acquisition, metrics, strategies
from alcore.learner import calibration, device, embedding, inference, signals
from alcore.learner.checkpoints import Model
from alcore.records import Calibration, Evaluation, Selection, StopSignals
from alcore.rounds import recipes
from alcore.rounds.progress import Bar, Progress, Stopwatch
from alcore.rounds.values import RoundInput, RoundResult, Rows, generator, number
from alcore.strategies import Context, Need

UNCERTAINTY_BINS = 20


def run_round(round_input: RoundInput, progress: Progress) -> RoundResult:
    """Fit a model, measure it, score the candidates and select the next batch.

    Raises TrainingImpossible where the labels cannot train a model, UnknownStrategy and
    InvalidSettings before anything is computed, UnknownItem for ids without pixels,
    WeightsUnavailable and CheckpointMismatch for weights that cannot be had. Fewer candidates
    than asked for give a shorter selection, none an empty one.
    """
    given = round_input
    needs = strategies.needed(given.strategy, given.strategy_options)
    classes = len(given.class_names)
    rows = Rows(given.item_ids)
    watch = Stopwatch()
    extra = signals.passes(needs)
    with device.computing(number(given, "weights"), given.threads, given.precision):
        recipe = recipes.make(given, rows)
        bar = Bar(
            progress,
            len(given.labels),
            len(given.holdout_ids),
            len(given.candidate_ids),
            extra,
        )
        with watch("train"):
            traces = signals.Traces(needs)
            model = recipes.fit(given, rows, recipe, bar.phase("train"), traces)
        calibrated = recipes.calibration(given, recipe)
        if calibrated is not None:
            model = replace(model, temperature=calibrated.temperature)
        with watch("evaluate"):
            told = bar.phase("evaluate")
            held = _predict(model, given, rows, given.holdout_ids, told, True, True)
            evaluation = metrics.evaluate(held.probabilities, given.holdout_labels, classes)
            calibrated = _beside(calibrated, held.probabilities, given.holdout_labels)
        with watch("score"):
            ids = _candidates(given)
            # One pass for all: stop items mostly are candidates too.
            both = np.union1d(np.union1d(ids, given.stop_ids), given.question_ids)
            told = bar.phase("score")
            first = bar.part(told, 0, 1 / (1 + extra))
            pool = _predict(model, given, rows, both, first, embeddings=True)
            probabilities = pool.probabilities[np.searchsorted(both, ids)]
            looked = looked_at(given, needs, ids)
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
                    without=partial(recipes.without, given, rows, recipe),
                    seed=partial(number, given),
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
        known = ((rows(both), pool), (rows(given.holdout_ids), held)) if given.embeds else ()
        wanted = len(given.item_ids) if given.embeds else 0
        embeddings = embedding.of_all(model, given.pixels, wanted, known)
        versions = device.versions(model.network)
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
        recipe=recipes.record(given, recipe, model),
        calibration=calibrated,
        seconds=watch.seconds,
        versions=versions,
        minibatches=model.minibatches,
        final_loss=model.loss,
    )


def measure(round_input: RoundInput, progress: Progress) -> Evaluation:
    """Fit a fresh model and measure it, no more: a point of the simulated random baseline."""
    given = round_input
    rows = Rows(given.item_ids)
    bar = Bar(progress, len(given.labels), len(given.holdout_ids), 0)
    with device.computing(number(given, "weights"), given.threads, given.precision):
        recipe = recipes.make(given, rows)
        model = recipes.fit(given, rows, recipe, bar.phase("train"))
        held = _predict(model, given, rows, given.holdout_ids, bar.phase("evaluate"), mirror=True)
    return metrics.evaluate(held.probabilities, given.holdout_labels, len(given.class_names))


# -- the parts of a round ----------------------------------------------------------------------


def _beside(
    found: Calibration | None, probabilities: np.ndarray, true: np.ndarray
) -> Calibration | None:
    """Add what the holdout said of the probabilities before they were calibrated."""
    if found is None or not len(true):
        return found
    before = calibration.temper(probabilities, 1 / found.temperature)
    return replace(
        found,
        ece=metrics.expected_calibration_error(before, true),
        nll=metrics.negative_log_likelihood(before, true),
    )


def _predict(
    model: Model,
    given: RoundInput,
    rows: Rows,
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


def looked_at(given: RoundInput, needs: frozenset[Need], ids: np.ndarray) -> np.ndarray:
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
        suggestions[again] = found.labeled_crossfit[Rows(found.labeled_ids)(chosen[again])]
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
