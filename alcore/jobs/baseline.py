"""Owns the simulated baseline: the accuracy of the same learner on as many random labels."""

from __future__ import annotations

import time

import numpy as np

from alcore.errors import TrainingImpossible
from alcore.jobs.project_consensus import positions
from alcore.jobs.randomness import rng
from alcore.jobs.running import Running
from alcore.jobs.training_inputs import images_of, learner_of_project, training_inputs
from alcore.rounds import Holdout, Lesson, measure
from alcore.store import items, projects, rounds

QUICK = 10.0
"""Trainings shorter than this, in seconds, are repeated to show their spread."""
TRIALS = 3


def run_baseline(running: Running) -> None:
    """Train on random labels at every label count of the live curve that has no point yet.

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
        inputs = training_inputs(connection, store.workspace, project)
        done = {(trial, n) for trial, n, _ in rounds.baseline(connection, project_id)}
    class_ids = np.array([c.id for c in project.classes])
    classes = positions(key, class_ids)
    holdout = Holdout(holdout_ids, positions(truth, class_ids))
    images = images_of(store.workspace.project(project_id), project, item_ids)
    learner = learner_of_project(project, images, inputs)
    quick = bool(history) and history[-1].seconds.get("train", 0.0) < QUICK
    missing = [
        (trial, n)
        for trial in range(TRIALS if quick else 1)
        for n in sorted({r.labels for r in history})
        if (trial, n) not in done and n <= len(key_ids)
    ]
    for index, (trial, n) in enumerate(missing):
        order = rng(settings, "baseline", trial).permutation(len(key_ids))[:n]
        lesson = Lesson(
            images=images,
            labeled_ids=key_ids[order],
            labels=classes[order],
            class_names=tuple(c.name for c in project.classes),
            seed=settings.seed,
            round_number=trial,
            threads=running.threads,
            precision=running.precision,
        )
        started = time.monotonic()

        def report(_phase: str, fraction: float, index: int = index) -> None:
            running.report("simulating random labels", (index + fraction) / len(missing))

        try:
            evaluation = measure(learner, lesson, holdout, report)
        except TrainingImpossible:
            continue  # so few random labels may all be of one class
        with store.write() as connection:
            rounds.add_baseline(
                connection,
                project_id,
                trial,
                n,
                evaluation,
                time.monotonic() - started,
                time.time(),
            )
    with running.publish():
        pass
