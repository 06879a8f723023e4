"""Owns the rows that say which images are near-duplicates; a group is named by its first image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, bindparam, case, delete, func, insert, select, update

from alcore.records import Split
from alcore.store import assignment
from alcore.store.tables import answer, item, label_event, near_duplicate, project

_mine = near_duplicate.alias("mine")
_MEMBERS = (
    select(near_duplicate.c.item_id)
    .join(_mine, _mine.c.first_id == near_duplicate.c.first_id)
    .where(_mine.c.item_id == bindparam("item"), near_duplicate.c.project_id == _mine.c.project_id)
    .order_by(near_duplicate.c.item_id)
)


@dataclass(frozen=True)
class Member:
    """One image of a group."""

    item_id: int
    name: str
    content_hash: str
    split: Split
    class_id: int | None
    """Of its label, if it has one."""


def put(connection: Connection, project_id: int, ids: np.ndarray, groups: np.ndarray) -> None:
    """Let groups count in place of those before: (N,) int64 of items (N,) by position, -1 for none.

    A group is numbered by the position of its first image.
    """
    connection.execute(delete(near_duplicate).where(near_duplicate.c.project_id == project_id))
    places = np.flatnonzero(groups >= 0)
    rows = [
        {"project_id": project_id, "item_id": int(item_id), "first_id": int(first)}
        for item_id, first in zip(ids[places], ids[groups[places]], strict=True)
    ]
    if rows:
        connection.execute(insert(near_duplicate), rows)
    _count(connection, project_id, len(ids))


def join(
    connection: Connection, project_id: int, pairs: Sequence[tuple[int, int]], compared: int
) -> None:
    """Note further near-duplicates, as pairs of item ids; groups that they connect become one."""
    for one, other in pairs:
        group = set(members(connection, one)) | set(members(connection, other)) | {one, other}
        connection.execute(delete(near_duplicate).where(near_duplicate.c.item_id.in_(group)))
        first = min(group)
        rows = [{"project_id": project_id, "item_id": i, "first_id": first} for i in group]
        connection.execute(insert(near_duplicate), rows)
    _count(connection, project_id, compared)


def _count(connection: Connection, project_id: int, images: int) -> None:
    connection.execute(update(project).where(project.c.id == project_id).values(compared=images))


def compared(connection: Connection, project_id: int) -> int:
    """Read how many of a project's images, the first by position, were looked through."""
    which = select(project.c.compared).where(project.c.id == project_id)
    return connection.execute(which).scalar_one()


def any_there(connection: Connection, project_id: int) -> bool:
    """Tell whether a project has near-duplicates."""
    which = select(near_duplicate.c.item_id).where(near_duplicate.c.project_id == project_id)
    return connection.execute(which.limit(1)).first() is not None


def members(connection: Connection, item_id: int) -> list[int]:
    """Read the ids of an image's group, itself among them; none where it is like no other."""
    return list(connection.execute(_MEMBERS, {"item": item_id}).scalars())


def to_follow(connection: Connection, item_id: int, origin: str) -> list[int]:
    """Read the near-duplicates of an image of the pool, in the pool, that its answer holds for.

    Those without an answer, and those with one of this origin that followed an answer to this
    image. Gold and what checks a model are left out; of an image that is one of them there are
    none.
    """
    alike = [i for i in members(connection, item_id) if i != item_id]
    if not alike:
        return []
    free = (item.c.split == "pool") & ~assignment.is_gold & ~assignment.is_check
    rows = connection.execute(
        select(item.c.id, label_event.c.origin, label_event.c.key)
        .outerjoin(answer, answer.c.item_id == item.c.id)
        .outerjoin(label_event, label_event.c.id == answer.c.event_id)
        .where(item.c.id.in_([item_id, *alike]), free)
    )
    there = {row.id: row for row in rows}
    if item_id not in there:
        return []
    said = select(label_event.c.key).where(label_event.c.item_id == item_id)
    mine = set(connection.execute(said).scalars())
    return [
        i
        for i in alike
        if i in there
        and (
            there[i].key is None
            or (there[i].origin == origin and there[i].key.rpartition("/")[0] in mine)
        )
    ]


def held(connection: Connection, project_id: int) -> set[int]:
    """Read which near-duplicates lie in the holdout."""
    rows = connection.execute(
        select(near_duplicate.c.item_id)
        .join(item, item.c.id == near_duplicate.c.item_id)
        .where(near_duplicate.c.project_id == project_id, item.c.split == "holdout")
    )
    return set(rows.scalars())


def groups(connection: Connection, project_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Read all that are in groups: their item ids and their group's first one, (n,) int64 each."""
    rows = connection.execute(
        select(near_duplicate.c.item_id, near_duplicate.c.first_id).where(
            near_duplicate.c.project_id == project_id
        )
    ).all()
    table = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def page(
    connection: Connection, project_id: int, split_only: bool, offset: int, n: int
) -> tuple[list[list[Member]], int]:
    """Read up to n groups, the largest first, and count all.

    split_only: those that lie both in the holdout and in the pool.
    """
    held = func.sum(case((item.c.split == "holdout", 1), else_=0))
    which = (
        select(near_duplicate.c.first_id, func.count().label("size"))
        .join(item, item.c.id == near_duplicate.c.item_id)
        .where(near_duplicate.c.project_id == project_id)
        .group_by(near_duplicate.c.first_id)
    )
    if split_only:
        which = which.having((held > 0) & (held < func.count()))
    wanted = which.order_by(func.count().desc(), near_duplicate.c.first_id).limit(n).offset(offset)
    chosen = wanted.subquery()
    total = connection.execute(select(func.count()).select_from(which.subquery())).scalar_one()
    rows = connection.execute(
        select(
            near_duplicate.c.first_id,
            item.c.id,
            item.c.name,
            item.c.content_hash,
            item.c.split,
            answer.c.class_id,
        )
        .join(item, item.c.id == near_duplicate.c.item_id)
        .outerjoin(answer, answer.c.item_id == item.c.id)
        .join(chosen, chosen.c.first_id == near_duplicate.c.first_id)
        .order_by(chosen.c.size.desc(), near_duplicate.c.first_id, item.c.id)
    )
    by_first: dict[int, list[Member]] = {}
    for row in rows:
        by_first.setdefault(row.first_id, []).append(_member(row))
    return list(by_first.values()), total


def _member(row: Row[*tuple[Any, ...]]) -> Member:
    return Member(row.id, row.name, row.content_hash, row.split, row.class_id)
