"""Owns when a project's next training is due."""

from __future__ import annotations

from alcore.config import computes_features
from alcore.learner import costs
from alcore.records import Features, Project
from alcore.retraining import NextTraining, next_training
from alcore.store import Connection, jobs, labels, withdrawals

TUNING_FROM = 20
"""Labels from which features are tuned: of ten digits, so few made the head right 9 points more
often."""
TUNING_GROWTH = 1.5
"""Times as many labels after which they are tuned anew."""
LONGEST_TUNING = 1_800.0
"""Seconds that it may take, by the estimate, to be begun by itself."""
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


def request_tuning(
    connection: Connection, project: Project, features: Features | None, now: float
) -> None:
    """Ask for features that are tuned to the labels, where these have grown enough.

    features: those that count, of the extractor as it is.
    """
    rule = project.settings
    if features is None or not (rule.learner.uses_extractor and rule.learner.tunes):
        return
    if not (rule.retrain.automatic and computes_features()) or features.layers != costs.STAGES:
        return
    last = jobs.newest(connection, project.id, "tuning")
    if last is not None and last.state in ("waiting", "running"):
        return
    before = 0 if last is None else int(last.args.get("labels", 0))
    count = sum(labels.per_class(connection, project.id).values())
    if count < max(TUNING_FROM, TUNING_GROWTH * before):
        return
    if costs.tuning_seconds(count, features.images, features.side) <= LONGEST_TUNING:
        jobs.request(connection, project.id, "tuning", now)


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
