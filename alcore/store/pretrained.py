"""Owns the rows of weights that were learned from a project's images without labels."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from alcore.records import Pretrained
from alcore.store.tables import pretrained

_APART = {"id", "project_id", "number", "created_at"}


def next_number(connection: Connection, project_id: int) -> int:
    """Return the number of the project's next pretraining: 1, 2, 3 …"""
    last = connection.execute(
        select(func.max(pretrained.c.number)).where(pretrained.c.project_id == project_id)
    ).scalar()
    return (last or 0) + 1


def add(connection: Connection, weights: Pretrained) -> Pretrained:
    """Insert weights whose `id` is not known yet; return them with it."""
    about = {key: value for key, value in asdict(weights).items() if key not in _APART}
    number = connection.execute(
        insert(pretrained)
        .values(
            project_id=weights.project_id,
            number=weights.number,
            created_at=weights.created_at,
            about=about,
        )
        .returning(pretrained.c.id)
    ).scalar_one()
    return replace(weights, id=number)


def latest(
    connection: Connection, project_id: int, network: str | None = None
) -> Pretrained | None:
    """Read the newest weights of a project, of a network if one is named."""
    query = select(pretrained).where(pretrained.c.project_id == project_id)
    if network is not None:
        query = query.where(pretrained.c.about["network"].as_string() == network)
    row = connection.execute(query.order_by(pretrained.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else _record(row)


def numbered(connection: Connection, project_id: int, number: int) -> Pretrained | None:
    """Read the weights of a project that have this number."""
    row = connection.execute(
        select(pretrained).where(
            pretrained.c.project_id == project_id, pretrained.c.number == number
        )
    ).one_or_none()
    return None if row is None else _record(row)


def _record(row: Row[Any]) -> Pretrained:
    return Pretrained(
        id=row.id,
        project_id=row.project_id,
        number=row.number,
        created_at=row.created_at,
        **row.about,
    )
