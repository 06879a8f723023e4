"""Owns the label check: models that have not seen a label say what they think of it.

Their answers give the temperature of the rounds to come, too. What it knew before it had
to make room for a training is kept: L labels, C classes.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import numpy as np

from alcore import label_errors
from alcore.folding import since_the_start
from alcore.jobs import label_check_resume
from alcore.jobs.training_inputs import images_of, learner_of_project, training_inputs
from alcore.loop.project_consensus import positions
from alcore.records import Project
from alcore.rounds import FoldAnswers, Lesson, TrainingInputs, cross_validate
from alcore.store import calibrations, gold, items, jobs, label_checks, projects
from alcore.workers.attempts import Running

_ROWS = 2_000
"""Rows per transaction, so that nobody who labels waits for it."""


def run_label_check(running: Running) -> None:
    """Store what models that were not trained on it say of each label that counts now."""
    store, project_id = running.store, running.job.project_id
    folder = store.folder(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        images = images_of(folder, project, items.ids(connection, project_id))
        judged = label_checks.to_judge(connection, project_id)
        free = np.setdiff1d(
            items.unlabeled(connection, project_id), gold.ids(connection, project_id)
        )
        inputs = training_inputs(connection, store, project)
        calibrated = calibrations.known(connection, project_id)
    progress = label_check_resume.resume(folder, judged, _recipe(project, inputs))
    judged = progress.judged
    labels = positions(judged.class_ids, np.array([c.id for c in project.classes]))
    trained = ~judged.held

    def keep(fold: int, probabilities: np.ndarray) -> None:
        if progress.keep(fold, probabilities):
            with running.write() as connection:
                running.advance(connection)

    check = cross_validate(
        learner_of_project(project, images, inputs),
        Lesson(
            images=images,
            labeled_ids=judged.item_ids[trained],
            labels=labels[trained],
            class_names=tuple(c.name for c in project.classes),
            seed=project.settings.seed,
            round_number=0,
            threads=running.threads,
            precision=running.precision,
            unlabeled_ids=np.setdiff1d(free, judged.item_ids),
            calibrations=calibrated,
        ),
        judged.item_ids[judged.held],
        running.report,
        FoldAnswers(progress.probabilities, keep),
    )
    order = np.concatenate([np.flatnonzero(trained), np.flatnonzero(judged.held)])
    probabilities = np.empty_like(check.probabilities)
    probabilities[order] = check.probabilities
    rows = _rows(project_id, judged, probabilities, labels, [c.id for c in project.classes])
    for start in range(0, len(rows), _ROWS):
        running.report("saving", start / len(rows))
        with running.write() as connection:
            label_checks.put(connection, rows[start : start + _ROWS])
    with running.publish() as connection:
        today = projects.get(connection, project_id)
        same_classes = since_the_start(today) == since_the_start(project)
        if not same_classes:  # what it says is of the classes of before
            label_checks.forget(connection, project_id)
        if check.calibration is not None and same_classes:
            calibrations.put(connection, project_id, check.calibration)
        # It may have begun long ago, and labels have come since.
        counting = label_checks.labels(connection, project_id)
        if not same_classes or label_errors.check_is_due(counting, len(judged.item_ids)):
            jobs.request(connection, project_id, "label_check", time.time())
    progress.forget()


def _recipe(project: Project, inputs: TrainingInputs) -> str:
    """Name all that the models depend on besides labels and items."""
    settings = project.settings
    classes = [c.id for c in project.classes]
    learner = asdict(settings.learner)
    images = [settings.augmentation, settings.resolution, settings.pixel_range.scale]
    begins_with = [str(inputs.pretrained), inputs.features and inputs.features.features.created_at]
    return json.dumps([*images, settings.seed, classes, learner, *begins_with])


def _rows(
    project_id: int,
    judged: label_checks.Judged,
    probabilities: np.ndarray,
    labels: np.ndarray,
    class_ids: list[int],
) -> list[dict[str, object]]:
    """Turn probabilities (L, C) into rows of label checks."""
    now = time.time()
    best = probabilities.argmax(axis=1)
    rows = np.arange(len(labels))
    return [
        {
            "item_id": item_id,
            "project_id": project_id,
            "event_id": event_id,
            "class_id": class_ids[guess],
            "p": p,
            "p_label": p_label,
            "error_score": error_score,
            "flagged": flagged,
            "created_at": now,
        }
        for item_id, event_id, guess, p, p_label, error_score, flagged in zip(
            judged.item_ids.tolist(),
            judged.event_ids.tolist(),
            best.tolist(),
            probabilities[rows, best].tolist(),
            probabilities[rows, labels].tolist(),
            label_errors.error_score(probabilities, labels).tolist(),
            label_errors.probably_wrong(probabilities, labels).tolist(),
            strict=True,
        )
    ]
