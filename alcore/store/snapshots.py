"""Owns the rows of snapshots: names for label sets, with what their files are written from."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from alcore.errors import InvalidSettings, UnknownItem
from alcore.records import Snapshot
from alcore.store.tables import annotator, snapshot

_ABOUT = (
    select(
        snapshot.c.id,
        snapshot.c.name,
        snapshot.c.revision,
        snapshot.c.labels,
        snapshot.c.created_at,
        annotator.c.name,
        snapshot.c.format,
    )
    .outerjoin(annotator, annotator.c.id == snapshot.c.annotator_id)
    .order_by(snapshot.c.id.desc())
)


def add(connection: Connection, project_id: int, new: Snapshot, by: int | None, rows: bytes) -> int:
    """Store a snapshot whose id is not known yet; return the id.

    Raises InvalidSettings where one of the project has its name.
    """
    try:
        return connection.execute(
            insert(snapshot)
            .values(
                project_id=project_id,
                name=new.name,
                revision=new.revision,
                labels=new.labels,
                last_event=new.last_event,
                annotator_id=by,
                created_at=new.created_at,
                format=new.format,
                rows=rows,
            )
            .returning(snapshot.c.id)
        ).scalar_one()
    except IntegrityError as error:
        raise InvalidSettings(
            f"there is a snapshot called {new.name!r} already; choose another name"
        ) from error


def of_project(connection: Connection, project_id: int) -> list[Snapshot]:
    """List a project's snapshots, newest first."""
    rows = connection.execute(
        _ABOUT.add_columns(snapshot.c.last_event).where(snapshot.c.project_id == project_id)
    )
    return [Snapshot(*row) for row in rows]


def rows_of(connection: Connection, project_id: int, snapshot_id: int) -> tuple[int, bytes]:
    """Read a snapshot's format and rows. Raises UnknownItem."""
    row = connection.execute(
        select(snapshot.c.format, snapshot.c.rows).where(
            snapshot.c.project_id == project_id, snapshot.c.id == snapshot_id
        )
    ).one_or_none()
    if row is None:
        raise UnknownItem(f"the project has no snapshot {snapshot_id}")
    return row.format, row.rows


def remove(connection: Connection, project_id: int, snapshot_id: int) -> None:
    connection.execute(
        delete(snapshot).where(snapshot.c.project_id == project_id, snapshot.c.id == snapshot_id)
    )
