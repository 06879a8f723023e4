"""Owns the sources from which images came into a project later, and which of them still wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.store.tables import addition, item, skipped_file

_AT_ONCE = 500


@dataclass(frozen=True)
class Addition:
    """One source of more images."""

    id: int
    source: Mapping[str, Any]
    prefix: str
    """Stands before the names of its images; empty for the project's first source."""
    created_at: float
    """When it was asked for, the last time."""


def request(
    connection: Connection, project_id: int, source: Mapping[str, Any], prefix: str, now: float
) -> None:
    """Let a source wait for its import; one that is known is looked through again."""
    new = insert_or(addition).values(
        project_id=project_id, source=dict(source), prefix=prefix, created_at=now
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["project_id", "prefix"],
            set_={
                "source": new.excluded.source,
                "created_at": new.excluded.created_at,
                "finished_at": None,
                "images": 0,
            },
        )
    )


def waiting(connection: Connection, project_id: int) -> list[Addition]:
    """List the sources that are not through, in the order in which they were asked for."""
    rows = connection.execute(
        select(addition.c.id, addition.c.source, addition.c.prefix, addition.c.created_at)
        .where(addition.c.project_id == project_id, addition.c.finished_at.is_(None))
        .order_by(addition.c.id)
    )
    return [Addition(*row) for row in rows]


def prefixes(connection: Connection, project_id: int) -> dict[str, dict[str, Any]]:
    """Read the sources that there were, by prefix."""
    rows = connection.execute(
        select(addition.c.prefix, addition.c.source).where(addition.c.project_id == project_id)
    )
    return {row.prefix: row.source for row in rows}


def count(connection: Connection, addition_id: int, images: int) -> None:
    """Note that so many more images of a source are in."""
    connection.execute(
        update(addition)
        .where(addition.c.id == addition_id)
        .values(images=addition.c.images + images)
    )


def finish(connection: Connection, done: Addition, now: float) -> None:
    """Note that a source is through, unless it was asked for again meanwhile."""
    connection.execute(
        update(addition)
        .where(addition.c.id == done.id, addition.c.created_at == done.created_at)
        .values(finished_at=now)
    )


def last(connection: Connection, project_id: int) -> tuple[str, int, bool] | None:
    """Read the newest source's prefix, how many images it brought, and whether it is through."""
    row = connection.execute(
        select(addition.c.prefix, addition.c.images, addition.c.finished_at)
        .where(addition.c.project_id == project_id)
        .order_by(func.coalesce(addition.c.finished_at, 2**40).desc(), addition.c.id.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.prefix, row.images, row.finished_at is not None)


def split_sizes(connection: Connection, project_id: int, known: bool) -> tuple[int, int]:
    """Count the images of the holdout, and all; known: of those whose true class is known."""
    held = func.sum(case((item.c.split == "holdout", 1), else_=0))
    query = select(func.coalesce(held, 0), func.count()).where(item.c.project_id == project_id)
    if known:
        query = query.where(item.c.true_class.is_not(None))
    row = connection.execute(query).one()
    return int(row[0]), int(row[1])


def ids_at(connection: Connection, project_id: int, positions: list[int]) -> dict[int, int]:
    """Read item ids by position."""
    rows = connection.execute(
        select(item.c.position, item.c.id).where(
            item.c.project_id == project_id,
            item.c.position >= min(positions),
            item.c.position <= max(positions),
        )
    )
    return {position: number for position, number in rows}


def forget_skipped(connection: Connection, project_id: int, names: list[str]) -> None:
    """Forget that files were left out which are in by now."""
    for start in range(0, len(names), _AT_ONCE):
        connection.execute(
            delete(skipped_file).where(
                skipped_file.c.project_id == project_id,
                skipped_file.c.name.in_(names[start : start + _AT_ONCE]),
            )
        )
