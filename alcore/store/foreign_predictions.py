"""Owns what files said of images as somebody's predictions, and which of it is to be looked at.

Those that contradict a label, and those that nobody has checked. What is in a sample that people
check without seeing it stays out until they have answered. Of an image that several files name the
newest counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from alcore.store.tables import answer, completion, item, label_event, model_label, today

_said = today(model_label.c.class_id)
_stands = and_(
    completion.c.source != "",
    completion.c.drawn_at.is_not(None),
    completion.c.withdrawn_at.is_(None),
)
_counting = answer.alias("counting")
_event = label_event.alias("counting_event")
ABOUT: tuple[ColumnElement[Any], ...] = (
    _said.label("predicted"),
    _counting.c.item_id.is_not(None).label("labeled"),
)
"""What stands beside an item of `suspects`: the class that was predicted, and if it has a label."""


def suspects(project_id: int, me: int) -> Select[Any]:
    """Select the items whose predictions are to be looked at, those with a label first.

    A label that was given or confirmed on the review page since settles it.
    """
    newest = (
        select(model_label.c.item_id, func.max(model_label.c.completion_id).label("last"))
        .join(completion, completion.c.id == model_label.c.completion_id)
        .where(model_label.c.project_id == project_id, _stands)
        .group_by(model_label.c.item_id)
        .subquery()
    )
    unanswered = _counting.c.item_id.is_(None)
    unchecked = unanswered & (model_label.c.draw.is_(None) | completion.c.written_at.is_not(None))
    settled = and_(
        _event.c.origin.in_(("relabel", "adjudicated")),
        _event.c.created_at > completion.c.created_at,
    )
    contradicts = and_(~unanswered, _counting.c.class_id.is_distinct_from(_said), ~settled)
    return (
        select(model_label.c.item_id)
        .join(
            newest,
            and_(
                newest.c.item_id == model_label.c.item_id,
                newest.c.last == model_label.c.completion_id,
            ),
        )
        .join(completion, completion.c.id == model_label.c.completion_id)
        .outerjoin(_counting, _counting.c.item_id == model_label.c.item_id)
        .outerjoin(_event, _event.c.id == _counting.c.event_id)
        .where(_said.is_not(None), or_(unchecked, contradicts))
        .order_by(unanswered, model_label.c.item_id)
    )


def of_items(connection: Connection, item_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Read which class was predicted for items, and by whom; not what is being checked blindly."""
    rows = connection.execute(
        select(model_label.c.item_id, _said, completion.c.source)
        .join(
            item,
            and_(item.c.id == model_label.c.item_id, item.c.project_id == model_label.c.project_id),
        )
        .join(completion, completion.c.id == model_label.c.completion_id)
        .outerjoin(_counting, _counting.c.item_id == model_label.c.item_id)
        .where(
            item.c.id.in_(item_ids),
            _stands,
            _said.is_not(None),
            or_(
                model_label.c.draw.is_(None),
                completion.c.written_at.is_not(None),
                _counting.c.item_id.is_not(None),
            ),
        )
        .order_by(completion.c.id)
    )
    return {item_id: (class_id, source) for item_id, class_id, source in rows}
