"""Owns the simulated baseline: the accuracy of the same learner on as many random labels.

Each learner that a project had keeps the points made with it: those of one say nothing about
models of another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from alcore.errors import TrainingImpossible
from alcore.jobs.training_inputs import images_of, inputs_of
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.records import BaselinePoint, Calibration, Learner, RoundSummary
from alcore.rounds import Holdout, Lesson, learner_of, measure
from alcore.rounds import Learner as AnyLearner
from alcore.store import items, projects, rounds
from alcore.workers.attempts import Running

QUICK = 10.0
"""Trainings shorter than this, in seconds, are repeated to show their spread."""
TRIALS = 3


def run_baseline(running: Running) -> None:
    """Train on random labels at every label count of the live curve that has no point yet.

    With the learner of the live model at that count; one that can no longer be had is left out.
    Each point is stored when it is done, so that a stop loses at most one training.
    """
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        settings = project.settings
        item_ids = items.ids(connection, project_id)
        key_ids, key = items.answer_key(connection, project_id)
        holdout_ids, truth = items.holdout(connection, project_id)
        history = rounds.all_rounds(connection, project_id)
        inputs = {}
        for learner in dict.fromkeys(r.learner for r in history):
            start = inputs_of(connection, store.workspace, project, learner)
            if start is not None:
                inputs[learner] = start
        existing = {(p.learner, p.trial, p.labels) for p in rounds.baseline(connection, project_id)}
    class_ids = np.array([c.id for c in project.classes])
    classes = positions(key, class_ids)
    holdout = Holdout(holdout_ids, positions(truth, class_ids))
    images = images_of(store.workspace.project(project_id), project, item_ids)
    names = tuple(c.name for c in project.classes)
    points = [
        (learner, trial, n)
        for learner, trial, n in _points(history)
        if learner in inputs and (learner, trial, n) not in existing and n <= len(key_ids)
    ]
    learners: dict[Learner, AnyLearner] = {}
    calibration_of: dict[tuple[Learner, int], Calibration] = {}
    for index, (learner, trial, n) in enumerate(points):
        if learner not in learners:
            rule, start_from = inputs[learner]
            learners[learner] = learner_of(rule, learner.augmentation, images, names, start_from)
        order = rng(settings, "baseline", trial).permutation(len(key_ids))[:n]
        lesson = Lesson(
            images=images,
            labeled_ids=key_ids[order],
            labels=classes[order],
            class_names=names,
            seed=settings.seed,
            round_number=trial,
            threads=running.threads,
            precision=running.precision,
            calibrations=(calibration_of[learner, trial],)
            if (learner, trial) in calibration_of
            else (),
            calibrates=True,
        )
        started = time.monotonic()

        def report(_phase: str, fraction: float, index: int = index) -> None:
            running.report("simulating random labels", (index + fraction) / len(points))

        try:
            evaluation, shares = measure(learners[learner], lesson, holdout, report)
        except TrainingImpossible:
            continue  # so few random labels may all be of one class
        if shares is not None:
            calibration_of[learner, trial] = shares
        with running.write() as connection:
            rounds.add_baseline(
                connection,
                project_id,
                BaselinePoint(learner, trial, n, evaluation),
                time.monotonic() - started,
                time.time(),
            )
            running.advance(connection)
    with running.publish():
        pass


def _points(history: Sequence[RoundSummary]) -> Iterator[tuple[Learner, int, int]]:
    """Yield learner, trial and label count of all points, the newest learner's first."""
    counts: dict[Learner, set[int]] = {}
    quick: dict[Learner, bool] = {}
    for summary in reversed(history):
        counts.setdefault(summary.learner, set()).add(summary.labels)
        quick.setdefault(summary.learner, summary.seconds.get("train", 0.0) < QUICK)
    for learner, labels in counts.items():
        for trial in range(TRIALS if quick[learner] else 1):
            for n in sorted(labels):
                yield learner, trial, n
