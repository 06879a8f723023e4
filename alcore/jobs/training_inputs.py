"""Owns what a project's trainings begin with: images, learner settings, weights, last model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alcore import estimators
from alcore.config import Workspace
from alcore.jobs.round_files import pixels_of
from alcore.records import Job, Project, RoundSummary
from alcore.rounds import Images, Learner, TrainingInputs, learner_of
from alcore.store import Connection, pretrained

USUAL = 128
"""Images per minibatch."""
LEAST = 16


def training_inputs(
    connection: Connection, workspace: Workspace, project: Project
) -> TrainingInputs:
    """Return what every training of a project begins with."""
    rule = project.settings.learner
    weights = pretrained.latest(connection, project.id) if rule.weights == "pool" else None
    return TrainingInputs(
        pretrained=weights and workspace.project(project.id) / weights.checkpoint,
        downloads=workspace.downloads,
        estimators=estimators.allowed(workspace.estimators),
    )


def images_of(folder: Path, project: Project, item_ids: np.ndarray) -> Images:
    """Return a project's images by item; raises TrainingImpossible while they are fitted anew."""
    pixels = pixels_of(folder, project.settings, len(item_ids))
    return Images(pixels, item_ids, project.channels)


def learner_of_project(project: Project, images: Images, inputs: TrainingInputs) -> Learner:
    """Return what learns in a project. Raises as `rounds.learner_of`."""
    names = tuple(c.name for c in project.classes)
    return learner_of(
        project.settings.learner, project.settings.augmentation, images, names, inputs
    )


def last_model(folder: Path, previous: RoundSummary | None) -> Path | None:
    """Return the checkpoint of the round before, if there is one."""
    if previous is None or previous.checkpoint is None:
        return None
    return folder / previous.checkpoint


def smaller_minibatch(job: Job) -> tuple[int | None, str | None]:
    """Return a smaller minibatch, and why, for a job whose process has died before.

    A system that is out of memory mostly ends the process without a word.
    """
    if not job.failures:
        return None, None
    size = max(LEAST, USUAL >> job.failures)
    return size, f"its process had died, as for want of memory: {size} images per minibatch"
