"""Owns the counts by which whoever runs the app watches it; of what is kept, not of all rows."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from alcore.store.tables import answer_count, item_count, job, lease, project


def projects(connection: Connection) -> dict[str, int]:
    """Count projects by state; those put away are archived, whatever else they were."""
    away = project.c.archived_at.is_not(None)
    rows = connection.execute(
        select(project.c.state, away, func.count())
        .where(project.c.deleted_at.is_(None))
        .group_by(project.c.state, away)
    )
    counts: dict[str, int] = {}
    for state, archived, n in rows:
        name = "archived" if archived else state
        counts[name] = counts.get(name, 0) + n
    return counts


def images(connection: Connection) -> int:
    """Count the images of all projects."""
    return connection.execute(select(func.coalesce(func.sum(item_count.c.total), 0))).scalar_one()


def labels(connection: Connection) -> int:
    """Count the images that have a label that counts, in all projects."""
    total = func.coalesce(func.sum(answer_count.c.total), 0)
    return connection.execute(select(total).where(answer_count.c.class_id != 0)).scalar_one()


def held(connection: Connection, now: float) -> tuple[int, int]:
    """Count the images that people hold, and these people."""
    counts = select(func.count(), func.count(lease.c.annotator_id.distinct()))
    row = connection.execute(counts.where(lease.c.expires_at > now)).one()
    return row[0], row[1]


def jobs(connection: Connection) -> dict[tuple[str, str], int]:
    """Count jobs by kind and state."""
    rows = connection.execute(
        select(job.c.kind, job.c.state, func.count()).group_by(job.c.kind, job.c.state)
    )
    return {(kind, state): n for kind, state, n in rows}


def waiting_since(connection: Connection, now: float) -> float | None:
    """Tell since when the job has waited that waits for the longest; None where none does.

    What is put off, such as a try after a fault, does not wait yet.
    """
    due = (job.c.state == "waiting") & (job.c.not_before <= now)
    return connection.execute(select(func.min(job.c.created_at)).where(due)).scalar()
