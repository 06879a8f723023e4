"""Owns when a project's next training is due."""

from __future__ import annotations

from alcore.records import Project
from alcore.retraining import NextTraining, next_training
from alcore.store import Connection, jobs, labels, withdrawals

SECOND_THOUGHTS = 5.0
"""Seconds between an undo and the training without it: most people answer again at once."""


def next_due(connection: Connection, project: Project) -> NextTraining:
    """Read the labels and tell when the project's next training is due."""
    last = jobs.trained_until(connection, project.id)
    counts = labels.per_class(connection, project.id)
    rule = project.settings.retrain
    return next_training(
        rule,
        [counts.get(c.id, 0) for c in project.classes],
        labels.since(connection, project.id, last, rule.new_labels),
        first=last == 0,
        withdrawn=withdrawals.count(connection, project.id, last) if last else 0,
    )


def retrain(connection: Connection, project: Project, now: float) -> None:
    """Ask for a training at once, as the classes that its last model knows are others now.

    Not before there is a model, nor where people alone start trainings, nor where too few classes
    have labels.
    """
    counts = labels.per_class(connection, project.id)
    learnable = sum(counts.get(c.id, 0) > 0 for c in project.classes) > 1
    started = jobs.trained_until(connection, project.id) > 0
    if project.settings.retrain.automatic and started and learnable and project.archived_at is None:
        jobs.request(connection, project.id, "train", now)


def request_if_due(connection: Connection, project: Project, now: float) -> None:
    """Ask for a training where the project's rule says so, in the caller's transaction.

    Every answer and every undo comes by: whether there are enough new labels, or any that were
    taken back, is looked at first, which takes less time than to count all.
    """
    rule = project.settings.retrain
    if project.archived_at is not None or not rule.automatic:
        return
    last = jobs.trained_until(connection, project.id)
    enough = rule.new_labels if last else min(rule.new_labels, rule.minimum)
    has_enough = labels.since(connection, project.id, last, enough) >= enough
    if not has_enough and not (last and withdrawals.count(connection, project.id, last)):
        return
    if next_due(connection, project).due:
        delay = rule.debounce if has_enough else max(rule.debounce, SECOND_THOUGHTS)
        jobs.request(connection, project.id, "train", now, delay)
