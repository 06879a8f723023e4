"""Owns what people may ask of pretraining: what it costs, start, pause, resume, stop, how it goes.

Times in seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from alcore.errors import TrainingImpossible
from alcore.learner import costs
from alcore.records import Job, Pretrained, Project
from alcore.services import audit
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, items, jobs, pretrained, projects
from alcore.workers.foreground import run_here

PAUSED = "paused"
"""What the error of a job says that may be gone on with."""


@dataclass(frozen=True)
class PretrainingStatus:
    """Where the project's pretraining stands."""

    weights: Pretrained | None
    """The newest there are."""
    misfit: str | None
    """Why they cannot be used with the settings of the moment, as a sentence."""
    job: Job | None
    """The pretraining that runs or waits, else the last that ended."""
    images: int
    cost: float
    """About how long one takes from its start, on two cores."""
    left: float | None
    """About how long the running one still takes."""

    @property
    def paused(self) -> bool:
        return self.job is not None and _is_paused(self.job)


def status(store: Store, project_id: int) -> PretrainingStatus:
    """Read the state of pretraining and its weights. Raises UnknownProject."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        weights = pretrained.latest(connection, project_id)
        job = jobs.newest(connection, project_id, "pretrain")
        images = items.count(connection, project_id)["pool"]
    cost = estimate(project, images)
    return PretrainingStatus(
        weights=weights,
        misfit=None if weights is None else _misfit(project, weights),
        job=job,
        images=images,
        cost=cost,
        left=_left(job, cost),
    )


def estimate(project: Project, images: int) -> float:
    """Return about how long a pretraining of a project takes on two cores."""
    settings = project.settings
    return costs.pretraining_seconds(images, settings.learner.network, settings.resolution)


def start(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for a pretraining from its beginning. Raises TrainingImpossible, NotAllowed.

    by, here and below: the annotator who asks, None for the command line.
    """
    _request(store, project_id, by, resume=False)


def resume(store: Store, project_id: int, by: int | None = None) -> None:
    """Go on with a paused or failed pretraining. Raises TrainingImpossible, NotAllowed."""
    _request(store, project_id, by, resume=True)


def pause(store: Store, project_id: int, by: int | None = None) -> None:
    """End the running or waiting pretraining; what was computed is kept, to be gone on with."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        jobs.cancel(connection, project_id, "pretrain", time.time(), PAUSED)
        audit.note(connection, project_id, by, "pause pretraining")


def stop(store: Store, project_id: int, by: int | None = None) -> None:
    """End the pretraining for good; weights that are there already stay in use."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        jobs.cancel(connection, project_id, "pretrain", time.time())
        audit.note(connection, project_id, by, "stop pretraining")


def pretrain_now(store: Store, project_id: int, threads: int, again: bool = False) -> Pretrained:
    """Run a pretraining in this process; return the weights.

    It goes on with a paused or failed one, unless it shall begin `again`. Raises what the
    pretraining raises.
    """
    busy = "a pretraining of this project is running; wait for it, or pause it first"

    def ask(connection: Connection) -> None:
        last = jobs.newest(connection, project_id, "pretrain")
        unfinished = last is not None and (last.state == "failed" or _is_paused(last))
        _ask(connection, project_id, unfinished and not again)

    run_here(store, project_id, "pretrain", threads, ask, busy)
    with store.read() as connection:
        weights = pretrained.latest(connection, project_id)
    assert weights is not None  # published before the job ended
    return weights


def _is_paused(job: Job) -> bool:
    return (job.state, job.error) == ("cancelled", PAUSED)


def _request(store: Store, project_id: int, by: int | None, resume: bool) -> None:
    with store.write() as connection:
        check_owner(connection, project_id, by)
        _ask(connection, project_id, resume)
        audit.note(connection, project_id, by, "pretrain")


def _ask(connection: Connection, project_id: int, resume: bool) -> None:
    project = projects.get(connection, project_id)
    if project.state != "ready":
        raise TrainingImpossible("the import is not finished; pretrain once the images are in")
    images = items.count(connection, project_id)["pool"]
    if images < 2:
        raise TrainingImpossible(f"{images} images; pretraining needs at least 2")
    last = jobs.newest(connection, project_id, "pretrain")
    args = {"resume": resume, "seconds": last.args.get("seconds", 0.0) if last and resume else 0.0}
    jobs.request(connection, project_id, "pretrain", time.time(), args=args)


def _misfit(project: Project, weights: Pretrained) -> str | None:
    settings = project.settings
    for what, theirs, ours in (
        ("the network", weights.network, settings.learner.network),
        ("images of so many pixels a side:", weights.resolution, settings.resolution),
    ):
        if theirs != ours:
            return f"they are for {what} {theirs}, and the project has {ours} now"
    return None


def _left(job: Job | None, cost: float) -> float | None:
    if job is None or job.state != "running":
        return None
    start = job.args.get("began_at")
    share = job.progress - (start or 0.0)
    if start is None or share < 0.005 or job.heartbeat_at is None or job.started_at is None:
        return cost * (1.0 - job.progress)
    return (job.heartbeat_at - job.started_at) * (1.0 - job.progress) / share
