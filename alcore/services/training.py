"""Owns what people may ask of the model: train now, stop, how is it going.

by: the annotator who asks, None for the command line. Once a project has owners, they alone start
and stop what runs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from alcore.errors import TrainingImpossible
from alcore.loop.due import next_due
from alcore.records import Job, RoundSummary
from alcore.retraining import NextTraining
from alcore.services import audit
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, jobs, labels, projects, rounds
from alcore.workers.foreground import run_here


@dataclass(frozen=True)
class TrainingStatus:
    """Where the project's model stands."""

    latest: RoundSummary | None
    job: Job | None
    """The training that runs or waits, else the last that ended."""
    baseline: Job | None
    following: NextTraining
    labels: int


def status(store: Store, project_id: int) -> TrainingStatus:
    """Read the state of the model and of its jobs."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        return TrainingStatus(
            latest=rounds.latest(connection, project_id),
            job=jobs.newest(connection, project_id, "train"),
            baseline=jobs.newest(connection, project_id, "baseline"),
            following=next_due(connection, project),
            labels=sum(labels.per_class(connection, project_id).values()),
        )


def coming(latest: RoundSummary | None, job: Job | None) -> int:
    """Return the number of the model that learns from the next labels.

    job: the newest training. One that has begun no longer takes new labels in; one that is still
    to begin does.
    """
    begun = job is not None and job.state in ("waiting", "running") and job.args.get("model")
    return 1 + (begun or (latest.number if latest else 0))


def train(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for a training now, whatever the rule says. Raises TrainingImpossible, NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        _check_possible(connection, project_id)
        jobs.request(connection, project_id, "train", time.time())
        audit.note(connection, project_id, by, "train")


def train_now(store: Store, project_id: int, threads: int) -> RoundSummary:
    """Run one round in this process and return it. Raises what the training raises."""

    def ask(connection: Connection) -> None:
        _check_possible(connection, project_id)
        jobs.request(connection, project_id, "train", time.time())

    busy = "a training of this project is running; wait for it, or stop it first"
    run_here(store, project_id, "train", threads, ask, busy)
    with store.read() as connection:
        latest = rounds.latest(connection, project_id)
    assert latest is not None  # published before the job ended
    return latest


def stop(store: Store, project_id: int, by: int | None = None) -> None:
    """Stop the training and the simulated baseline; the last good model goes on serving.

    Raises NotAllowed.
    """
    now = time.time()
    with store.write() as connection:
        check_owner(connection, project_id, by)
        jobs.cancel(connection, project_id, "train", now)
        jobs.cancel(connection, project_id, "baseline", now)
        audit.note(connection, project_id, by, "stop training")


def _check_possible(connection: Connection, project_id: int) -> None:
    project = projects.get(connection, project_id)
    if project.state != "ready":
        raise TrainingImpossible("the import is not finished; train once the images are in")
    counts = labels.per_class(connection, project_id)
    if len(counts) < 2:
        raise TrainingImpossible(
            f"there are {sum(counts.values())} labels of {len(counts)} classes; "
            "a model needs labels of at least two classes"
        )
