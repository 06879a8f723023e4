"""Owns the review job: models that have not seen a label say what they think of it.

Their answers give the temperature of the rounds to come, too. What was found before the job had
to make room for a training is kept: L labels, C classes.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import numpy as np

from alcore import doubts
from alcore.jobs import label_check_resume
from alcore.jobs.running import Running
from alcore.jobs.settling import positions
from alcore.jobs.training_inputs import images_of, learner_of_project, training_inputs
from alcore.records import Project
from alcore.rounds import Kept, Lesson, TrainingInputs, cross_validate
from alcore.store import calibrations, items, jobs, opinions, projects

_ROWS = 2_000
"""Opinions per transaction, so that nobody who labels waits for it."""


def run_review(running: Running) -> None:
    """Store an opinion of each label that counts now, from models that were not trained on it."""
    store, project_id = running.store, running.job.project_id
    folder = store.workspace.project(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        images = images_of(folder, project, items.ids(connection, project_id))
        judged = opinions.to_judge(connection, project_id)
        inputs = training_inputs(connection, store.workspace, project)
    review = label_check_resume.begin(folder, judged, _recipe(project, inputs))
    judged = review.judged
    labels = positions(judged.class_ids, np.array([c.id for c in project.classes]))
    trained = ~judged.held
    found = cross_validate(
        learner_of_project(project, images, inputs),
        Lesson(
            images=images,
            labeled_ids=judged.item_ids[trained],
            labels=labels[trained],
            class_names=tuple(c.name for c in project.classes),
            seed=project.settings.seed,
            round_number=0,
            threads=running.threads,
        ),
        judged.item_ids[judged.held],
        running.report,
        Kept(review.said, review.keep),
    )
    order = np.concatenate([np.flatnonzero(trained), np.flatnonzero(judged.held)])
    probabilities = np.empty_like(found.probabilities)
    probabilities[order] = found.probabilities
    rows = _rows(project_id, judged, probabilities, labels, [c.id for c in project.classes])
    for start in range(0, len(rows), _ROWS):
        running.report("saving", start / len(rows))
        with store.write() as connection:
            opinions.put(connection, rows[start : start + _ROWS])
    with running.publish() as connection:
        if found.calibration is not None:
            calibrations.put(connection, project_id, found.calibration)
        # It may have been begun long ago, and labels have come since.
        if doubts.worth_a_look(opinions.labels(connection, project_id), len(judged.item_ids)):
            jobs.request(connection, project_id, "review", time.time())
    review.forget()


def _recipe(project: Project, inputs: TrainingInputs) -> str:
    """Name all that the models depend on besides labels and items."""
    settings = project.settings
    classes = [c.id for c in project.classes]
    learner = asdict(settings.learner)
    parts = [settings.augmentation, settings.resolution, settings.seed, classes, learner]
    return json.dumps([*parts, str(inputs.pretrained)])


def _rows(
    project_id: int,
    judged: opinions.Judged,
    probabilities: np.ndarray,
    labels: np.ndarray,
    class_ids: list[int],
) -> list[dict[str, object]]:
    """Turn probabilities (L, C) into rows of opinions."""
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
            "doubt": doubt,
            "flagged": flagged,
            "created_at": now,
        }
        for item_id, event_id, guess, p, p_label, doubt, flagged in zip(
            judged.item_ids.tolist(),
            judged.event_ids.tolist(),
            best.tolist(),
            probabilities[rows, best].tolist(),
            probabilities[rows, labels].tolist(),
            doubts.doubt(probabilities, labels).tolist(),
            doubts.probably_wrong(probabilities, labels).tolist(),
            strict=True,
        )
    ]
