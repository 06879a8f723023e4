"""Owns what happened in a session's groups, as a record of it reads it. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, select

from alcore.store.tables import item, label_event, project_class, round_, student, today


def labels_after(
    connection: Connection, session_id: int, after: int, most: int
) -> list[tuple[int, float, int, int, int, str, int | None, int | None]]:
    """Read what a session's students said, oldest first.

    Each: event id, time, annotator, project, the item's position, the kind, the position of the
    class that counts today, and the event that it takes back.
    """
    rows = connection.execute(
        select(
            label_event.c.id,
            label_event.c.created_at,
            label_event.c.annotator_id,
            label_event.c.project_id,
            item.c.position,
            label_event.c.kind,
            project_class.c.position,
            label_event.c.undoes,
        )
        .select_from(student)
        .join(
            label_event,
            and_(
                label_event.c.annotator_id == student.c.annotator_id,
                label_event.c.project_id == student.c.project_id,
            ),
        )
        .join(item, item.c.id == label_event.c.item_id)
        .outerjoin(project_class, project_class.c.id == today(label_event.c.class_id))
        .where(
            student.c.session_id == session_id,
            label_event.c.id > after,
            label_event.c.kind.in_(("label", "unsure", "undo")),
        )
        .order_by(label_event.c.id)
        .limit(most)
    )
    return [tuple(row) for row in rows]


def models(
    connection: Connection, project_ids: Sequence[int]
) -> list[tuple[int, int, float, int, dict[str, Any]]]:
    """Read the models of groups: project, number, time, labels, evaluation; by time."""
    rows = connection.execute(
        select(
            round_.c.project_id,
            round_.c.number,
            round_.c.created_at,
            round_.c.labels,
            round_.c.summary["evaluation"],
        )
        .where(round_.c.project_id.in_(project_ids))
        .order_by(round_.c.created_at)
    )
    return [tuple(row) for row in rows]


def hashes(
    connection: Connection, project_id: int, positions: Sequence[int]
) -> dict[int, tuple[int, str, int | None]]:
    """Read id, content hash and the true class's position of items by their position."""
    rows = connection.execute(
        select(item.c.position, item.c.id, item.c.content_hash, project_class.c.position)
        .select_from(item)
        .outerjoin(project_class, project_class.c.id == today(item.c.true_class))
        .where(item.c.project_id == project_id, item.c.position.in_(positions))
    )
    return {position: (item_id, hashed, true) for position, item_id, hashed, true in rows}
