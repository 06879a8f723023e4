"""Owns the rows of background jobs: the row is the truth, the process only the muscle.

Waiting → running → done, failed or cancelled. Two partial unique indexes allow at most one
running and one waiting job per project and kind. A running job proves that it lives by its
heartbeat; one that stopped beating is put back, and its attempt number no longer publishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    delete,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore import job_kinds
from alcore.errors import JobCancelled
from alcore.records import Job
from alcore.store.tables import job

ATTEMPTS = 3
"""A job whose process died this often, and kept nothing between, has failed."""
STOPPED = "stopped by request"
STARTING = "starting"
"""Phase of a job that was taken and whose process has not said anything yet."""
ELSEWHERE = "starting elsewhere"
"""The same once a worker of a cluster has begun it."""
LONGEST_WAIT = 61.0
"""Seconds; no job waits for longer, so that one that seems to waited before the clock was set."""
_RECENT = 10
"""Among so many newest jobs of a kind are the running and the waiting one."""
_URGENCY = case({kind.name: place for place, kind in enumerate(job_kinds.KINDS)}, value=job.c.kind)

_NEWEST = (
    select(job)
    .where(job.c.project_id == bindparam("project"), job.c.kind == bindparam("kind"))
    .order_by(job.c.id.desc())
    .limit(_RECENT)
)
_STARTED_FROM: ColumnElement[int | None] = job.c.args["last_event"].as_integer()
_TRAINED_UNTIL = (
    select(_STARTED_FROM)
    .select_from(job)
    .where(
        job.c.project_id == bindparam("project"), job.c.kind == "train", _STARTED_FROM.is_not(None)
    )
    .order_by(job.c.id.desc())
    .limit(1)
)


def request(
    connection: Connection,
    project_id: int,
    kind: str,
    now: float,
    delay: float = 0.0,
    args: Mapping[str, Any] | None = None,
) -> int:
    """Ask for a job; requests while one waits collapse into it. Returns the waiting job's id.

    The earliest of them says when it is due, so that one made before the clock was set back
    delays nobody. Raises UnknownJobKind.
    """
    job_kinds.named(kind)
    new = insert_or(job).values(
        project_id=project_id,
        kind=kind,
        state="waiting",
        args=dict(args or {}),
        not_before=now + delay,
        created_at=now,
    )
    asked = new.excluded.not_before
    earlier = case((asked < job.c.not_before, asked), else_=job.c.not_before)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["project_id", "kind"],
            index_where=job.c.state == literal_column("'waiting'"),
            set_={"not_before": earlier},
        )
    )
    return connection.execute(
        select(job.c.id).where(
            job.c.project_id == project_id, job.c.kind == kind, job.c.state == "waiting"
        )
    ).scalar_one()


def forget_done(connection: Connection, project_id: int, kind: str) -> None:
    """Delete the jobs of a kind that ended well: what is done again and again would pile up."""
    connection.execute(
        delete(job).where(job.c.project_id == project_id, job.c.kind == kind, job.c.state == "done")
    )


def take(
    connection: Connection,
    kinds: Iterable[str],
    worker: str,
    now: float,
    project_id: int | None = None,
) -> Job | None:
    """Start the most urgent due job of these kinds, or return None.

    With a project, only that project's job is looked at, due or not. Raises UnknownJobKind.
    """
    kinds = [job_kinds.named(kind).name for kind in kinds]
    other = job.alias("other")
    busy = (
        select(other.c.id)
        .where(
            other.c.project_id == job.c.project_id,
            other.c.kind == job.c.kind,
            other.c.state == "running",
        )
        .exists()
    )
    most_urgent = (
        select(job.c.id)
        .where(job.c.state == "waiting", job.c.kind.in_(kinds), ~busy)
        .order_by(_URGENCY, job.c.created_at, job.c.id)
        .limit(1)
    )
    if project_id is None:
        most_urgent = most_urgent.where(_is_due(now))
    else:
        most_urgent = most_urgent.where(job.c.project_id == project_id)
    row = connection.execute(
        update(job)
        .where(job.c.id == most_urgent.scalar_subquery())
        .values(
            state="running",
            worker=worker,
            attempt=job.c.attempt + 1,
            phase=STARTING,
            progress=0.0,
            error=None,
            traceback=None,
            cancel_requested=False,
            started_at=now,
            heartbeat_at=now,
        )
        .returning(job)
    ).one_or_none()
    return None if row is None else _record(row)


def _is_due(now: float) -> ColumnElement[bool]:
    """Of a waiting job: its time has come, or the clock was set back since it was asked for."""
    return or_(
        job.c.not_before <= now, job.c.created_at > now, job.c.not_before > now + LONGEST_WAIT
    )


def due(connection: Connection, kinds: Iterable[str], now: float) -> bool:
    """Tell whether a job of these kinds waits for its start. Raises UnknownJobKind."""
    kinds = [job_kinds.named(kind).name for kind in kinds]
    return (
        connection.execute(
            select(job.c.id)
            .where(job.c.state == "waiting", _is_due(now), job.c.kind.in_(kinds))
            .limit(1)
        ).first()
        is not None
    )


def unfinished(connection: Connection) -> list[float | None]:
    """Read of all jobs that are not over when they are due, None for those that run."""
    due_at = case((job.c.state == "waiting", job.c.not_before))
    query = select(due_at).where(job.c.state.in_(("waiting", "running")))
    return list(connection.execute(query).scalars())


def beat(
    connection: Connection, job_id: int, attempt: int, phase: str, progress: float, now: float
) -> None:
    """Note life and progress of a running job. Raises JobCancelled when it must stop."""
    current = (job.c.id == job_id, job.c.attempt == attempt, job.c.state == "running")
    # Without RETURNING the change is made, and committed where it stands alone, in one step.
    connection.execute(
        update(job).where(*current).values(heartbeat_at=now, phase=phase, progress=progress)
    )
    row = connection.execute(
        select(job.c.cancel_requested, job.c.error).where(*current)
    ).one_or_none()
    if row is None:
        raise JobCancelled(f"job {job_id} was taken over: attempt {attempt} is not current")
    if row.cancel_requested:
        raise JobCancelled(row.error or STOPPED)


def note(connection: Connection, job_id: int, args: Mapping[str, Any]) -> None:
    """Record what a running job works on."""
    connection.execute(update(job).where(job.c.id == job_id).values(args=dict(args)))


def advance(connection: Connection, job_id: int, attempt: int) -> None:
    """Forget how often the process of a running job has died: it gets on in spite of that."""
    connection.execute(
        update(job)
        .where(job.c.id == job_id, job.c.attempt == attempt, job.c.failures > 0)
        .values(failures=0)
    )


def finish(connection: Connection, job_id: int, attempt: int, now: float) -> None:
    """End a running job well, in the transaction that publishes its result.

    Raises JobCancelled when this attempt lost its right to publish.
    """
    ended = connection.execute(
        update(job)
        .where(job.c.id == job_id, job.c.attempt == attempt, job.c.state == "running")
        .values(state="done", progress=1.0, finished_at=now, heartbeat_at=now)
        .returning(job.c.id)
    ).first()
    if ended is None:
        raise JobCancelled(f"job {job_id} was taken over: attempt {attempt} is not current")


def fail(
    connection: Connection,
    job_id: int,
    attempt: int,
    now: float,
    error: str,
    traceback: str | None = None,
    cancelled: bool = False,
) -> None:
    """End a running job badly; a later attempt is left alone."""
    connection.execute(
        update(job)
        .where(job.c.id == job_id, job.c.attempt == attempt, job.c.state == "running")
        .values(
            state="cancelled" if cancelled else "failed",
            error=error,
            traceback=traceback,
            finished_at=now,
        )
    )


def put_back(
    connection: Connection, job_id: int, attempt: int, now: float, reason: str, count: bool = True
) -> None:
    """Let a running job whose process is gone wait again.

    It has failed where its process has died three times since it last kept something.

    With count False the attempt is not held against it: it made room for a more urgent one.
    """
    row = connection.execute(
        select(job).where(job.c.id == job_id, job.c.attempt == attempt, job.c.state == "running")
    ).one_or_none()
    if row is None:
        return
    if row.cancel_requested:
        fail(connection, job_id, attempt, now, row.error or STOPPED, cancelled=True)
    elif row.failures + count >= ATTEMPTS:
        fail(connection, job_id, attempt, now, f"{reason}; given up after {ATTEMPTS} attempts")
    else:
        twin = connection.execute(
            select(job.c.id).where(
                job.c.project_id == row.project_id,
                job.c.kind == row.kind,
                job.c.state == "waiting",
            )
        ).first()
        if twin is not None:
            fail(connection, job_id, attempt, now, f"{reason}; a newer request takes its place")
        else:
            connection.execute(
                update(job)
                .where(job.c.id == job_id)
                .values(
                    state="waiting",
                    worker=None,
                    not_before=now,
                    failures=row.failures + count,
                )
            )


def postpone(
    connection: Connection, job_id: int, attempt: int, now: float, delay: float, reason: str
) -> None:
    """Let a running job wait again for some seconds; the reason is kept with it meanwhile."""
    put_back(connection, job_id, attempt, now, reason, count=False)
    connection.execute(
        update(job)
        .where(job.c.id == job_id, job.c.attempt == attempt, job.c.state == "waiting")
        .values(not_before=now + delay, error=reason)
    )


def is_running(connection: Connection, kind: str) -> bool:
    """Tell whether a job of a kind runs for any project. Raises UnknownJobKind."""
    job_kinds.named(kind)
    query = select(job.c.id).where(job.c.state == "running", job.c.kind == kind)
    return connection.execute(query.limit(1)).first() is not None


def running(connection: Connection) -> list[Job]:
    """List the running jobs of all projects."""
    rows = connection.execute(select(job).where(job.c.state == "running"))
    return [_record(row) for row in rows]


def cancel(
    connection: Connection, project_id: int, kind: str, now: float, reason: str = STOPPED
) -> None:
    """Ask the running job to stop, and drop the waiting one; both end with the reason.

    Raises UnknownJobKind.
    """
    job_kinds.named(kind)
    connection.execute(
        update(job)
        .where(job.c.project_id == project_id, job.c.kind == kind, job.c.state == "running")
        .values(cancel_requested=True, error=reason)
    )
    connection.execute(
        update(job)
        .where(job.c.project_id == project_id, job.c.kind == kind, job.c.state == "waiting")
        .values(state="cancelled", finished_at=now, error=reason)
    )


def newest(connection: Connection, project_id: int, kind: str) -> Job | None:
    """Read the job of a kind that matters now: running, else waiting, else the last that ended.

    Raises UnknownJobKind.
    """
    job_kinds.named(kind)
    rows = connection.execute(_NEWEST, {"project": project_id, "kind": kind}).all()
    order = {"running": 0, "waiting": 1}
    return _record(min(rows, key=lambda row: order.get(row.state, 2))) if rows else None


def page(
    connection: Connection, project_id: int, after: int, n: int, kind: str | None = None
) -> list[Job]:
    """Read up to n jobs of a project, of one kind or all, whose ids are above `after`, by id."""
    query = select(job).where(job.c.project_id == project_id, job.c.id > after)
    if kind is not None:
        query = query.where(job.c.kind == job_kinds.named(kind).name)
    return [_record(row) for row in connection.execute(query.order_by(job.c.id).limit(n))]


def trained_until(connection: Connection, project_id: int) -> int:
    """Read the newest label event that any training, finished or not, has started from."""
    return connection.execute(_TRAINED_UNTIL, {"project": project_id}).scalar() or 0


def find(connection: Connection, job_id: int) -> Job | None:
    """Read a job, None where there is none with this number, as after its project's deletion."""
    row = connection.execute(select(job).where(job.c.id == job_id)).one_or_none()
    return None if row is None else _record(row)


def get(connection: Connection, job_id: int) -> Job:
    return _record(connection.execute(select(job).where(job.c.id == job_id)).one())


def _record(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        project_id=row.project_id,
        kind=row.kind,
        state=row.state,
        args=row.args,
        attempt=row.attempt,
        worker=row.worker,
        failures=row.failures,
        phase=row.phase,
        progress=row.progress,
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        finished_at=row.finished_at,
        cancel_requested=row.cancel_requested,
    )
