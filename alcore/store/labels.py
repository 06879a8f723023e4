"""Owns annotators and the append-only log of label events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Insert, Row, Select, bindparam, case, func, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.errors import NothingToUndo
from alcore.records import Annotator, LabelEvent, NewEvent, NewUndo
from alcore.store import items
from alcore.store.tables import (
    annotator,
    answer,
    answer_count,
    item,
    label_event,
    today,
    work_time,
)

IMPORTER = "import"
"""The annotator whom imported labels are credited to."""
QUARTER = 900
"""Seconds; by so many the labels that people gave are counted over time."""

_undo = label_event.alias("undo")
_not_undone = ~select(_undo.c.id).where(_undo.c.undoes == label_event.c.id).exists()
# What every label does is put together once: that takes longer than to run it.
_ANNOTATOR = select(annotator).where(annotator.c.id == bindparam("annotator"))
_EVENT = (
    *(c for c in label_event.c if c.name != "class_id"),
    today(label_event.c.class_id).label("class_id"),
)
_BY_KEY = select(*_EVENT, (~_not_undone).label("undone")).where(
    label_event.c.key == bindparam("key")
)
_APPEND_ALL = insert_or(label_event).on_conflict_do_nothing(index_elements=["key"])
_APPEND = _APPEND_ALL.returning(label_event.c.id)
_SECONDS = (
    select(label_event.c.seconds)
    .where(label_event.c.project_id == bindparam("project"), label_event.c.seconds.is_not(None))
    .order_by(label_event.c.id.desc())
    .limit(bindparam("n"))
)
_COUNTS = select(answer_count.c.split, answer_count.c.class_id, answer_count.c.total).where(
    answer_count.c.project_id == bindparam("project"), answer_count.c.total > 0
)
_LABELS_SINCE = (
    select(work_time.c.annotator_id, func.sum(work_time.c.labels))
    .where(
        work_time.c.project_id == bindparam("project"), work_time.c.quarter >= bindparam("since")
    )
    .group_by(work_time.c.annotator_id)
)
_SINCE = (
    select(label_event.c.annotator_id, func.count())
    .where(
        label_event.c.project_id == bindparam("project"),
        label_event.c.kind == "label",
        label_event.c.created_at >= bindparam("since"),
    )
    .group_by(label_event.c.annotator_id)
)
_TAKEN_BACK = (
    select(label_event.c.annotator_id, func.count())
    .join(_undo, _undo.c.undoes == label_event.c.id)
    .where(
        _undo.c.project_id == bindparam("project"),
        _undo.c.kind == "undo",
        label_event.c.kind == "label",
        label_event.c.created_at >= bindparam("since"),
    )
    .group_by(label_event.c.annotator_id)
)
_SINCE = select(func.count()).select_from(
    select(answer.c.item_id)
    .where(
        answer.c.project_id == bindparam("project"),
        answer.c.event_id > bindparam("after"),
        answer.c.split == "pool",
        answer.c.class_id.is_not(None),
    )
    .limit(bindparam("most"))
    .subquery()
)


def annotator_named(connection: Connection, name: str, now: float) -> Annotator:
    """Read the annotator with this name, adding one if there is none."""
    connection.execute(
        insert_or(annotator).values(name=name, created_at=now).on_conflict_do_nothing()
    )
    row = connection.execute(select(annotator).where(annotator.c.name == name)).one()
    return Annotator(row.id, row.name, row.active)


def known_annotator(connection: Connection, name: str) -> Annotator | None:
    """Read the annotator with this name, None where there is none."""
    row = connection.execute(select(annotator).where(annotator.c.name == name)).one_or_none()
    return None if row is None else Annotator(row.id, row.name, row.active)


def annotator_by_id(connection: Connection, annotator_id: int) -> Annotator | None:
    row = connection.execute(_ANNOTATOR, {"annotator": annotator_id}).one_or_none()
    return None if row is None else Annotator(row.id, row.name, row.active)


def names(connection: Connection, annotator_ids: Sequence[int]) -> list[str]:
    """Read what annotators are called, in the order of their ids."""
    query = select(annotator.c.id, annotator.c.name).where(annotator.c.id.in_(annotator_ids))
    name_of = {number: name for number, name in connection.execute(query)}
    return [name_of[number] for number in annotator_ids]


def has_answered(connection: Connection, item_id: int, annotator_id: int) -> bool:
    """Tell whether somebody ever said anything about an item, taken back or not."""
    which = select(label_event.c.id).where(
        label_event.c.item_id == item_id, label_event.c.annotator_id == annotator_id
    )
    return connection.execute(which.limit(1)).first() is not None


def append(connection: Connection, event: NewEvent) -> int | None:
    """Append an event; return its id, or None when its key is in the log already."""
    return connection.execute(_APPEND, vars(event)).scalar_one_or_none()


def append_all(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Append many events; those whose keys are in the log already are left alone."""
    if events:
        connection.execute(_APPEND_ALL, [vars(event) for event in events])


def append_from(rows: Select[Any]) -> Insert:
    """Write the statement that appends what a query selects, by the names of its columns.

    Rows whose keys are in the log already are left alone.
    """
    names = [column.name for column in rows.selected_columns]
    appended = insert_or(label_event).from_select(names, rows, include_defaults=False)
    return appended.on_conflict_do_nothing(index_elements=["key"])


def take_back(connection: Connection, undo: NewUndo) -> tuple[LabelEvent, bool]:
    """Undo somebody's own answer, so that what was said before counts again.

    Returns the answer, and whether this undo had arrived before. Raises NothingToUndo where the
    answer is unknown, somebody else's or undone already, UnknownItem where it is another
    project's.
    """
    event = by_key(connection, undo.undoes)
    if event is None or event.annotator_id != undo.annotator_id or event.kind == "undo":
        raise NothingToUndo("there is no answer of yours to take back")
    items.get(connection, undo.project_id, event.item_id)
    before = by_key(connection, undo.key)
    if before is not None:
        if (before.kind, before.item_id) != ("undo", event.item_id):
            raise NothingToUndo("this undo's key belongs to something else")
        return event, True
    if event.undone:
        raise NothingToUndo("this answer was taken back before")
    append(
        connection,
        NewEvent(
            project_id=undo.project_id,
            item_id=event.item_id,
            annotator_id=undo.annotator_id,
            kind="undo",
            key=undo.key,
            created_at=undo.created_at,
            undoes=event.id,
            origin=event.origin,
            round_id=event.round_id,
            head_labels=event.head_labels,
        ),
    )
    return event, False


def by_key(connection: Connection, key: str) -> LabelEvent | None:
    """Read the event with an idempotency key."""
    row = connection.execute(_BY_KEY, {"key": key}).one_or_none()
    return None if row is None else _event(row)


def last_event(connection: Connection, project_id: int) -> int:
    """Read the id of the project's newest event, 0 when there is none."""
    return (
        connection.execute(
            select(func.max(label_event.c.id)).where(label_event.c.project_id == project_id)
        ).scalar()
        or 0
    )


def current(connection: Connection, item_id: int) -> tuple[int, int] | None:
    """Read class id and annotator id of an item's current label."""
    row = connection.execute(
        select(answer.c.class_id, label_event.c.annotator_id)
        .join(label_event, label_event.c.id == answer.c.event_id)
        .where(answer.c.item_id == item_id, answer.c.class_id.is_not(None))
    ).one_or_none()
    return None if row is None else (row.class_id, row.annotator_id)


def counting(connection: Connection, project_id: int) -> dict[int, int]:
    """Read the class id that counts, by item id."""
    return dict(
        connection.execute(
            select(answer.c.item_id, answer.c.class_id).where(
                answer.c.project_id == project_id, answer.c.class_id.is_not(None)
            )
        ).all()
    )


def history(
    connection: Connection, project_id: int, annotator_id: int, n: int
) -> list[tuple[LabelEvent, str]]:
    """Read my last answers that were not undone, newest first, with their content hashes."""
    rows = connection.execute(
        select(*_EVENT, item.c.content_hash)
        .join(item, item.c.id == label_event.c.item_id)
        .where(
            label_event.c.annotator_id == annotator_id,
            label_event.c.project_id == project_id,
            label_event.c.kind.in_(["label", "unsure", "skip"]),
            _not_undone,
        )
        .order_by(label_event.c.id.desc())
        .limit(n)
    )
    return [(_event(row), row.content_hash) for row in rows]


def votes(connection: Connection, project_id: int, item_ids: np.ndarray) -> np.ndarray:
    """Read what each annotator said of items (L,): (L, annotators) int64 class ids, -1 for none.

    Their last answer that was not undone; an unsure one is none. An answer to a question that a
    ranking asked again is a second look and has a column of its own, so that a person who is
    alone can confirm a label. An owner's last word is no vote.
    """
    second = (label_event.c.origin == "relabel") & label_event.c.round_id.is_not(None)
    rows = connection.execute(
        select(
            label_event.c.item_id,
            label_event.c.annotator_id * 2 + case((second, 1), else_=0),
            func.coalesce(today(label_event.c.class_id), -1),
        )
        .where(
            label_event.c.project_id == project_id,
            label_event.c.kind.in_(("label", "import", "unsure")),
            label_event.c.origin != "adjudicated",
            _not_undone,
        )
        .order_by(label_event.c.id)
    ).all()
    triples = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 3)
    triples = triples[np.isin(triples[:, 0], item_ids)]
    voters, column = np.unique(triples[:, 1], return_inverse=True)
    order = np.argsort(item_ids)
    place = order[np.searchsorted(item_ids, triples[:, 0], sorter=order)]
    classes = np.full((len(item_ids), len(voters)), -1, np.int64)
    classes[place, column] = triples[:, 2]  # of several, the last stays
    return classes


def counts_since(connection: Connection, project_id: int, since: float) -> dict[int, int]:
    """Read labels per annotator id since a time, a whole quarter of an hour; undone ones do not
    count."""
    rows = connection.execute(_LABELS_SINCE, {"project": project_id, "since": since // QUARTER})
    return dict(rows.all())


def counts(connection: Connection, project_id: int) -> dict[tuple[str, int], int]:
    """Read how many answers count by split and class id, 0 for those that are unsure."""
    rows = connection.execute(_COUNTS, {"project": project_id})
    return {(split, class_id): n for split, class_id, n in rows}


def per_class(connection: Connection, project_id: int) -> dict[int, int]:
    """Read how many training labels count per class id."""
    of_class = counts(connection, project_id)
    return {c: n for (split, c), n in of_class.items() if split == "pool" and c}


def kept_aside(connection: Connection, project_id: int) -> int:
    """Read how many labels of the holdout count that people gave."""
    of_class = counts(connection, project_id)
    return sum(n for (split, c), n in of_class.items() if split == "holdout" and c)


def since(connection: Connection, project_id: int, after: int, most: int) -> int:
    """Count training labels of events newer than the event `after`, no further than `most`."""
    which = {"project": project_id, "after": after, "most": most}
    return connection.execute(_SINCE, which).scalar_one()


def human_seconds(connection: Connection, project_id: int, until: int) -> float:
    """Sum the time that people spent on answers up to the event `until`, undone ones too."""
    return (
        connection.execute(
            select(func.sum(label_event.c.seconds)).where(
                label_event.c.project_id == project_id, label_event.c.id <= until
            )
        ).scalar()
        or 0.0
    )


def recent_seconds(connection: Connection, project_id: int, n: int = 50) -> list[float]:
    """Read how long the last n answers took."""
    rows = connection.execute(_SECONDS, {"project": project_id, "n": n})
    return list(rows.scalars())


def _event(row: Row[*tuple[Any, ...]]) -> LabelEvent:
    return LabelEvent(
        id=row.id,
        item_id=row.item_id,
        annotator_id=row.annotator_id,
        kind=row.kind,
        class_id=row.class_id,
        key=row.key,
        created_at=row.created_at,
        origin=row.origin,
        round_id=row.round_id,
        head_labels=row.head_labels,
        undone=getattr(row, "undone", False),
    )
