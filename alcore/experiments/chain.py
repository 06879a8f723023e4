"""Owns one run: rounds in a chain, each a pure function of the run and of the rounds before it.

Nothing is kept between rounds but what `Done` holds, so that a run goes on anywhere, bit for bit.
n items asked about, V answers to each question. Item ids are rows of the trial's images.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from alcore import __version__
from alcore.config import Precision
from alcore.errors import PoolExhausted
from alcore.experiments import data, initial, oracles, trials
from alcore.experiments.data import DataSpec
from alcore.experiments.design import Cell
from alcore.experiments.features import Extraction, features_of, points_of
from alcore.experiments.oracles import ABSTAINED, Answers, Oracle
from alcore.experiments.results import Arrays, Done
from alcore.experiments.trials import TrialData
from alcore.records import Calibration
from alcore.rounds import (
    Holdout,
    Images,
    Learner,
    Lesson,
    RoundResult,
    SelectionTask,
    TrainingInputs,
    learner_of,
    run_round,
)
from alcore.rounds.estimators import EstimatorLearner

STOP_SET = 1_000
"""Pool items on which successive models are compared, as in live projects."""
_AHEAD = 5
"""Where the oracle may abstain, so many times the batch is queued, as people skip too."""


@dataclass(frozen=True)
class Run:
    """A cell in one trial."""

    cell: Cell
    trial: int
    seed: int
    """Of the design: with the trial and the data it gives the trial's seed."""
    budget: int
    threads: int = 1
    precision: Precision = "float32"
    """Arithmetic of its trainings."""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "cell": self.cell.to_json()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**{**raw, "cell": Cell.from_json(raw["cell"])})

    @property
    def trial_seed(self) -> int:
        """The same for all strategies, learners and oracles of a trial: they are paired."""
        return int(np.random.default_rng([self.seed, self.trial]).integers(2**31))


def compute(spec: Mapping[str, Any], before: Sequence[Arrays], folder: str) -> Done:
    """Compute the next round of a run as it is stored; this is what workers do."""
    return next_round(Run.from_json(spec), before, Path(folder))


def next_round(run: Run, before: Sequence[Arrays], folder: Path) -> Done:
    """Ask the oracle what the last round chose, then fit, measure, score and select.

    before: the arrays of all earlier rounds, oldest first. Raises PoolExhausted where nothing is
    left to ask before the budget is spent.
    """
    started = time.perf_counter()
    trial, oracle = _world(json.dumps(data.to_json(run.cell.data)), run.trial_seed,
                           json.dumps(asdict(run.cell.oracle)), str(folder))  # fmt: skip
    number = len(before) + 1
    batch = _ask(run, trial, oracle, before)
    history = [*before, batch]
    everything = {name: np.concatenate([a[name] for a in history]) for name in batch}
    lesson = _known(everything, len(oracle.confusion))
    result = _round(run, trial, lesson, everything["asked_ids"], before, folder)
    labels = Answers(
        everything["asked_classes"], everything["asked_annotators"], everything["asked_seconds"]
    ).decided()
    accuracy = result.evaluation.accuracy
    return Done(
        number=number,
        labels=int((labels != ABSTAINED).sum()),
        answers=int(everything["asked_classes"].size),
        minutes=float(everything["asked_seconds"].sum() / 60),
        accuracy=float(accuracy if accuracy is not None else np.nan),
        seconds=time.perf_counter() - started,
        summary=_plain(run, trial, result, *lesson[:2], batch["asked_ids"]),
        arrays={
            **batch,
            "selected_ids": result.selection.item_ids.astype(np.int64),
            "selected_scores": result.selection.scores.astype(np.float64),
            "stop_predicted": result.stop_predicted.astype(np.int64),
            **_shares(result),
        },
    )


def _plain(
    run: Run,
    trial: TrialData,
    measured: RoundResult,
    ids: np.ndarray,
    labels: np.ndarray,
    new: np.ndarray,
) -> dict[str, Any]:
    """Return what is told of a round besides its figures, as plain JSON."""
    classes = len(trial.class_names)
    about = {
        "items": len(ids),
        "right": float((labels == trial.truth[ids]).mean()),
        "evaluation": asdict(measured.evaluation),
        "stop": asdict(measured.stop),
        "uncertainty": measured.uncertainty,
        "labels_per_class": np.bincount(labels, minlength=classes).tolist(),
        "asked_per_class": np.bincount(trial.truth[new], minlength=classes).tolist(),
        "phases": {k: round(v, 4) for k, v in measured.seconds.items()},
        "seed": run.trial_seed,
        "versions": {"alcore": __version__, **measured.versions},
        "minibatches": measured.model.minibatches,
    }
    return json.loads(json.dumps(about))


def pool_of(spec: DataSpec, seed: int, folder: Path) -> TrialData:
    """Return what a trial works on, for whoever wants to look at it."""
    return trials.of_trial(spec, data.load(data.prepare(spec, folder)), seed)


@lru_cache(maxsize=2)
def _trial(spec: str, seed: int, folder: str) -> TrialData:
    return pool_of(DataSpec(**json.loads(spec)), seed, Path(folder))


@lru_cache(maxsize=4)
def _world(spec: str, seed: int, oracle: str, folder: str) -> tuple[TrialData, Oracle]:
    trial = _trial(spec, seed, folder)
    about = json.loads(oracle)
    world = oracles.World(trial.truth, trial.class_names, trial.difficulty, seed)
    return trial, oracles.build(about["kind"], about["options"], world)


def _ask(
    run: Run, trial: TrialData, oracle: Oracle, before: Sequence[Arrays]
) -> dict[str, np.ndarray]:
    """Ask in the order chosen until the batch is labeled, as people do who skip."""
    if not before:
        goal = run.cell.initial.size
        order = initial.order(run.cell.initial.how, goal, trial)
        times = np.zeros(len(order), np.int64)
    else:
        order = before[-1]["selected_ids"]
        item_ids = np.concatenate([a["asked_ids"] for a in before])
        times = np.array([(item_ids == item).sum() for item in order], np.int64)
        classes = np.concatenate([a["asked_classes"] for a in before])
        labels = int((classes != ABSTAINED).any(axis=1).sum())
        goal = min(run.cell.batch_size, run.budget - labels)
    answers = oracle.answer(order, times)
    labeled = np.cumsum(answers.decided() != ABSTAINED)
    if not len(order) or labeled[-1] == 0:
        raise PoolExhausted(f"nothing is left to ask, {goal} labels before the budget is spent")
    last = min(int(np.searchsorted(labeled, goal)), len(order) - 1) + 1
    return {
        "asked_ids": order[:last],
        "asked_times": times[:last],
        "asked_classes": answers.classes[:last],
        "asked_annotators": answers.annotators[:last],
        "asked_seconds": answers.seconds[:last],
    }


def _known(everything: Arrays, people: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labeled items, their labels (the last answer stands) and each annotator's vote.

    As in live projects, a second look has columns of its own.
    """
    item_ids, answers = everything["asked_ids"], everything["asked_classes"]
    who = everything["asked_annotators"]
    decisions = Answers(answers, who, everything["asked_seconds"]).decided()
    has_label = decisions != ABSTAINED
    ids, first = np.unique(item_ids[has_label], return_index=True)
    ids = ids[np.argsort(first, kind="stable")]  # in the order in which they were first labeled
    place = {int(item): row for row, item in enumerate(ids)}
    labels = np.empty(len(ids), np.int64)
    votes = np.full((len(ids), 2 * people), ABSTAINED, np.int64)
    for item, label, classes, annotators, times in zip(
        item_ids, decisions, answers, who, everything["asked_times"], strict=True
    ):
        row = place.get(int(item))
        if row is None:
            continue
        if label != ABSTAINED:
            labels[row] = label
        for c, annotator in zip(classes, annotators, strict=True):
            votes[row, 2 * annotator + (times > 0)] = c
    return ids, labels, votes[:, (votes != ABSTAINED).any(axis=0)]


def _round(
    run: Run,
    trial: TrialData,
    known: tuple[np.ndarray, np.ndarray, np.ndarray],
    asked: np.ndarray,
    before: Sequence[Arrays],
    folder: Path,
) -> RoundResult:
    """Run the round after those before it, with the cell's learner and what is known by now.

    known: as `_known` returns it; asked: ids that were asked about, whatever the answer.
    """
    cell = run.cell
    ids, labels, votes = known
    images = Images(trial.pixels, np.arange(len(trial.pixels), dtype=np.int64), trial.channels)
    stop_ids = np.sort(
        trials.rng(trial.seed, "stop set").choice(
            trial.pool, min(STOP_SET, len(trial.pool)), replace=False
        )
    )
    abstains = cell.oracle.kind == "abstaining"
    learner = _learner(run, trial, images, folder)
    return run_round(
        learner,
        Lesson(
            images=images,
            labeled_ids=ids,
            labels=labels,
            class_names=trial.class_names,
            seed=trial.seed,
            round_number=len(before) + 1,
            threads=run.threads,
            precision=run.precision,
            calibrations=_calibrations(learner, before),
            calibrates=len(learner.candidates) > 1,
        ),
        Holdout(trial.holdout, trial.truth[trial.holdout]),
        SelectionTask(
            candidate_ids=trial.pool[~np.isin(trial.pool, asked)],
            strategy=cell.strategy.name,
            strategy_options=cell.strategy.options,
            batch_size=cell.batch_size,
            queue_size=_AHEAD * cell.batch_size if abstains else cell.batch_size,
            votes=votes,
            stop_ids=stop_ids,
            previous_stop=before[-1]["stop_predicted"] if before else None,
        ),
        lambda phase, share: None,
    )


def _shares(result: RoundResult) -> dict[str, np.ndarray]:
    """Return what is known of a mixture: its temperature, labels and shares."""
    one = result.calibration
    if one is None or not one.shares:
        return {}
    return {"mixing": np.array([one.temperature, one.labels, one.of_labels, *one.shares])}


def _calibrations(learner: Learner, before: Sequence[Arrays]) -> tuple[Calibration, ...]:
    """Return the newest that rounds before found out about the mixture, as they are stored."""
    newest = next((a["mixing"] for a in reversed(before) if "mixing" in a), None)
    if newest is None:
        return ()
    temperature, labels, of_labels, *shares = newest.tolist()
    return (
        Calibration(
            temperature,
            int(labels),
            learner.recipe_name,
            of_labels=int(of_labels),
            shares=tuple(shares),
        ),
    )


def _learner(run: Run, trial: TrialData, images: Images, folder: Path) -> Learner:
    spec = run.cell.learner
    options = spec.all_options
    if spec.own:
        rule = spec.rule()
        inputs = TrainingInputs(downloads=folder / "downloads")
        if rule.uses_extractor:
            extraction = Extraction(rule, run.threads, run.precision, folder)
            inputs = replace(inputs, features=points_of(extraction, run.cell.data, trial))
        augmentation = options.get("augmentation", "none")
        return learner_of(rule, augmentation, images, trial.class_names, inputs)
    features = features_of(spec, run.cell.data, trial, images, folder)
    return EstimatorLearner(options["estimator"], features, settings=options["settings"])
