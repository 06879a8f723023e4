"""Owns the rows of contributions: classes of pictures that wait for their import."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.store.tables import answer, contribution, item, label_event, today


@dataclass(frozen=True)
class Contribution:
    """A picture that somebody brought together with its class, and that is no item yet."""

    project_id: int
    content_hash: str
    file: str
    """As it is called where it waits."""
    class_id: int
    annotator_id: int
    key: str
    """Made up by who brought it; of its label too, once it is in."""
    created_at: float


@dataclass(frozen=True)
class LabeledPicture:
    """An image whose label counts, and whose word that is."""

    item_id: int
    content_hash: str
    split: str
    class_id: int
    key: str
    annotator_id: int


def add(connection: Connection, new: Contribution) -> bool:
    """Note a contribution; return False where its key is known already."""
    query = insert_or(contribution).values(vars(new)).on_conflict_do_nothing()
    return connection.execute(query.returning(contribution.c.id)).first() is not None


def waiting(connection: Connection, project_id: int) -> list[Contribution]:
    """List what waits, oldest first, by the classes that count today."""
    columns = [c for c in contribution.c if c.name not in ("id", "class_id")]
    rows = connection.execute(
        select(*columns, func.coalesce(today(contribution.c.class_id), 0).label("class_id"))
        .where(contribution.c.project_id == project_id)
        .order_by(contribution.c.id)
    )
    return [Contribution(**row._mapping) for row in rows]


def remove(connection: Connection, project_id: int, key: str) -> None:
    """Forget a contribution, by the key of who brought it."""
    connection.execute(
        delete(contribution).where(
            contribution.c.project_id == project_id, contribution.c.key == key
        )
    )


def labeled(connection: Connection, project_id: int, most: int) -> list[LabeledPicture]:
    """List the images whose label counts, the newest label first, up to `most`."""
    rows = connection.execute(
        select(
            item.c.id,
            item.c.content_hash,
            item.c.split,
            answer.c.class_id,
            label_event.c.key,
            label_event.c.annotator_id,
        )
        .join(answer, answer.c.item_id == item.c.id)
        .join(label_event, label_event.c.id == answer.c.event_id)
        .where(answer.c.project_id == project_id, answer.c.class_id.is_not(None))
        .order_by(answer.c.event_id.desc())
        .limit(most)
    )
    return [LabeledPicture(*row) for row in rows]
