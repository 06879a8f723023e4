"""Owns the votes on items: who said what, and which items lack answers of further people.

L items, J annotators; class and item ids are int64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import (
    Connection,
    Select,
    Subquery,
    bindparam,
    func,
    literal_column,
    select,
    text,
    update,
)

from alcore.store.tables import answer, gold, item, label_event, queue_item, today, verdict, vote

_MAJORITY = (
    update(answer)
    .where(
        verdict.c.project_id == bindparam("project"),
        verdict.c.item_id == answer.c.item_id,
        answer.c.project_id == bindparam("project"),
        ~answer.c.final,
        answer.c.class_id.is_distinct_from(verdict.c.class_id),
    )
    .values(event_id=verdict.c.event_id, class_id=verdict.c.class_id)
    .returning(answer.c.item_id)
)

_SEVERAL = item.c.answers > literal_column("1")
"""A number in the statement, not beside it: only then is the index of these items used."""


@dataclass(frozen=True)
class Votes:
    """What people said: votes (L, J) class ids, -1 for none or unsure."""

    item_ids: np.ndarray
    annotator_ids: np.ndarray
    votes: np.ndarray
    final: np.ndarray
    """(L,) class ids of owners' last words and gold, -1 where there is none."""


def lacking_of(project_id: int) -> Select[tuple[int, int]]:
    """Select items that were answered, but by fewer people than they shall be."""
    return (
        select(vote.c.item_id, func.count().label("votes"))
        .join(item, item.c.id == vote.c.item_id)
        .join(answer, answer.c.item_id == vote.c.item_id)
        .where(item.c.project_id == project_id, _SEVERAL, ~answer.c.final)
        .group_by(vote.c.item_id, item.c.answers)
        .having(func.count() < item.c.answers)
    )


def _first_answers(few: Subquery) -> Subquery:
    """Of some items, the origin of the question to their first answer."""
    events = (
        select(func.min(vote.c.event_id))
        .where(vote.c.item_id == few.c.item_id)
        .group_by(vote.c.item_id)
    )
    which = label_event.c.id.in_(events)
    return select(label_event.c.item_id, label_event.c.origin).where(which).subquery()


def _newest_rankings(project_id: int) -> Subquery:
    """The newest ranking in which each item was queued."""
    return (
        select(queue_item.c.item_id, func.max(queue_item.c.ranking).label("ranking"))
        .where(queue_item.c.project_id == project_id)
        .group_by(queue_item.c.item_id)
        .subquery()
    )


def lacking_rows(connection: Connection, project_id: int) -> list[dict[str, Any]]:
    """Read the items that lack answers as rows of a queue, as they were queued before.

    What the model said of them before their first answer is kept: by now it has seen that.
    """
    several = select(item.c.id).where(item.c.project_id == project_id, _SEVERAL).limit(1)
    if connection.execute(several).first() is None:
        return []
    few = lacking_of(project_id).subquery()
    first, newest = _first_answers(few), _newest_rankings(project_id)
    rows = connection.execute(
        select(
            few.c.item_id,
            first.c.origin.label("asked"),
            queue_item.c.score,
            queue_item.c.reason,
            queue_item.c.origin,
            queue_item.c.suggestion,
        )
        .join(first, first.c.item_id == few.c.item_id)
        .outerjoin(newest, newest.c.item_id == few.c.item_id)
        .outerjoin(
            queue_item,
            (queue_item.c.project_id == project_id)
            & (queue_item.c.item_id == few.c.item_id)
            & (queue_item.c.ranking == newest.c.ranking),
        )
        .order_by(few.c.item_id)
    )
    return [
        {
            "item_id": row.item_id,
            "score": row.score,
            "reason": row.reason or "random",
            "origin": _again(row.origin or row.asked),
            "suggestion": row.suggestion,
        }
        for row in rows
    ]


def _again(origin: str) -> str:
    """Name the origin of a question that is put to a further person."""
    return origin if origin in ("query", "cold start", "holdout") else "random"


def per_class(connection: Connection, project_id: int) -> dict[int, tuple[int, int]]:
    """Count by class id the labels that count, and the images that anybody said it of."""
    counting = connection.execute(
        select(answer.c.class_id, func.count())
        .where(answer.c.project_id == project_id, answer.c.class_id.is_not(None))
        .group_by(answer.c.class_id)
    ).all()
    said = connection.execute(
        select(vote.c.class_id, func.count(vote.c.item_id.distinct()))
        .where(vote.c.project_id == project_id, vote.c.class_id.is_not(None))
        .group_by(vote.c.class_id)
    ).all()
    labels: dict[int | None, int] = {class_id: n for class_id, n in counting}
    images: dict[int | None, int] = {class_id: n for class_id, n in said}
    return {
        class_id: (labels.get(class_id, 0), max(images.get(class_id, 0), labels.get(class_id, 0)))
        for class_id in {*labels, *images}
        if class_id is not None
    }


def of_item(connection: Connection, item_id: int) -> list[tuple[int, int | None, int]]:
    """List annotator id, class id (None: unsure) and event id of an item's votes, by event."""
    rows = connection.execute(
        select(vote.c.annotator_id, vote.c.class_id, vote.c.event_id)
        .where(vote.c.item_id == item_id)
        .order_by(vote.c.event_id)
    )
    return [tuple(row) for row in rows]


def of_several(project_id: int) -> Select[tuple[int]]:
    """Select items with several votes, by an index that has no others."""
    several = text("answer.votes > 1")  # as the index has it
    return select(answer.c.item_id).where(answer.c.project_id == project_id, several)


def table(connection: Connection, project_id: int) -> Votes:
    """Read the votes on all items with several; items by id, annotators by id."""
    rows = connection.execute(
        select(vote.c.item_id, vote.c.annotator_id, func.coalesce(vote.c.class_id, -1))
        .where(vote.c.item_id.in_(of_several(project_id)))
        .order_by(vote.c.item_id)
    ).all()
    triples = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 3)
    items, row = np.unique(triples[:, 0], return_inverse=True)
    people, column = np.unique(triples[:, 1], return_inverse=True)
    votes = np.full((len(items), len(people)), -1, np.int64)
    votes[row, column] = triples[:, 2]
    last_words = dict(
        connection.execute(
            select(gold.c.item_id, today(gold.c.class_id)).where(
                gold.c.project_id == project_id, today(gold.c.class_id).is_not(None)
            )
        ).all()
    ) | dict(
        connection.execute(
            select(answer.c.item_id, answer.c.class_id).where(
                answer.c.item_id.in_(of_several(project_id)),
                answer.c.final,
                answer.c.class_id.is_not(None),
            )
        ).all()
    )
    final = np.array([last_words.get(int(i), -1) for i in items], dtype=np.int64)
    return Votes(items, people, votes, final)


def set_consensus(connection: Connection, project_id: int, consensus: Mapping[int, int]) -> int:
    """Let other classes count than the votes' majority: class id by item id; return how many.

    Each class must have a vote. Items with an owner's last word are left alone.
    """
    counting = dict(
        connection.execute(
            select(answer.c.item_id, answer.c.class_id).where(
                answer.c.project_id == project_id, ~answer.c.final
            )
        ).all()
    )
    changed = 0
    for item_id, class_id in consensus.items():
        if counting.get(item_id, class_id) != class_id:
            newest = (
                select(func.max(vote.c.event_id))
                .where(vote.c.item_id == item_id, vote.c.class_id == class_id)
                .scalar_subquery()
            )
            connection.execute(
                update(answer)
                .where(answer.c.item_id == item_id)
                .values(class_id=class_id, event_id=newest)
            )
            changed += 1
    return changed


def count_majority(connection: Connection, project_id: int) -> int:
    """Let the majority of the votes count again everywhere; return how many items changed."""
    changed = connection.execute(_MAJORITY, {"project": project_id})
    return len(changed.all())


def set_answers(
    connection: Connection, project_id: int, item_ids: Sequence[int], answers: int
) -> None:
    """Have so many people answer these items, and one person each of the others."""
    connection.execute(
        update(item).where(item.c.project_id == project_id, _SEVERAL).values(answers=1)
    )
    _have_answer(connection, item_ids, answers)


def ask_one(connection: Connection, item_ids: Sequence[int]) -> None:
    """Have one person each answer these items, whatever the project's rule says."""
    _have_answer(connection, item_ids, 1)


def _have_answer(connection: Connection, item_ids: Sequence[int], answers: int) -> None:
    for start in range(0, len(item_ids), 1_000):
        chunk = [int(i) for i in item_ids[start : start + 1_000]]
        connection.execute(update(item).where(item.c.id.in_(chunk)).values(answers=answers))


def imported(connection: Connection, project_id: int) -> np.ndarray:
    """Read the items whose labels came with the import; (I,) ids."""
    rows = connection.execute(
        select(label_event.c.item_id).where(
            label_event.c.project_id == project_id, label_event.c.kind == "import"
        )
    ).scalars()
    return np.unique(np.fromiter(rows, np.int64))
