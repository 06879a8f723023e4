"""Owns what is asked of many items at once: leases on chosen items, lots of labels, changes.

A lot is a set of labels that were given with one key press; the keys of its events are the lot's
key, a slash and the item's id, so that the log needs no column for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, select

from alcore.records import Holder, LabelEvent, Lease, Provenance
from alcore.store import assignment, labels, leasing
from alcore.store.tables import answer, item, label_event, lease

_AT_ONCE = 500


@dataclass(frozen=True)
class Change:
    """How an item stands after something was said about it."""

    item_id: int
    in_pool: bool
    answered: bool
    class_id: int | None
    """Of its current label."""


def event_key(lot: str, item_id: int) -> str:
    """Name one label of a lot."""
    return f"{lot}/{item_id}"


def claim(
    connection: Connection,
    holder: Holder,
    item_ids: Sequence[int],
    n: int,
    provenance: Provenance,
) -> list[Lease]:
    """Lease the first n of the given items that are free, in their order.

    Free: in the pool, without an answer, held by nobody, this client included, and not skipped
    twice by this annotator. Holdout items, gold and what checks a model are never leased here.
    """
    free_items: list[int] = []
    for start in range(0, len(item_ids), _AT_ONCE):
        chunk = [int(i) for i in item_ids[start : start + _AT_ONCE]]
        free = _free(connection, holder, chunk)
        free_items += [i for i in chunk if i in free]
        if len(free_items) >= n:
            break
    tokens = {item_id: secrets.token_hex(16) for item_id in free_items[:n]}
    if not tokens:
        return []
    connection.execute(delete(lease).where(lease.c.item_id.in_(tokens)))
    leasing.hold(connection, holder, tokens, provenance)
    rows = leasing.by_token(connection, holder.project_id, list(tokens.values()))
    leases = {one.item_id: one for one in rows}
    return [leases[item_id] for item_id in tokens]


def events(connection: Connection, project_id: int, lot: str) -> list[LabelEvent]:
    """Read the events of a lot, in the order of their items."""
    keys = connection.execute(
        select(label_event.c.key)
        .where(
            label_event.c.project_id == project_id,
            # Digits sort before the character after the slash: an index finds the range.
            label_event.c.key > f"{lot}/",
            label_event.c.key < f"{lot}0",
        )
        .order_by(label_event.c.id)
    ).scalars()
    events = [labels.by_key(connection, key) for key in keys.all()]
    return [event for event in events if event is not None]


def changes(connection: Connection, project_id: int, after: int) -> tuple[list[Change], int]:
    """Read how items stand that anything was said about since the event `after`.

    Returns also the newest event.
    """
    touched = (
        select(label_event.c.item_id)
        .where(label_event.c.project_id == project_id, label_event.c.id > after)
        .distinct()
        .subquery()
    )
    rows = connection.execute(
        select(touched.c.item_id, item.c.split, answer.c.event_id, answer.c.class_id)
        .join(item, item.c.id == touched.c.item_id)
        .outerjoin(answer, answer.c.item_id == touched.c.item_id)
        .order_by(func.coalesce(answer.c.event_id, 0))
    ).all()
    standing = [
        Change(row.item_id, row.split == "pool", row.event_id is not None, row.class_id)
        for row in rows
    ]
    return standing, max(after, labels.last_event(connection, project_id)) if rows else after


def known_labels(
    connection: Connection, project_id: int, until: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the training labels: item ids, class ids, and whether each is no newer than `until`.

    (L,) int64, int64 and bool, in order of answer.
    """
    rows = connection.execute(
        select(answer.c.item_id, answer.c.class_id, answer.c.event_id)
        .where(
            answer.c.project_id == project_id,
            answer.c.split == "pool",
            answer.c.class_id.is_not(None),
        )
        .order_by(answer.c.event_id)
    ).all()
    table = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 3)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2] <= until


def _free(connection: Connection, holder: Holder, item_ids: list[int]) -> set[int]:
    """Find images that nobody answered or holds, however many people shall answer them."""
    return set(
        connection.execute(
            select(item.c.id).where(
                item.c.project_id == holder.project_id,
                item.c.id.in_(item_ids),
                item.c.split == "pool",
                assignment.anew(answers=1),
                ~assignment.is_gold,
                ~assignment.is_check,
                assignment.skips < assignment.SKIPS_TO_OTHERS,
            ),
            {"annotator": holder.annotator_id, "now": holder.now},
        ).scalars()
    )
