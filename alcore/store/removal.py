"""Owns the end of a project's rows.

Of a deleted project its own row stays, without its name, so that its id is never given again: a
browser may still hold answers for it. Its audit log stays too.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, select, text, tuple_, update

from alcore.store.experiment_tables import metadata
from alcore.store.tables import project

_AT_ONCE = 10_000
"""Rows of a transaction, so that nobody who labels elsewhere waits for long."""
_KEPT = {"project", "audit_event"}
_OF_ROWS = (
    text(
        "DELETE FROM staged_label WHERE import_id IN "
        "(SELECT id FROM label_import WHERE project_id = :project)"
    ),
    text(
        "DELETE FROM delivery WHERE webhook_id IN "
        "(SELECT id FROM webhook WHERE project_id = :project)"
    ),
)
"""What belongs to a project's rows without naming the project."""
_VALUES = text(
    "DELETE FROM metadata_value WHERE (column_id, item_id) IN (SELECT column_id, item_id "
    "FROM metadata_value WHERE column_id IN (SELECT id FROM metadata_column "
    f"WHERE project_id = :project) LIMIT {_AT_ONCE})"
)


def mark(connection: Connection, project_id: int, now: float) -> None:
    """Say that a project is deleted: from now on it is in no list, and its rows may go."""
    connection.execute(
        update(project)
        .where(project.c.id == project_id, project.c.deleted_at.is_(None))
        .values(deleted_at=now, name=f"\x7f{project_id}", source={})
    )


def any_ever(connection: Connection) -> bool:
    """Tell whether there ever was a project, deleted ones included."""
    return connection.execute(select(project.c.id).limit(1)).first() is not None


def unfinished(connection: Connection) -> list[int]:
    """List deleted projects of which rows are left."""
    deleted = connection.execute(select(project.c.id).where(project.c.deleted_at.is_not(None)))
    return [i for i in deleted.scalars() if any(_has_rows(connection, t, i) for t in _tables())]


def sweep(connection: Connection, project_id: int) -> bool:
    """Delete some rows of a deleted project; return whether there may be more.

    The connection must not check references, for which whole tables would be read again and again:
    all that refers to a project's rows is the project's own.
    """
    which = {"project": project_id}
    for of_rows in _OF_ROWS:
        connection.execute(of_rows, which)
    if connection.execute(_VALUES, which).rowcount > 0:
        return True
    for table in _tables():
        key = tuple_(*table.primary_key)
        some = select(*table.primary_key).where(table.c.project_id == project_id).limit(_AT_ONCE)
        if connection.execute(delete(table).where(key.in_(some))).rowcount > 0:
            return True
    return False


def _tables() -> list[Table]:
    """List the tables that hold rows of projects; what refers to others comes first."""
    return [
        table
        for table in reversed(metadata.sorted_tables)
        if "project_id" in table.c and table.name not in _KEPT
    ]


def _has_rows(connection: Connection, table: Table, project_id: int) -> bool:
    one = select(table.c.project_id).where(table.c.project_id == project_id).limit(1)
    return connection.execute(one).first() is not None
