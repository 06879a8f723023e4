"""Owns the rows of API tokens: digests of secrets by which programs ask. Times are Unix seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from alcore.records import ApiToken
from alcore.store.tables import annotator, api_token

_ALL = select(api_token, annotator.c.name.label("person")).join(
    annotator, annotator.c.id == api_token.c.annotator_id
)
_GET = _ALL.where(api_token.c.id == bindparam("token"))


def add(connection: Connection, token: ApiToken) -> int:
    """Add a token whose `id` is not known yet; return the id."""
    row = insert(api_token).values(
        project_id=token.project_id,
        annotator_id=token.annotator_id,
        name=token.name,
        scope=token.scope,
        digest=token.digest,
        created_at=token.created_at,
    )
    return connection.execute(row.returning(api_token.c.id)).scalar_one()


def get(connection: Connection, token_id: int) -> ApiToken | None:
    """Read a token; None where there is none of this id."""
    row = connection.execute(_GET, {"token": token_id}).one_or_none()
    return None if row is None else _record(row)


def of_project(
    connection: Connection, project_id: int, annotator_id: int | None = None
) -> list[ApiToken]:
    """List a project's tokens, newest first; with annotator_id that person's alone."""
    query = _ALL.where(api_token.c.project_id == project_id).order_by(api_token.c.id.desc())
    if annotator_id is not None:
        query = query.where(api_token.c.annotator_id == annotator_id)
    return [_record(row) for row in connection.execute(query)]


def revoke(connection: Connection, token_id: int, now: float) -> None:
    """Note that a token works no more."""
    connection.execute(
        update(api_token)
        .where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def used(connection: Connection, token_id: int, now: float) -> None:
    """Note when a token was used last."""
    connection.execute(update(api_token).where(api_token.c.id == token_id).values(used_at=now))


def _record(row: Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.id,
        project_id=row.project_id,
        annotator_id=row.annotator_id,
        person=row.person,
        name=row.name,
        scope=row.scope,
        digest=row.digest,
        created_at=row.created_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
