"""Owns the folders that projects watch: how often, and how the last look went. Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.records import WatchedFolder
from alcore.store.tables import addition, project, watched_folder

_MINUTE = 60.0


def put(
    connection: Connection, project_id: int, source: Mapping[str, Any], prefix: str, minutes: float
) -> None:
    """Let a project watch a folder from now on, and no other; it is looked at as soon as may be."""
    new = insert_or(watched_folder).values(
        project_id=project_id, source=dict(source), prefix=prefix, minutes=minutes
    )
    kept = {name: getattr(new.excluded, name) for name in ("source", "prefix", "minutes")}
    kept |= {"asked_at": None, "looked_at": None, "problem": "", "new": 0}
    connection.execute(new.on_conflict_do_update(index_elements=["project_id"], set_=kept))


def remove(connection: Connection, project_id: int) -> None:
    """Let a project watch nothing."""
    connection.execute(delete(watched_folder).where(watched_folder.c.project_id == project_id))


def of_project(connection: Connection, project_id: int) -> WatchedFolder | None:
    """Read what a project watches, None for nothing."""
    row = connection.execute(
        select(watched_folder, addition.c.images, addition.c.finished_at, addition.c.created_at)
        .outerjoin(
            addition,
            (addition.c.project_id == watched_folder.c.project_id)
            & (addition.c.prefix == watched_folder.c.prefix),
        )
        .where(watched_folder.c.project_id == project_id)
    ).one_or_none()
    if row is None:
        return None
    return WatchedFolder(
        source=row.source,
        prefix=row.prefix,
        minutes=row.minutes,
        looked_at=row.looked_at,
        problem=row.problem,
        new=row.new,
        images=row.images or 0,
        brought_at=row.finished_at,
    )


def due(connection: Connection, now: float) -> list[int]:
    """List the projects whose folder is to be looked at."""
    asked_at, pause = watched_folder.c.asked_at, _MINUTE * watched_folder.c.minutes
    rows = connection.execute(
        select(watched_folder.c.project_id)
        .join(project, project.c.id == watched_folder.c.project_id)
        .where(
            project.c.state == "ready",
            project.c.archived_at.is_(None),
            project.c.deleted_at.is_(None),
            # A time to come is of before the clock was set back.
            or_(asked_at.is_(None), asked_at + pause <= now, asked_at > now + _MINUTE),
        )
    )
    return list(rows.scalars())


def ask(connection: Connection, project_id: int, now: float) -> None:
    """Note that a look was asked for."""
    connection.execute(
        update(watched_folder).where(watched_folder.c.project_id == project_id).values(asked_at=now)
    )


def note(connection: Connection, project_id: int, now: float, problem: str, new: int) -> None:
    """Note how a look went that began now: why it could not be, and how much was new."""
    connection.execute(
        update(watched_folder)
        .where(watched_folder.c.project_id == project_id)
        .values(looked_at=now, problem=problem, new=new)
    )
