"""Owns what an import of labels asks and writes: which image is meant, what it has already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from alcore.store import labels
from alcore.store.tables import annotator, answer, item, label_event, project, vote


@dataclass(frozen=True, slots=True)
class Standing:
    """What an image has already."""

    name: str
    content_hash: str
    true_class: int | None
    class_id: int | None
    """Of the label that counts."""
    imported: int | None
    """What imports said of it last."""
    by_people: bool
    """Somebody has answered it."""


def standings(connection: Connection, project_id: int) -> dict[int, Standing]:
    """Read what each image of a project is called and has, by item id."""
    importer = select(annotator.c.id).where(annotator.c.name == labels.IMPORTER).scalar_subquery()
    said = dict(
        connection.execute(
            select(vote.c.item_id, vote.c.class_id)
            .join(label_event, label_event.c.id == vote.c.event_id)
            .where(
                vote.c.project_id == project_id,
                vote.c.annotator_id == importer,
                label_event.c.kind == "import",
            )
        ).all()
    )
    rows = connection.execute(
        select(
            item.c.id,
            item.c.name,
            item.c.content_hash,
            item.c.true_class,
            answer.c.class_id,
            label_event.c.kind,
        )
        .outerjoin(answer, answer.c.item_id == item.c.id)
        .outerjoin(label_event, label_event.c.id == answer.c.event_id)
        .where(item.c.project_id == project_id)
    )
    return {
        number: Standing(
            name, digest, true, counting, said.get(number), kind not in (None, "import")
        )
        for number, name, digest, true, counting, kind in rows
    }


def set_key(connection: Connection, project_id: int, class_of: Mapping[int, int]) -> None:
    """Let these be the true classes, class id by item id, of a project with an answer key.

    What people had answered of other holdout images is true from now on: they were measured by it.
    """
    rows = [{"which": item_id, "true": class_id} for item_id, class_id in class_of.items()]
    if rows:
        connection.execute(
            update(item)
            .where(item.c.id == bindparam("which"))
            .values(true_class=bindparam("true")),
            rows,
        )
    answered = select(answer.c.class_id).where(answer.c.item_id == item.c.id).scalar_subquery()
    connection.execute(
        update(item)
        .where(
            item.c.project_id == project_id,
            item.c.split == "holdout",
            item.c.true_class.is_(None),
            answered.is_not(None),
        )
        .values(true_class=answered)
    )
    connection.execute(
        update(project).where(project.c.id == project_id).values(known_classes="answer key")
    )
