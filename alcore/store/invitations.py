"""Owns the rows of invitations to projects. Times are Unix seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from alcore.records import Invitation
from alcore.store.tables import annotator, invitation

_ALL = select(invitation, annotator.c.name.label("made_by")).outerjoin(
    annotator, annotator.c.id == invitation.c.annotator_id
)


def add(
    connection: Connection,
    project_id: int,
    annotator_id: int | None,
    note: str,
    now: float,
    expires_at: float,
) -> int:
    """Add an invitation; return its id. annotator_id: who invites, None for the command line."""
    row = insert(invitation).values(
        project_id=project_id,
        annotator_id=annotator_id,
        note=note,
        created_at=now,
        expires_at=expires_at,
    )
    return connection.execute(row.returning(invitation.c.id)).scalar_one()


def get(connection: Connection, invitation_id: int) -> Invitation | None:
    """Read an invitation; None where there is none of this id."""
    row = connection.execute(_ALL.where(invitation.c.id == invitation_id)).one_or_none()
    return None if row is None else _record(row)


def of_project(connection: Connection, project_id: int) -> list[Invitation]:
    """List a project's invitations, newest first."""
    query = _ALL.where(invitation.c.project_id == project_id).order_by(invitation.c.id.desc())
    return [_record(row) for row in connection.execute(query)]


def revoke(connection: Connection, invitation_id: int, now: float) -> None:
    """Note that an invitation works no more."""
    connection.execute(
        update(invitation)
        .where(invitation.c.id == invitation_id, invitation.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def count_in(connection: Connection, invitation_id: int) -> None:
    """Note that somebody joined by an invitation."""
    connection.execute(
        update(invitation)
        .where(invitation.c.id == invitation_id)
        .values(joined=invitation.c.joined + 1)
    )


def _record(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        project_id=row.project_id,
        made_by=row.made_by,
        note=row.note,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        joined=row.joined,
    )
