"""Owns the rows of comments on items."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.records import Comment, NewComment
from alcore.store.tables import annotator, comment


def add(connection: Connection, new: NewComment) -> None:
    """Append a comment; one whose key is there already is left alone."""
    added = insert_or(comment).values(vars(new))
    connection.execute(added.on_conflict_do_nothing(index_elements=["key"]))


def of_item(connection: Connection, item_id: int) -> list[Comment]:
    """Read an item's comments, oldest first."""
    rows = connection.execute(
        _comments().where(comment.c.item_id == item_id).order_by(comment.c.id)
    )
    return [_record(row) for row in rows]


def all_comments(connection: Connection, project_id: int) -> list[Comment]:
    """Read a project's comments, item by item, oldest first."""
    rows = connection.execute(
        _comments()
        .where(comment.c.project_id == project_id)
        .order_by(comment.c.item_id, comment.c.id)
    )
    return [_record(row) for row in rows]


def count(connection: Connection, item_id: int) -> int:
    """Count an item's comments."""
    return connection.execute(select(func.count()).where(comment.c.item_id == item_id)).scalar_one()


def _comments() -> Select[Any]:
    return select(comment, annotator.c.name).join(
        annotator, annotator.c.id == comment.c.annotator_id
    )


def _record(row: Row[Any]) -> Comment:
    return Comment(row.id, row.item_id, row.name, row.text, row.created_at)
