"""Owns what people may ask of features: what they cost, start, stop, how it goes.

by: the annotator who asks, None for the command line. Times in seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from alcore.errors import TrainingImpossible
from alcore.learner import costs
from alcore.loop import features as files
from alcore.records import Features, Job, Project
from alcore.services import audit
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, items, jobs, labels, projects
from alcore.workers.foreground import run_here


@dataclass(frozen=True)
class FeaturesStatus:
    """Where a project's features stand."""

    features: Features | None
    """Those that there are."""
    misfit: str | None
    """Why models do not use them, as a sentence."""
    older: bool
    """Whether models use them, though they would be computed in another way today."""
    job: Job | None
    """The job that runs or waits, else the last that ended."""
    images: int
    cost: float
    """About how long they take from the start, on two cores."""
    left: float | None
    """About how long the running job still takes."""
    tuned: Features | None = None
    """Those of an extractor that has learned from labels, where models use them."""
    tuning: Job | None = None
    """The same of the job that makes them."""
    labels: int = 0
    """That there are to learn from."""


def status(store: Store, project_id: int) -> FeaturesStatus:
    """Read the state of a project's features. Raises UnknownProject."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        images = sum(items.count(connection, project_id).values())
        sides = items.longest_sides(connection, project_id)
        job = jobs.newest(connection, project_id, "features")
        tuning = jobs.newest(connection, project_id, "tuning")
        count = sum(labels.per_class(connection, project_id).values())
    rule = project.settings.learner
    folder = store.folder(project_id)
    features = files.status(folder)
    misfit = None if features is None else _misfit(project, features, images)
    tuned = features and files.tuned_status(folder, project, features, images)
    layers = costs.features_layers(rule.extractor, rule.extractor_file)
    cost = costs.features_seconds(images, costs.features_side(sides)) if images else 0.0
    return FeaturesStatus(
        features=features,
        misfit=misfit,
        older=features is not None and misfit is None and features.layers != layers,
        job=job,
        images=images,
        cost=cost,
        left=_left(job, cost),
        tuned=tuned,
        tuning=tuning,
        labels=count,
    )


def start(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for the features that are missing. Raises TrainingImpossible, NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "features")
        _ask(connection, project_id)


def stop(store: Store, project_id: int, by: int | None = None) -> None:
    """End the computing; what was computed stays, and is gone on with. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "stop features")
        jobs.cancel(connection, project_id, "features", time.time())


def tune(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for features that are tuned to the labels of now. Raises TrainingImpossible, NotAllowed.

    Projects whose trainings begin by themselves ask for it as their labels grow.
    """
    with store.write() as connection:
        check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "tuning")
        _ask_for_tuning(connection, project_id)


def stop_tuning(store: Store, project_id: int, by: int | None = None) -> None:
    """End the tuning; models go on with the features that there are. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "stop tuning")
        jobs.cancel(connection, project_id, "tuning", time.time())


def compute_now(store: Store, project_id: int, threads: int) -> Features:
    """Compute the features in this process; return what they are. Raises what the job raises."""
    busy = "features of this project are being computed; wait for them, or stop that first"
    run_here(store, project_id, "features", threads, lambda c: _ask(c, project_id), busy)
    features = files.status(store.folder(project_id))
    assert features is not None  # published before the job ended
    return features


def tune_now(store: Store, project_id: int, threads: int) -> Features:
    """Tune features in this process; return what they are. Raises what the job raises."""
    busy = "features of this project are being tuned; wait for that, or stop it first"
    run_here(store, project_id, "tuning", threads, lambda c: _ask_for_tuning(c, project_id), busy)
    features = files.status(store.folder(project_id), files.TUNED)
    assert features is not None  # published before the job ended
    return features


def _ask_for_tuning(connection: Connection, project_id: int) -> None:
    if projects.get(connection, project_id).state != "ready":
        raise TrainingImpossible("the import is not finished; features come once the images are in")
    if len(labels.per_class(connection, project_id)) < 2:
        raise TrainingImpossible(
            "features are tuned to labels of at least 2 classes; label some images first"
        )
    jobs.request(connection, project_id, "tuning", time.time())


def _ask(connection: Connection, project_id: int) -> None:
    if projects.get(connection, project_id).state != "ready":
        raise TrainingImpossible("the import is not finished; features come once the images are in")
    last = jobs.newest(connection, project_id, "features")
    spent = last.args.get("seconds", 0.0) if last and last.state != "done" else 0.0
    jobs.request(connection, project_id, "features", time.time(), args={"seconds": spent})


def _misfit(project: Project, features: Features, images: int) -> str | None:
    rule = project.settings.learner
    if not rule.uses_extractor:
        return f"what learns is the {rule.kind}, which does not look at them"
    if features.extractor != rule.extractor:
        return f"they are of {features.extractor}, and the project has {rule.extractor} now"
    if features.images < images:
        return f"they are of {features.images:,} images, and there are {images:,} now"
    return None


def _left(job: Job | None, cost: float) -> float | None:
    if job is None or job.state != "running":
        return None
    start = job.args.get("began_at")
    share = job.progress - (start or 0.0)
    if start is None or share < 0.02 or job.heartbeat_at is None or job.started_at is None:
        return cost * (1.0 - job.progress)
    return (job.heartbeat_at - job.started_at) * (1.0 - job.progress) / share
