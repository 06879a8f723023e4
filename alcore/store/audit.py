"""Owns the rows of the audit log: what owners and administrators did, only ever added to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from alcore.records import AuditEvent
from alcore.store.tables import annotator, audit_event


def add(
    connection: Connection,
    project_id: int | None,
    annotator_id: int | None,
    now: float,
    act: str,
    details: Mapping[str, Any],
) -> None:
    """Add an entry. annotator_id: who did it, None for the command line."""
    connection.execute(
        insert(audit_event).values(
            project_id=project_id,
            annotator_id=annotator_id,
            created_at=now,
            act=act,
            details=dict(details),
        )
    )


def of_project(
    connection: Connection, project_id: int, most: int | None = None
) -> list[AuditEvent]:
    """List what was done in a project, newest first; most: so many entries."""
    query = (
        select(audit_event, annotator.c.name.label("who"))
        .outerjoin(annotator, annotator.c.id == audit_event.c.annotator_id)
        .where(audit_event.c.project_id == project_id)
        .order_by(audit_event.c.id.desc())
        .limit(most)
    )
    return [
        AuditEvent(row.id, row.created_at, row.who, row.act, row.details)
        for row in connection.execute(query)
    ]
