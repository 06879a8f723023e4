"""Owns the rows of example images: what each class looks like."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.errors import UnknownItem
from alcore.records import Example, NewExample
from alcore.store.tables import example, item, today

_shown_for = today(example.c.class_id)
"""The class that counts today for an example's; NULL where that was deleted."""


def of_project(connection: Connection, project_id: int) -> list[Example]:
    """Read a project's examples by age; the pixels of uploaded ones stay where they are."""
    rows = connection.execute(
        select(
            example.c.id,
            _shown_for,
            example.c.item_id,
            example.c.name,
            item.c.content_hash,
        )
        .outerjoin(item, item.c.id == example.c.item_id)
        .where(example.c.project_id == project_id, _shown_for.is_not(None))
        .order_by(example.c.id)
    )
    return [Example(*row) for row in rows]


def count(connection: Connection, project_id: int, class_id: int) -> int:
    """Count the examples of a class."""
    return connection.execute(
        select(func.count()).where(example.c.project_id == project_id, _shown_for == class_id)
    ).scalar_one()


def add(connection: Connection, new: NewExample) -> None:
    """Add an example of a class; an item that is one of it already stays one."""
    added = insert_or(example).values(vars(new))
    connection.execute(added.on_conflict_do_nothing(index_elements=["class_id", "item_id"]))


def picture(connection: Connection, project_id: int, example_id: int) -> tuple[bytes, str]:
    """Read the pixels and the media type of an uploaded example. Raises UnknownItem."""
    row = connection.execute(
        select(example.c.pixels, example.c.mime).where(
            example.c.project_id == project_id,
            example.c.id == example_id,
            example.c.pixels.is_not(None),
        )
    ).one_or_none()
    if row is None:
        raise UnknownItem(f"project {project_id} has no picture {example_id}")
    return row.pixels, row.mime


def remove(connection: Connection, project_id: int, example_id: int) -> None:
    """Take an example away; the item itself stays."""
    connection.execute(
        delete(example).where(example.c.project_id == project_id, example.c.id == example_id)
    )
