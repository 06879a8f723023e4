"""Owns the questions that the map asks: what is known of every image, as columns.

N images by position. Read whole, since a map shows all of them; a row costs a microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, Select, func, select

from alcore.store import assignment
from alcore.store.items import longer_side
from alcore.store.tables import annotator, answer, item, label_event, queue_item, round_, vote

_SHOWN = ("query", "cold start")
"""Origins of questions that the strategy chose; others look like random ones."""


@dataclass(frozen=True)
class Images:
    """What images are, by position."""

    ids: np.ndarray
    """(N,) int64."""
    holdout: np.ndarray
    """(N,) bool."""
    longest: np.ndarray
    """(N,) int64, longer side in pixels."""


@dataclass(frozen=True)
class Answers:
    """What was answered, one row per image that has an answer that counts."""

    item_ids: np.ndarray
    class_ids: np.ndarray
    """0 where somebody was unsure."""
    events: np.ndarray
    annotators: np.ndarray
    """Ids, all (L,) int64."""


def images(connection: Connection, project_id: int) -> Images:
    """Read what all images of a project are."""
    table = _table(
        connection,
        select(item.c.id, item.c.split == "holdout", longer_side)
        .where(item.c.project_id == project_id)
        .order_by(item.c.position),
        3,
    )
    return Images(table[:, 0], table[:, 1].astype(bool), table[:, 2])


def names(connection: Connection, project_id: int) -> list[str]:
    """Read the names of all images by position."""
    query = select(item.c.name).where(item.c.project_id == project_id).order_by(item.c.position)
    return list(connection.execute(query).scalars())


def answers(connection: Connection, project_id: int) -> Answers:
    """Read the answers that count."""
    table = _table(
        connection,
        select(
            answer.c.item_id,
            func.coalesce(answer.c.class_id, 0),
            answer.c.event_id,
            label_event.c.annotator_id,
        )
        .join(label_event, label_event.c.id == answer.c.event_id)
        .where(answer.c.project_id == project_id),
        4,
    )
    return Answers(*table.T.copy())


def hidden(connection: Connection, project_id: int, annotator_id: int) -> np.ndarray:
    """Read the items of which somebody may not be told what others said: ids (n,) int64."""
    query = select(item.c.id).where(item.c.project_id == project_id, assignment.hidden)
    rows = connection.execute(query, {"annotator": annotator_id}).scalars()
    return np.fromiter(rows, np.int64)


def disputed(connection: Connection, project_id: int) -> np.ndarray:
    """Read the items that people labeled differently: ids (n,) int64."""
    query = (
        select(vote.c.item_id)
        .where(vote.c.project_id == project_id)
        .group_by(vote.c.item_id)
        .having(func.count(vote.c.class_id.distinct()) > 1)
    )
    return np.fromiter(connection.execute(query).scalars(), np.int64)


def queued(connection: Connection, project_id: int, ranking: int) -> np.ndarray:
    """Read what the strategy asks next, first to last: ids (n,) int64."""
    query = (
        select(queue_item.c.item_id)
        .outerjoin(answer, answer.c.item_id == queue_item.c.item_id)
        .where(
            queue_item.c.project_id == project_id,
            queue_item.c.ranking == ranking,
            queue_item.c.origin.in_(_SHOWN),
            answer.c.item_id.is_(None),
        )
        .order_by(queue_item.c.rank)
    )
    return np.fromiter(connection.execute(query).scalars(), np.int64)


def models(connection: Connection, project_id: int) -> np.ndarray:
    """Read number, newest event and labels of every model: (R, 3) int64, by number."""
    query = (
        select(round_.c.number, round_.c.last_event, round_.c.labels)
        .where(round_.c.project_id == project_id)
        .order_by(round_.c.number)
    )
    return _table(connection, query, 3)


def people(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Read names by annotators' ids."""
    query = select(annotator.c.id, annotator.c.name).where(
        annotator.c.id.in_([int(i) for i in ids])
    )
    return {row.id: row.name for row in connection.execute(query)}


def _table(connection: Connection, query: Select[tuple[int, ...]], columns: int) -> np.ndarray:
    """Read a query of whole numbers as (rows, columns) int64."""
    rows = connection.execute(query)  # read one by one: a list of all takes twice as long
    values = np.fromiter((value for row in rows for value in row), np.int64)
    return values.reshape(-1, columns)
