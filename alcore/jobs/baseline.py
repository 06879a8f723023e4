"""Owns the simulated baseline: the accuracy of the same learner on as many random labels.

Each learner that a project had keeps the points made with it: those of one say nothing about
models of another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alcore.config import LearnerRule
from alcore.errors import TrainingImpossible
from alcore.jobs.training_inputs import images_of, inputs_of
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.records import BaselinePoint, Calibration, Learner, Project, RoundSummary
from alcore.rounds import Holdout, Images, Lesson, TrainingInputs, learner_of, measure
from alcore.rounds import Learner as AnyLearner
from alcore.store import items, projects, rounds
from alcore.workers.attempts import Running

QUICK = 10.0
"""Trainings shorter than this, in seconds, are repeated to show their spread."""
TRIALS = 3
Point = tuple[Learner, int, int]
"""Learner, trial and number of labels."""


def run_baseline(running: Running) -> None:
    """Train on random labels at every label count of the live curve that has no point yet.

    With the learner of the live model at that count; one that can no longer be had is left out.
    Each point is stored when it is done, so that a stop loses at most one training.
    """
    material = _gather(running)
    learners: dict[Learner, AnyLearner] = {}
    calibration_of: dict[tuple[Learner, int], Calibration] = {}
    for index, (learner, trial, n) in enumerate(material.points):
        if learner not in learners:
            learners[learner] = material.start(learner)
        lesson = material.lesson(running, trial, n, calibration_of.get((learner, trial)))
        started = time.monotonic()

        def report(_phase: str, fraction: float, index: int = index) -> None:
            done = (index + fraction) / len(material.points)
            running.report("simulating random labels", done)

        try:
            evaluation, shares = measure(learners[learner], lesson, material.holdout, report)
        except TrainingImpossible:
            continue  # so few random labels may all be of one class
        if shares is not None:
            calibration_of[learner, trial] = shares
        point = BaselinePoint(learner, trial, n, evaluation)
        with running.write() as connection:
            seconds = time.monotonic() - started
            rounds.add_baseline(connection, material.project.id, point, seconds, time.time())
            running.advance(connection)
    with running.publish():
        pass


@dataclass(frozen=True)
class _Material:
    """What random labels are drawn from, and what is measured with them."""

    project: Project
    images: Images
    key_ids: np.ndarray
    key: np.ndarray
    """Class positions (K,) of the items (K,) whose class is known."""
    holdout: Holdout
    inputs: Mapping[Learner, tuple[LearnerRule, TrainingInputs]]
    """What each learner starts from that can still be had."""
    points: Sequence[Point]
    """That are not there yet."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.project.classes)

    def start(self, learner: Learner) -> AnyLearner:
        """Make a learner as a round would."""
        rule, start_from = self.inputs[learner]
        return learner_of(rule, learner.augmentation, self.images, self.names, start_from)

    def lesson(self, running: Running, trial: int, n: int, shares: Calibration | None) -> Lesson:
        """Draw n random labels, the same for every learner of a trial; more hold those of fewer.

        shares: what a mixture found at fewer labels of this trial.
        """
        settings = self.project.settings
        order = rng(settings, "baseline", trial).permutation(len(self.key_ids))[:n]
        taken = np.concatenate([self.key_ids[order], self.holdout.ids])
        return Lesson(
            images=self.images,
            labeled_ids=self.key_ids[order],
            labels=self.key[order],
            class_names=self.names,
            seed=settings.seed,
            round_number=trial,
            threads=running.threads,
            precision=running.precision,
            unlabeled_ids=np.setdiff1d(self.images.item_ids, taken),
            calibrations=() if shares is None else (shares,),
            calibrates=True,
        )


def _gather(running: Running) -> _Material:
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        item_ids = items.ids(connection, project_id)
        key_ids, key = items.answer_key(connection, project_id)
        holdout_ids, truth = items.holdout(connection, project_id)
        history = rounds.all_rounds(connection, project_id)
        inputs = {}
        for learner in dict.fromkeys(r.learner for r in history):
            start = inputs_of(connection, store, project, learner)
            if start is not None:
                inputs[learner] = start
        existing = {(p.learner, p.trial, p.labels) for p in rounds.baseline(connection, project_id)}
    class_ids = np.array([c.id for c in project.classes])
    return _Material(
        project=project,
        images=images_of(store.folder(project_id), project, item_ids),
        key_ids=key_ids,
        key=positions(key, class_ids),
        holdout=Holdout(holdout_ids, positions(truth, class_ids)),
        inputs=inputs,
        points=[
            (learner, trial, n)
            for learner, trial, n in _points(history)
            if learner in inputs and (learner, trial, n) not in existing and n <= len(key_ids)
        ],
    )


def _points(history: Sequence[RoundSummary]) -> Iterator[Point]:
    """Yield all points of a history, the newest learner's first."""
    counts: dict[Learner, set[int]] = {}
    quick: dict[Learner, bool] = {}
    for summary in reversed(history):
        counts.setdefault(summary.learner, set()).add(summary.labels)
        quick.setdefault(summary.learner, summary.seconds.get("train", 0.0) < QUICK)
    for learner, labels in counts.items():
        for trial in range(TRIALS if quick[learner] else 1):
            for n in sorted(labels):
                yield learner, trial, n
