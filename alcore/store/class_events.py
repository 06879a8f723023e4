"""Owns the append-only log of changes to classes, and what follows from one for labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from alcore import class_changes
from alcore.class_changes import State
from alcore.records import ClassEvent
from alcore.store import label_checks, soundness
from alcore.store.tables import (
    annotator,
    calibration,
    class_event,
    gold,
    label_event,
    queue_item,
)

STALE_REASON = "ranked before the classes changed"


@dataclass(frozen=True)
class Undoable:
    """The newest change that was not undone."""

    id: int
    kind: str
    details: Mapping[str, Any]
    before: State
    after: State


@dataclass(frozen=True)
class NewChange:
    """A change to append, with the states before and after."""

    project_id: int
    annotator_id: int | None
    created_at: float
    kind: str
    details: Mapping[str, Any]
    before: State
    after: State
    undoes: int | None = None


def add(connection: Connection, new: NewChange) -> int:
    """Append a change; return its id."""
    values = vars(new) | {
        "details": dict(new.details),
        "before": class_changes.to_json(new.before),
        "after": class_changes.to_json(new.after),
    }
    query = insert(class_event).values(values).returning(class_event.c.id)
    return connection.execute(query).scalar_one()


def newest(connection: Connection, project_id: int) -> Undoable | None:
    """Read the newest change that was not undone; None where there is none."""
    undo = class_event.alias("undo")
    row = connection.execute(
        select(class_event)
        .where(
            class_event.c.project_id == project_id,
            class_event.c.undoes.is_(None),
            ~select(undo.c.id).where(undo.c.undoes == class_event.c.id).exists(),
        )
        .order_by(class_event.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return Undoable(
        row.id, row.kind, row.details, *map(class_changes.from_json, (row.before, row.after))
    )


def of_project(connection: Connection, project_id: int, most: int) -> list[ClassEvent]:
    """Read the newest changes, newest first."""
    undo = class_event.alias("undo")
    rows = connection.execute(
        select(class_event, annotator.c.name, undo.c.id.label("undone"))
        .outerjoin(annotator, annotator.c.id == class_event.c.annotator_id)
        .outerjoin(undo, undo.c.undoes == class_event.c.id)
        .where(class_event.c.project_id == project_id)
        .order_by(class_event.c.id.desc())
        .limit(most)
    )
    return [
        ClassEvent(
            row.id,
            row.created_at,
            row.name,
            row.kind,
            row.details,
            row.undone is not None,
            row.undoes,
        )
        for row in rows
    ]


def count_anew(connection: Connection, project_id: int, class_ids: Sequence[int]) -> int:
    """Let what was ever said with these classes count as they stand today; return how many images.

    What models said of the classes of before goes: suggestions, temperatures, checks of labels.
    """
    item_ids = connection.execute(
        select(label_event.c.item_id)
        .where(label_event.c.project_id == project_id, label_event.c.class_id.in_(class_ids))
        .distinct()
        .order_by(label_event.c.item_id)
    ).scalars()
    touched = list(item_ids)
    soundness.keep_anew(connection, touched)
    label_checks.forget(connection, project_id)
    connection.execute(delete(calibration).where(calibration.c.project_id == project_id))
    return len(touched)


def forget_suggestions(connection: Connection, project_id: int, reasons: bool) -> None:
    """Forget what was suggested of questions, whose vectors are of the classes of before.

    reasons: what they were asked for names these too.
    """
    rows = update(queue_item).where(queue_item.c.project_id == project_id)
    connection.execute(rows.values(suggestion=None))
    if reasons:
        connection.execute(
            rows.where(queue_item.c.origin.in_(("query", "relabel"))).values(reason=STALE_REASON)
        )
    connection.execute(update(gold).where(gold.c.project_id == project_id).values(suggestion=None))
