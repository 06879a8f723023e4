"""Owns what trainings of a project begin with: its learner settings, weights, the last model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alcore.config import Workspace
from alcore.records import Job, Project, RoundSummary
from alcore.store import Connection, pretrained

USUAL = 128
"""Images per minibatch."""
LEAST = 16


def training_inputs(
    connection: Connection, workspace: Workspace, project: Project
) -> dict[str, Any]:
    """Return the fields of a RoundInput that every training of a project shares."""
    rule = project.settings.learner
    weights = pretrained.latest(connection, project.id) if rule.weights == "pool" else None
    folder = workspace.project(project.id)
    return {
        "learner": rule,
        "pretrained": weights and folder / weights.checkpoint,
        "downloads": workspace.downloads,
    }


def last_model(folder: Path, previous: RoundSummary | None) -> dict[str, Any]:
    """Return the fields of a RoundInput that come from the round before, if there was one."""
    if previous is None:
        return {}
    checkpoint = previous.checkpoint and folder / previous.checkpoint
    return {"previous": checkpoint}


def smaller_minibatch(job: Job) -> tuple[int | None, str | None]:
    """Return a smaller minibatch, and why, for a job whose process has died before.

    A system that is out of memory mostly ends the process without a word.
    """
    if not job.failures:
        return None, None
    size = max(LEAST, USUAL >> job.failures)
    return size, f"its process had died, as for want of memory: {size} images per minibatch"
