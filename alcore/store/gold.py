"""Owns the rows of gold: items with a known answer, and who answered them how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.store import assignment
from alcore.store.tables import gold, item, label_event, lease, today, vote

_known = today(gold.c.class_id)
"""What is right, as its class counts today; NULL where that was deleted."""

_FREE = (
    select(gold.c.item_id)
    .join(item, item.c.id == gold.c.item_id)
    .where(gold.c.project_id == bindparam("project"), assignment.as_gold, assignment.skips == 0)
    .order_by(gold.c.item_id)
)


@dataclass(frozen=True)
class Gold:
    item_id: int
    name: str
    content_hash: str
    class_id: int
    split: str
    answers: int
    right: int


def add(connection: Connection, project_id: int, known: Mapping[int, int], now: float) -> None:
    """Make items gold, with their class ids; those that are gold get the new class."""
    rows = [
        {"item_id": int(i), "project_id": project_id, "class_id": int(c), "created_at": now}
        for i, c in known.items()
    ]
    if rows:
        statement = insert_or(gold)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["item_id"], set_={"class_id": statement.excluded.class_id}
            ),
            rows,
        )


def remove(connection: Connection, project_id: int, item_ids: Sequence[int]) -> None:
    """Let items be gold no more; what was answered stays in the log."""
    connection.execute(
        delete(gold).where(
            gold.c.project_id == project_id, gold.c.item_id.in_([int(i) for i in item_ids])
        )
    )


def remove_gone(connection: Connection, project_id: int) -> list[list[float]]:
    """Let items be gold no more whose class was deleted; return what `put_back` needs."""
    gone = gold.c.project_id == project_id, _known.is_(None)
    rows = connection.execute(
        select(gold.c.item_id, gold.c.class_id, gold.c.created_at).where(*gone)
    ).all()
    connection.execute(delete(gold).where(*gone))
    return [list(row) for row in rows]


def put_back(connection: Connection, project_id: int, rows: Sequence[Sequence[float]]) -> None:
    """Make items gold again that are not gold by now, with the class and time that they had."""
    for item_id, class_id, created_at in rows:
        connection.execute(
            insert_or(gold)
            .values(
                item_id=int(item_id),
                project_id=project_id,
                class_id=int(class_id),
                created_at=created_at,
            )
            .on_conflict_do_nothing()
        )


def is_gold(connection: Connection, item_id: int) -> bool:
    return (
        connection.execute(select(gold.c.item_id).where(gold.c.item_id == item_id)).first()
        is not None
    )


def ids(connection: Connection, project_id: int) -> list[int]:
    """Read the item ids of a project's gold."""
    return list(
        connection.execute(
            select(gold.c.item_id).where(gold.c.project_id == project_id).order_by(gold.c.item_id)
        ).scalars()
    )


def suggest(connection: Connection, suggestions: Mapping[int, Sequence[float]]) -> None:
    """Keep what a model says of gold, so that a missing suggestion does not give it away."""
    for item_id, probabilities in suggestions.items():
        connection.execute(
            update(gold).where(gold.c.item_id == item_id).values(suggestion=list(probabilities))
        )


def suggestion(connection: Connection, item_id: int) -> list[float] | None:
    return connection.execute(select(gold.c.suggestion).where(gold.c.item_id == item_id)).scalar()


def asked(connection: Connection, project_id: int, annotator_id: int, now: float) -> int:
    """Count the questions that somebody answered or holds; a question's place among theirs."""
    answered = select(func.count()).where(
        vote.c.project_id == project_id, vote.c.annotator_id == annotator_id
    )
    held = select(func.count()).where(
        lease.c.project_id == project_id,
        lease.c.annotator_id == annotator_id,
        lease.c.expires_at > now,
    )
    return connection.execute(answered).scalar_one() + connection.execute(held).scalar_one()


def free(connection: Connection, project_id: int, annotator_id: int, now: float) -> list[int]:
    """List gold that this person neither answered, skipped nor holds."""
    who = {"project": project_id, "annotator": annotator_id, "now": now}
    return list(connection.execute(_FREE, who).scalars())


def all_gold(connection: Connection, project_id: int) -> list[Gold]:
    """List gold with the number of answers since it became gold, and how many were right."""
    answers = _answers_to(project_id).subquery()
    rows = connection.execute(
        select(
            gold.c.item_id,
            item.c.name,
            item.c.content_hash,
            _known,
            item.c.split,
            func.count(answers.c.annotator_id),
            func.count(answers.c.annotator_id).filter(answers.c.class_id == _known),
        )
        .join(item, item.c.id == gold.c.item_id)
        .outerjoin(answers, answers.c.item_id == gold.c.item_id)
        .where(gold.c.project_id == project_id, _known.is_not(None))
        .group_by(gold.c.item_id, item.c.id)
        .order_by(gold.c.item_id)
    )
    return [Gold(*row) for row in rows]


def scores(connection: Connection, project_id: int) -> dict[int, tuple[int, int]]:
    """Count right answers and answers to gold per annotator id; an unsure one is not right."""
    if not ids(connection, project_id):
        return {}  # else all votes would be looked through
    answers = _answers_to(project_id).subquery()
    rows = connection.execute(
        select(
            answers.c.annotator_id,
            func.count().filter(answers.c.class_id == answers.c.known),
            func.count(),
        ).group_by(answers.c.annotator_id)
    )
    return {who: (right, n) for who, right, n in rows}


def _answers_to(project_id: int) -> Select[Any]:
    """Select the votes on gold that came after it had become gold."""
    return (
        select(
            vote.c.item_id,
            vote.c.annotator_id,
            vote.c.class_id,
            _known.label("known"),
        )
        .join(gold, gold.c.item_id == vote.c.item_id)
        .join(label_event, label_event.c.id == vote.c.event_id)
        .where(
            gold.c.project_id == project_id,
            _known.is_not(None),
            label_event.c.created_at > gold.c.created_at,
        )
    )
