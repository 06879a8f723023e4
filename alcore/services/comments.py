"""Owns what the board and the review page may ask of comments on items."""

from __future__ import annotations

import time

from alcore.errors import InvalidSettings
from alcore.records import Comment, NewComment
from alcore.services.rights import check_active, check_not_archived
from alcore.store import Store, comments, items

LONGEST = 2_000


def add(
    store: Store, project_id: int, annotator_id: int, *, key: str, item_id: int, text: str
) -> list[Comment]:
    """Comment on an item, once per key; return its comments, oldest first.

    Raises InvalidSettings for an empty or overlong text, UnknownItem, NotAllowed.
    """
    text = text.strip()
    if not 0 < len(text) <= LONGEST:
        raise InvalidSettings(f"a comment has 1 to {LONGEST} characters; got {len(text)}")
    with store.write() as connection:
        check_active(connection, project_id, annotator_id)
        check_not_archived(connection, project_id)
        items.get(connection, project_id, item_id)
        new = NewComment(project_id, item_id, annotator_id, key, text, time.time())
        comments.add(connection, new)
        return comments.of_item(connection, item_id)


def of_item(store: Store, project_id: int, item_id: int) -> list[Comment]:
    """Read an item's comments, oldest first. Raises UnknownItem."""
    with store.read() as connection:
        items.get(connection, project_id, item_id)
        return comments.of_item(connection, item_id)
