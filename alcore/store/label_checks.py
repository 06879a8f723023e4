"""Owns what models say of labels that they have not seen, one check per item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.store.labels import counts
from alcore.store.tables import answer, label_check, label_event, today

_REPLACED = (
    "project_id",
    "event_id",
    "class_id",
    "p",
    "p_label",
    "error_score",
    "flagged",
    "created_at",
)


@dataclass(frozen=True)
class Judged:
    """The labels that count, in order of answer: item, event and class ids, each (L,) int64."""

    item_ids: np.ndarray
    event_ids: np.ndarray
    class_ids: np.ndarray
    held: np.ndarray
    """(L,) bool: of the holdout, which no model is trained on."""


def to_judge(connection: Connection, project_id: int) -> Judged:
    """Read the labels that count."""
    rows = connection.execute(
        select(answer.c.item_id, answer.c.event_id, answer.c.class_id, answer.c.split == "holdout")
        .where(answer.c.project_id == project_id, answer.c.class_id.is_not(None))
        .order_by(answer.c.event_id)
    ).all()
    table = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 4)
    return Judged(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), table[:, 3] == 1)


def put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store label checks given as column values, each in place of the item's last one."""
    if rows:
        statement = insert_or(label_check)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["item_id"],
                set_={name: statement.excluded[name] for name in _REPLACED},
            ),
            list(rows),
        )


def forget(connection: Connection, project_id: int) -> None:
    """Delete all label checks of a project."""
    connection.execute(delete(label_check).where(label_check.c.project_id == project_id))


def last_check(connection: Connection, project_id: int) -> tuple[float, int] | None:
    """Read when labels were checked last, and how many; None before the first time."""
    last = (
        select(func.max(label_check.c.created_at))
        .where(label_check.c.project_id == project_id)
        .scalar_subquery()
    )
    row = connection.execute(
        select(label_check.c.created_at, func.count())
        .where(label_check.c.project_id == project_id, label_check.c.created_at == last)
        .group_by(label_check.c.created_at)
    ).one_or_none()
    return row and (row[0], row[1])


def labels(connection: Connection, project_id: int) -> int:
    """Read how many labels there are checks to have of."""
    return sum(n for (_, class_id), n in counts(connection, project_id).items() if class_id)


def beliefs(connection: Connection, project_id: int) -> dict[int, tuple[int, float, int, float]]:
    """Read what models that have not seen a label say of its item, by item id.

    The likeliest class and its probability, then the class that was the label, and its own.
    """
    rows = connection.execute(
        select(
            label_check.c.item_id,
            today(label_check.c.class_id),
            label_check.c.p,
            today(label_event.c.class_id),
            label_check.c.p_label,
        )
        .join(label_event, label_event.c.id == label_check.c.event_id)
        .where(label_check.c.project_id == project_id)
    )
    return {item_id: (best, p, label, p_label) for item_id, best, p, label, p_label in rows}
