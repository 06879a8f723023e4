"""Owns the questions that the review page asks: which items, what is said of them, their log.

Times are Unix seconds in UTC, probabilities 0–1. Pages are cut in SQL: item ids first, by an
index where no filter needs more, and all else for those of the page only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import normalize

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from alcore.records import Kind, Origin
from alcore.store import assignment, foreign_predictions, metadata_values, selections, votes
from alcore.store.metadata_values import Condition
from alcore.store.tables import (
    annotator,
    answer,
    comment,
    item,
    label_check,
    label_event,
    metadata_text,
    metadata_value,
    today,
    vote,
)

_undo = label_event.alias("undo")
_not_undone = ~select(_undo.c.id).where(_undo.c.undoes == label_event.c.id).exists()
_HIDDEN = ("gold", "holdout")
"""Origins that look like any other random question."""
_origin = case((label_event.c.origin.in_(_HIDDEN), "random"), else_=label_event.c.origin)
_fresh = and_(
    label_check.c.item_id == answer.c.item_id, label_check.c.event_id == answer.c.event_id
)
"""A check is of the label that counts now."""


@dataclass(frozen=True)
class Filter:
    """Which items; None and empty let all through."""

    view: str = "all"
    """One of VIEWS."""
    class_id: int | None = None
    annotator_id: int | None = None
    origin: str | None = None
    disagrees: bool = False
    """The model names another class."""
    name: str = ""
    """Part of the file name."""
    condition: Condition | None = None
    """What must be known of the image."""
    sort: int | None = None
    """Id of a column of metadata by which items are sorted, those without a value last."""
    falling: bool = False
    selection: int | None = None
    """Id of items that were selected on the map."""
    open_too: bool = True
    """Items that I may still be asked about and others have answered: who sees what they said
    would not answer by themselves."""


@dataclass(frozen=True)
class Reviewed:
    """An item with its label that counts, if any, and what the model says of it."""

    item_id: int
    name: str
    content_hash: str
    width: int
    height: int
    event_id: int | None
    kind: Kind | None
    class_id: int | None
    annotator: str | None
    created_at: float | None
    origin: Origin | None
    note: str | None
    comments: int
    model_class: int | None
    """What a model that has not seen the label says; None where the label is newer."""
    model_p: float | None
    label_p: float | None
    probably_wrong: bool
    predicted: int | None = None
    """What a file says of it as somebody's prediction."""
    predicted_by: str | None = None
    """What that file is called."""


@dataclass(frozen=True)
class Entry:
    """One line of an item's log."""

    event_id: int
    annotator_id: int
    annotator: str
    kind: Kind
    class_id: int | None
    created_at: float
    origin: Origin
    note: str | None
    suggested_class: int | None
    undone: bool


def page(
    connection: Connection, project_id: int, me: int, wanted: Filter, offset: int, n: int
) -> list[Reviewed]:
    """Read n items of a view from `offset` on, in the order of the view."""
    query = _sorted(_query_of(connection, project_id, me, wanted), connection, project_id, wanted)
    query = query.limit(n).offset(offset)
    ids = connection.execute(query, {"annotator": me})
    return rows(connection, [row[0] for row in ids])


def count(connection: Connection, project_id: int, me: int, wanted: Filter) -> int:
    """Count the items of a view."""
    items_of_view = _query_of(connection, project_id, me, wanted).order_by(None).subquery()
    query = select(func.count()).select_from(items_of_view)
    return connection.execute(query, {"annotator": me}).scalar_one()


def since(
    connection: Connection, project_id: int, me: int, after: int, n: int, open_too: bool
) -> list[Reviewed]:
    """Read up to n answered items whose counting event is newer than `after`, oldest first.

    open_too: see `Filter`.
    """
    query = (
        select(answer.c.item_id)
        .where(answer.c.project_id == project_id, answer.c.event_id > after)
        .order_by(answer.c.event_id)
        .limit(n)
    )
    if not open_too:
        query = query.where(answer.c.item_id.not_in(_open_to(project_id)))
    return rows(connection, list(connection.execute(query, {"annotator": me}).scalars()))


def rows(connection: Connection, item_ids: Sequence[int]) -> list[Reviewed]:
    """Read what is said of items, in the order given."""
    comments = (
        select(func.count()).where(comment.c.item_id == item.c.id).correlate(item).scalar_subquery()
    )
    results = connection.execute(
        select(
            item.c.id,
            item.c.name,
            item.c.content_hash,
            item.c.width,
            item.c.height,
            answer.c.event_id,
            label_event.c.kind,
            answer.c.class_id,
            annotator.c.name,
            label_event.c.created_at,
            _origin,
            label_event.c.note,
            comments,
            today(label_check.c.class_id),
            label_check.c.p,
            label_check.c.p_label,
            func.coalesce(label_check.c.flagged, False),
        )
        .outerjoin(answer, answer.c.item_id == item.c.id)
        .outerjoin(label_event, label_event.c.id == answer.c.event_id)
        .outerjoin(annotator, annotator.c.id == label_event.c.annotator_id)
        .outerjoin(label_check, _fresh)
        .where(item.c.id.in_(item_ids))
    )
    by_id = {shown.item_id: shown for shown in (Reviewed(*tuple(row)) for row in results)}
    for item_id, (class_id, source) in foreign_predictions.of_items(connection, item_ids).items():
        by_id[item_id] = replace(by_id[item_id], predicted=class_id, predicted_by=source)
    return [by_id[i] for i in item_ids]


def predicted(connection: Connection, project_id: int, me: int, wanted: Filter) -> np.ndarray:
    """Read the view "predictions": (n, 3) item ids, predicted class ids, 1 where it has a label."""
    query = _query_of(connection, project_id, me, wanted).add_columns(*foreign_predictions.ABOUT)
    query = _sorted(query, connection, project_id, wanted)
    rows = connection.execute(query, {"annotator": me}).all()
    return np.array([tuple(row) for row in rows], np.int64).reshape(-1, 3)


def log(connection: Connection, item_id: int) -> list[Entry]:
    """Read all that was ever answered of an item, oldest first, undone answers marked."""
    events = connection.execute(
        select(
            label_event.c.id,
            label_event.c.annotator_id,
            annotator.c.name,
            label_event.c.kind,
            today(label_event.c.class_id),
            label_event.c.created_at,
            _origin,
            label_event.c.note,
            today(label_event.c.suggested_class),
            ~_not_undone,
        )
        .join(annotator, annotator.c.id == label_event.c.annotator_id)
        .where(label_event.c.item_id == item_id)
        .order_by(label_event.c.id)
    )
    return [Entry(*row) for row in events]


def is_open(connection: Connection, project_id: int, me: int, item_id: int) -> bool:
    """Tell whether I may still be asked about an item that others answer, or that is gold."""
    query = _open_to(project_id).where(item.c.id == item_id)
    return connection.execute(query, {"annotator": me}).first() is not None


def people(connection: Connection, project_id: int) -> list[tuple[int, str]]:
    """List id and name of everybody who has answered in a project, by name."""
    has_answered = (
        select(label_event.c.id)
        .where(label_event.c.annotator_id == annotator.c.id, label_event.c.project_id == project_id)
        .exists()
    )
    rows = connection.execute(
        select(annotator.c.id, annotator.c.name).where(has_answered).order_by(annotator.c.name)
    )
    return [tuple(row) for row in rows]


def origins(connection: Connection, project_id: int) -> list[str]:
    """List where the labels that count came from."""
    rows = connection.execute(
        select(_origin)
        .distinct()
        .join(answer, answer.c.event_id == label_event.c.id)
        .where(answer.c.project_id == project_id)
    )
    return sorted(rows.scalars())


def _sorted(
    query: Select[Any], connection: Connection, project_id: int, wanted: Filter
) -> Select[Any]:
    """Sort a view by a column of metadata; items of one value stay in the view's order."""
    if wanted.sort is None:
        return query
    column = metadata_values.column(connection, project_id, wanted.sort)
    item_id = query.selected_columns[0]
    key: ColumnElement[Any] = metadata_value.c.value
    query = query.outerjoin(
        metadata_value,
        and_(metadata_value.c.item_id == item_id, metadata_value.c.column_id == column.id),
    )
    if column.kind == "text":
        query = query.outerjoin(metadata_text, metadata_text.c.id == metadata_value.c.value)
        key = metadata_text.c.text
    order = query._order_by_clauses
    first = (key.desc() if wanted.falling else key.asc()).nulls_last()
    return query.order_by(None).order_by(first, *order)


def _query_of(connection: Connection, project_id: int, me: int, wanted: Filter) -> Select[Any]:
    """Select the ids of a view's items in its order, through the filters."""
    query = VIEWS[wanted.view](project_id, me)
    of_answer = query.selected_columns[0] is not answer.c.item_id
    item_id = query.selected_columns[0]
    of_label = (wanted.class_id, wanted.annotator_id, wanted.origin)
    if of_answer and (any(part is not None for part in of_label) or wanted.disagrees):
        query = query.join(answer, answer.c.item_id == item_id)
    if wanted.class_id is not None:
        query = query.where(answer.c.class_id == wanted.class_id)
    if wanted.annotator_id is not None or wanted.origin is not None:
        event = label_event.alias("counted")
        query = query.join(event, event.c.id == answer.c.event_id)
        if wanted.annotator_id is not None:
            query = query.where(event.c.annotator_id == wanted.annotator_id)
        if wanted.origin is not None:
            hidden = _HIDDEN if wanted.origin == "random" else ()
            query = query.where(event.c.origin.in_((wanted.origin, *hidden)))
    if wanted.disagrees:
        check = label_check.alias("check")
        query = query.join(
            check, and_(check.c.item_id == answer.c.item_id, check.c.event_id == answer.c.event_id)
        ).where(check.c.class_id != answer.c.class_id)
    if wanted.condition is not None:
        query = query.where(
            metadata_values.having(connection, project_id, wanted.condition, item_id)
        )
    if wanted.selection is not None:
        query = query.where(item_id.in_(selections.items(project_id, wanted.selection)))
    if not wanted.open_too:
        query = query.where(item_id.not_in(_open_to(project_id)))
    if wanted.name:
        query = query.join(item, item.c.id == item_id).where(
            # Files keep their accents composed or not, as whoever made them wrote them.
            or_(
                *(
                    item.c.name.icontains(normalize(form, wanted.name), autoescape=True)
                    for form in ("NFC", "NFD")
                )
            )
        )
    return query


def _open_to(project_id: int) -> Select[Any]:
    """Select items that several people answer, or that are gold, and I have not answered."""
    return select(item.c.id).where(item.c.project_id == project_id, assignment.hidden)


def _all(project_id: int, me: int) -> Select[Any]:
    return (
        select(answer.c.item_id)
        .where(answer.c.project_id == project_id)
        .order_by(answer.c.event_id.desc())
    )


def _unsure(project_id: int, me: int) -> Select[Any]:
    return _all(project_id, me).where(answer.c.class_id.is_(None))


def _probably_wrong(project_id: int, me: int) -> Select[Any]:
    return (
        select(answer.c.item_id)
        .join(label_check, _fresh)
        .where(label_check.c.project_id == project_id, label_check.c.flagged)
        .order_by(label_check.c.error_score.desc(), label_check.c.item_id)
    )


def _mine(project_id: int, me: int) -> Select[Any]:
    last = func.max(label_event.c.id)
    mine = (
        select(label_event.c.item_id, last.label("last"))
        .where(
            label_event.c.annotator_id == me,
            label_event.c.project_id == project_id,
            label_event.c.kind.in_(("label", "unsure")),
            _not_undone,
        )
        .group_by(label_event.c.item_id)
        .subquery()
    )
    return select(mine.c.item_id).order_by(mine.c.last.desc())


def _disagreements(project_id: int, me: int) -> Select[Any]:
    """Select items on which people differ and nobody had the last word."""
    disputed = (
        select(vote.c.item_id, func.max(vote.c.event_id).label("last"))
        .where(vote.c.item_id.in_(votes.of_several(project_id)))
        .group_by(vote.c.item_id)
        .having(func.count(vote.c.class_id.distinct()) > 1)
        .subquery()
    )
    return (
        select(disputed.c.item_id)
        .join(answer, answer.c.item_id == disputed.c.item_id)
        .where(~answer.c.final)
        .order_by(disputed.c.last.desc())
    )


def _comments(project_id: int, me: int) -> Select[Any]:
    talked = (
        select(comment.c.item_id, func.max(comment.c.id).label("last"))
        .where(comment.c.project_id == project_id)
        .group_by(comment.c.item_id)
        .subquery()
    )
    return select(talked.c.item_id).order_by(talked.c.last.desc())


VIEWS = {
    "all": _all,
    "mine": _mine,
    "doubts": _probably_wrong,
    "unsure": _unsure,
    "disagreements": _disagreements,
    "comments": _comments,
    "predictions": foreign_predictions.suspects,
}
