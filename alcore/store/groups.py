"""Owns what is asked of groups: which images cannot move, where groups lie, moving images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, bindparam, case, delete, func, select, union, update

from alcore.metadata import parse
from alcore.records import Split
from alcore.store.metadata_values import MetadataColumn
from alcore.store.tables import (
    answer,
    gold,
    item,
    lease,
    metadata_text,
    metadata_value,
    project,
    queue_item,
    vote,
)

_AT_ONCE = 500


def fixed(connection: Connection, project_id: int) -> np.ndarray:
    """Read the images that cannot move: answered, gold, or in somebody's hands; ids (n,) int64."""
    tables = (answer, vote, gold, lease)
    query = union(*(select(t.c.item_id).where(t.c.project_id == project_id) for t in tables))
    return np.fromiter(connection.execute(query).scalars(), np.int64)


def sides(
    connection: Connection, project_id: int, column: MetadataColumn, values: Sequence[str]
) -> dict[str, Split]:
    """Read where groups lie that are there; one in both counts as the pool's.

    Values of numbers and dates are looked for as they were read.
    """
    wanted = list(dict.fromkeys(values))
    in_pool = func.max(case((item.c.split == "pool", 1), else_=0))
    of_value = (
        select(metadata_value.c.value, in_pool)
        .join(item, item.c.id == metadata_value.c.item_id)
        .where(metadata_value.c.column_id == column.id)
        .group_by(metadata_value.c.value)
    )
    result: dict[str, Split] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        if column.kind == "text":
            rows = connection.execute(
                select(metadata_text.c.text, metadata_text.c.id).where(
                    metadata_text.c.project_id == project_id, metadata_text.c.text.in_(part)
                )
            )
            number_of: dict[str, float] = {text: float(number) for text, number in rows}
        else:
            read = {text: parse(column.kind, text) for text in part}
            number_of = {text: float(value) for text, value in read.items() if value is not None}
        found = connection.execute(
            of_value.where(metadata_value.c.value.in_(set(number_of.values())))
        )
        side: dict[float, Split] = {v: "pool" if pool else "holdout" for v, pool in found}
        result |= {text: side[v] for text, v in number_of.items() if v in side}
    return result


def move(
    connection: Connection, project_id: int, item_ids: Sequence[int], to: Split, now: float
) -> None:
    """Move images into the pool or the holdout; those that were queued are asked no more."""
    if not item_ids:
        return
    connection.execute(update(project).where(project.c.id == project_id).values(split_at=now))
    connection.execute(
        update(item).where(item.c.id == bindparam("item")).values(split=to),
        [{"item": int(i)} for i in item_ids],
    )
    for start in range(0, len(item_ids), _AT_ONCE):
        part = [int(i) for i in item_ids[start : start + _AT_ONCE]]
        connection.execute(
            delete(queue_item).where(
                queue_item.c.project_id == project_id, queue_item.c.item_id.in_(part)
            )
        )
