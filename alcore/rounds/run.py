"""Owns the steps of a round: fit -> calibrate -> evaluate -> signals -> select.

N items, L labels, M holdout items, P candidates, S stop items, C classes; images (N, H, W, 3)
uint8. Classes are positions 0 … C − 1. Durations in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alcore import acquisition, metrics, strategies
from alcore.learner import calibration
from alcore.learner.predictions import Predictions
from alcore.learner.progress import OnProgress, part
from alcore.records import Calibration, Evaluation, Selection, StopSignals
from alcore.rounds import temperatures
from alcore.rounds.cross_fitting import cross_fit
from alcore.rounds.learners import Learner, Model, check_signals
from alcore.rounds.progress import Bar, Progress, Stopwatch
from alcore.rounds.values import Holdout, Lesson, RoundResult, SelectionTask, SignalTask
from alcore.strategies import Context, Need, Signals

UNCERTAINTY_BINS = 20


def run_round(
    learner: Learner, lesson: Lesson, holdout: Holdout, task: SelectionTask, progress: Progress
) -> RoundResult:
    """Fit a model, measure it, score the candidates and select the next batch.

    Raises TrainingImpossible where the labels cannot train a model, UnknownStrategy and
    InvalidSettings before anything is computed, UnknownItem for ids without pixels. Fewer
    candidates than asked for give a shorter selection, none an empty one.
    """
    needs = strategies.needed(task.strategy, task.strategy_options)
    check_signals(learner.recipe_name, learner.gives, task.strategy, task.strategy_options)
    lesson = replace(lesson, unlabeled_ids=_free(lesson, holdout, task))
    extra = learner.passes(needs)
    folds = temperatures.folds_to_ask(learner, lesson)
    bar = Bar(
        progress,
        learner.cost(len(lesson.labels)),
        len(holdout.ids),
        len(task.candidate_ids),
        extra,
        folds * learner.cost(len(lesson.labels)),
    )
    watch = Stopwatch()
    with learner.computing(lesson, "weights"):
        with watch("train"):
            model = _fit(learner, lesson, bar.phase("train"), needs)
        temperature = temperatures.known_for(learner, lesson)
        if folds:
            with watch("calibrate"):
                temperature = temperatures.find(learner, lesson, folds, bar.phase("calibrate"))
        if temperature is not None:
            model = model.calibrated(temperature)
            lesson = replace(lesson, calibrations=(temperature,))
        with watch("evaluate"):
            held, evaluation = _evaluate(model, lesson, holdout, bar.phase("evaluate"))
        with watch("score"):
            on_progress = bar.phase("score")
            first = part(on_progress, 0, 1 / (1 + extra))
            pool = _score(model, lesson, holdout, task, first)
            looked = looked_at(learner, lesson, task, pool.candidate_ids)
            wanted = SignalTask(needs, looked, pool.at(looked), held, task.wanted)
            signals = _signals(
                learner, lesson, model, wanted, part(on_progress, 1 / (1 + extra), 1)
            )
        with watch("select"):
            bar.phase("select")(0.0)
            selection = _select(lesson, task, signals, looked)
            suggestions = _suggestions(selection, pool, signals)
            bar.phase("select")(1.0)
        versions = model.versions()
        embeddings = None
        if task.embeds:
            embeddings = model.embed(((pool.ids, pool.predictions), (holdout.ids, held)))
    candidates = pool.at(pool.candidate_ids).probabilities
    scores = acquisition.margin(candidates).astype(np.float32)
    stop_predicted = _classes(pool.at(task.stop_ids).probabilities)
    batch = _classes(suggestions[: task.batch_size])
    return RoundResult(
        evaluation=evaluation,
        stop=_stop_signals(lesson, task, candidates, stop_predicted),
        selection=selection,
        uncertainty=_histogram(scores),
        batch_per_class=tuple(np.bincount(batch, minlength=len(lesson.class_names)).tolist()),
        holdout_predicted=_classes(held.probabilities),
        holdout_confidence=held.probabilities.max(axis=1, initial=0),
        stop_predicted=stop_predicted,
        candidate_ids=pool.candidate_ids,
        scores=scores,
        candidate_predicted=_classes(candidates),
        suggestions=suggestions,
        questions=pool.at(task.question_ids).probabilities,
        embeddings=embeddings,
        model=model,
        calibration=temperatures.with_holdout(temperature, held.probabilities, holdout),
        seconds=watch.seconds,
        versions=versions,
    )


def measure(
    learner: Learner, lesson: Lesson, holdout: Holdout, progress: Progress
) -> tuple[Evaluation, Calibration | None]:
    """Fit a fresh model and measure it, no more: a point of the simulated random baseline.

    A mixture finds its shares when a round would; they are returned with the evaluation.
    """
    cost = learner.cost(len(lesson.labels))
    is_mixture = len(learner.candidates) > 1
    folds = temperatures.folds_to_ask(learner, lesson) if is_mixture else 0
    bar = Bar(progress, cost, len(holdout.ids), 0, calibrating=folds * cost)
    newest = None
    with learner.computing(lesson, "weights"):
        model = _fit(learner, lesson, bar.phase("train"))
        if folds:
            newest = temperatures.find(learner, lesson, folds, bar.phase("calibrate"))
            model = model.calibrated(replace(newest, temperature=1.0))
        return _evaluate(model, lesson, holdout, bar.phase("evaluate"))[1], newest


def looked_at(learner: Learner, lesson: Lesson, task: SelectionTask, ids: np.ndarray) -> np.ndarray:
    """Return the candidates that strategies choose from: all, or chance's choice of very many."""
    needs = strategies.needed(task.strategy, task.strategy_options)
    most = learner.most(needs, len(lesson.class_names))
    if most is None or len(ids) <= max(most, task.wanted):
        return ids
    rng = lesson.generator("subset")
    return ids[np.sort(rng.choice(len(ids), max(most, task.wanted), replace=False))]


# -- the parts of a round ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Pool:
    """What a model says of all that it is asked about besides the holdout."""

    ids: np.ndarray
    """Candidates, stop items and questions, sorted: most stop items are candidates too."""
    candidate_ids: np.ndarray
    predictions: Predictions
    """Of `ids`."""

    def at(self, ids: np.ndarray) -> Predictions:
        return self.predictions.at(np.searchsorted(self.ids, ids))


def _candidates(lesson: Lesson, holdout: Holdout, task: SelectionTask) -> np.ndarray:
    taken = np.concatenate([lesson.labeled_ids, holdout.ids])
    return task.candidate_ids[~np.isin(task.candidate_ids, taken)]


def _free(lesson: Lesson, holdout: Holdout, task: SelectionTask) -> np.ndarray:
    """Return the candidates that may be learned from without labels: they measure nothing."""
    ids = _candidates(lesson, holdout, task)
    return ids[~np.isin(ids, task.question_ids)]


def _fit(
    learner: Learner, lesson: Lesson, on_progress: OnProgress, needs: frozenset[Need] = frozenset()
) -> Model:
    on_progress(0.0)
    return learner.fit(lesson, lesson.number("weights"), on_progress, needs)


def _evaluate(
    model: Model, lesson: Lesson, holdout: Holdout, on_progress: OnProgress
) -> tuple[Predictions, Evaluation]:
    held = model.predict(holdout.ids, on_progress, embeddings=True, thorough=True)
    classes = len(lesson.class_names)
    return held, metrics.evaluate(held.probabilities, holdout.labels, classes)


def _score(
    model: Model, lesson: Lesson, holdout: Holdout, task: SelectionTask, on_progress: OnProgress
) -> _Pool:
    candidates = _candidates(lesson, holdout, task)
    ids = np.union1d(np.union1d(candidates, task.stop_ids), task.question_ids)
    return _Pool(ids, candidates, model.predict(ids, on_progress, embeddings=True))


def _signals(
    learner: Learner,
    lesson: Lesson,
    model: Model,
    task: SignalTask,
    on_progress: OnProgress,
) -> Signals:
    """Compute what the strategy needs; cross-fitting takes other models and comes last."""
    own = task.needs - {"crossfit"}
    if own == task.needs:
        return model.signals(task, on_progress)
    half = 0.5 if own - {"probabilities"} else 0.0
    signals = model.signals(replace(task, needs=own), part(on_progress, 0, half))
    answers = cross_fit(
        learner,
        lesson,
        calibration.folds(lesson.labels, np.random.default_rng(lesson.number("crossfit"))),
        task.ids,
        "crossfit",
        part(on_progress, half, 1),
    )
    shares = temperatures.shares_of(learner, lesson)
    others, labeled = (
        calibration.temper(calibration.mix(part_of, shares), model.temperature)
        for part_of in (answers.others, answers.labeled)
    )
    return signals.but(crossfit=others, labeled_crossfit=labeled)


def _select(lesson: Lesson, task: SelectionTask, signals: Signals, looked: np.ndarray) -> Selection:
    return strategies.select(
        task.strategy,
        signals,
        looked,
        min(task.wanted, len(looked)),
        lesson.generator("select"),
        task.strategy_options,
        Context(lesson.class_names, lesson.labels, lesson.round_number, task.votes),
        task.batch_size,
    )


def _suggestions(selection: Selection, pool: _Pool, signals: Signals) -> np.ndarray:
    """Return what models say of the selected items (k, C), never one that has seen the label."""
    ids = selection.item_ids
    again = np.isin(ids, signals.labeled_ids)
    suggestions = np.empty((len(ids), pool.predictions.probabilities.shape[1]), np.float32)
    suggestions[~again] = pool.at(ids[~again]).probabilities
    if again.any():
        order = np.argsort(signals.labeled_ids)
        place = order[np.searchsorted(signals.labeled_ids[order], ids[again])]
        suggestions[again] = signals.labeled_crossfit[place]
    return suggestions


def _stop_signals(
    lesson: Lesson, task: SelectionTask, probabilities: np.ndarray, stop_predicted: np.ndarray
) -> StopSignals:
    kappa = changed = None
    previous = task.previous_stop
    if previous is not None and len(previous) == len(stop_predicted) > 0:
        kappa = metrics.cohen_kappa(previous, stop_predicted, len(lesson.class_names))
        changed = float(np.mean(previous != stop_predicted))
    entropy = metrics.mean_normalised_entropy(probabilities) if len(probabilities) else None
    return StopSignals(kappa=kappa, changed=changed, mean_entropy=entropy)


def _classes(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.argmax(axis=1).astype(np.int64)


def _histogram(scores: np.ndarray) -> tuple[int, ...]:
    counts, _ = np.histogram(np.clip(scores, 0, 1), UNCERTAINTY_BINS, (0.0, 1.0))
    return tuple(counts.tolist())
