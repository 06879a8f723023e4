"""Owns what is read of labels that leave alcore: row by row, so that no list of them is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from alcore.records import Item, Label, Suggestion
from alcore.store.tables import (
    annotator,
    answer,
    comment,
    gold,
    item,
    label_event,
    round_,
    today,
    vote,
)

_AT_ONCE = 2_000


def _counts(project_id: int) -> ColumnElement[bool]:
    """Which answers are labels that count."""
    return and_(
        answer.c.project_id == project_id,
        answer.c.class_id.is_not(None),
        answer.c.final | answer.c.item_id.not_in(select(gold.c.item_id)),
    )


def labels(connection: Connection, project_id: int) -> Iterator[list[tuple[Label, Item]]]:
    """Read the labels that count with their items, in order of answer, block by block.

    What people said of gold that nobody but the answer key has the last word on is left out.
    """
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(
        select(
            answer.c.class_id,
            annotator.c.name,
            label_event.c.created_at,
            label_event.c.seconds,
            label_event.c.origin,
            round_.c.number,
            label_event.c.head_labels,
            label_event.c.suggestion_shown,
            today(label_event.c.suggested_class),
            label_event.c.suggested_by,
            label_event.c.note,
            label_event.c.explanation_shown,
            *item.c,
        )
        .join(label_event, label_event.c.id == answer.c.event_id)
        .join(item, item.c.id == answer.c.item_id)
        .join(annotator, annotator.c.id == label_event.c.annotator_id)
        .outerjoin(round_, round_.c.id == label_event.c.round_id)
        .where(_counts(project_id))
        .order_by(answer.c.event_id)
    )
    for block in rows.partitions():
        yield [_labeled(row) for row in block]


def _labeled(row: Row[*tuple[Any, ...]]) -> tuple[Label, Item]:
    class_id, who, at, seconds, origin, number, head, *rest = row
    shown, suggested, by, note, explained, *columns = rest
    labeled = Item(*columns)
    suggestion = None if suggested is None else Suggestion(suggested, by)
    label = Label(
        labeled.id,
        class_id,
        who,
        at,
        seconds,
        origin,
        number,
        head,
        shown,
        suggestion,
        note,
        explained,
    )
    return label, labeled


def votes(
    connection: Connection, item_ids: Sequence[int]
) -> dict[int, list[tuple[str, int | None, float, float | None]]]:
    """Read who said what of items, when, and in how many seconds, oldest first."""
    rows = connection.execute(
        select(
            vote.c.item_id,
            annotator.c.name,
            vote.c.class_id,
            label_event.c.created_at,
            label_event.c.seconds,
        )
        .join(annotator, annotator.c.id == vote.c.annotator_id)
        .join(label_event, label_event.c.id == vote.c.event_id)
        .where(vote.c.item_id.in_(item_ids))
        .order_by(vote.c.event_id)
    )
    of_item: dict[int, list[tuple[str, int | None, float, float | None]]] = {}
    for item_id, name, class_id, at, seconds in rows:
        of_item.setdefault(item_id, []).append((name, class_id, at, seconds))
    return of_item


def comments(connection: Connection, item_ids: Sequence[int]) -> dict[int, str]:
    """Read what was remarked on items, as one text each."""
    rows = connection.execute(
        select(comment.c.item_id, annotator.c.name, comment.c.text)
        .join(annotator, annotator.c.id == comment.c.annotator_id)
        .where(comment.c.item_id.in_(item_ids))
        .order_by(comment.c.id)
    )
    of_item: dict[int, str] = {}
    for item_id, name, text in rows:
        before = f"{of_item[item_id]} | " if item_id in of_item else ""
        of_item[item_id] = f"{before}{name}: {text}"
    return of_item


def has_comments(connection: Connection, project_id: int) -> bool:
    """Tell whether anybody remarked on anything."""
    which = select(comment.c.id).where(comment.c.project_id == project_id).limit(1)
    return connection.execute(which).first() is not None


def count(connection: Connection, project_id: int) -> int:
    """Count the labels that `labels` reads."""
    return connection.execute(
        select(func.count()).select_from(answer).where(_counts(project_id))
    ).scalar_one()


def label_set(connection: Connection, project_id: int) -> Iterator[tuple[str, int]]:
    """Read content hash and class id of the labels that `labels` reads, by content hash."""
    rows = connection.execute(
        select(item.c.content_hash, answer.c.class_id)
        .join(answer, answer.c.item_id == item.c.id)
        .where(_counts(project_id))
        .order_by(item.c.content_hash)
    )
    for row in rows:
        yield row[0], row[1]
