"""Owns what is asked of many items at once: leases on chosen items, lots of labels, changes.

A lot is a set of labels that were given with one key press; the keys of its events are the lot's
key, a slash and the item's id, so that the log needs no column for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select

from alcore.records import LabelEvent, Lease, Origin
from alcore.store import labels, leasing
from alcore.store.tables import answer, gold, item, label_event, lease

_AT_ONCE = 500
_skip = label_event.alias("skip")
_undo = label_event.alias("undo")


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


def lot_of(key: str) -> str | None:
    """Name the lot that an event's key belongs to; None for a label given alone."""
    lot, slash, _ = key.partition("/")
    return lot if slash else None


def claim(
    connection: Connection,
    project_id: int,
    item_ids: Sequence[int],
    n: int,
    annotator_id: int,
    client: str,
    origin: Origin,
    now: float,
    expires_at: float,
    round_id: int | None,
    head_labels: int | None,
) -> list[Lease]:
    """Lease the first n of the given items that are free, in their order.

    Free: in the pool, without an answer, held by nobody, this client included, and not skipped
    twice by this annotator. Holdout items and gold are never leased here.
    """
    chosen: list[int] = []
    for start in range(0, len(item_ids), _AT_ONCE):
        chunk = [int(i) for i in item_ids[start : start + _AT_ONCE]]
        free = _free(connection, project_id, chunk, annotator_id, now)
        chosen += [i for i in chunk if i in free]
        if len(chosen) >= n:
            break
    chosen = chosen[:n]
    if not chosen:
        return []
    connection.execute(delete(lease).where(lease.c.item_id.in_(chosen)))
    tokens = [secrets.token_hex(16) for _ in chosen]
    connection.execute(
        insert(lease),
        [
            {
                "item_id": item_id,
                "project_id": project_id,
                "annotator_id": annotator_id,
                "client": client,
                "token": token,
                "expires_at": expires_at,
                "origin": origin,
                "round_id": round_id,
                "head_labels": head_labels,
            }
            for item_id, token in zip(chosen, tokens, strict=True)
        ],
    )
    leases = {one.item_id: one for one in leasing.by_token(connection, project_id, tokens)}
    return [leases[item_id] for item_id in chosen]


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
    found = [labels.by_key(connection, key) for key in keys.all()]
    return [event for event in found if event is not None]


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
    found = [
        Change(row.item_id, row.split == "pool", row.event_id is not None, row.class_id)
        for row in rows
    ]
    return found, max(after, labels.last_event(connection, project_id)) if rows else after


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
    found = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 3)
    return found[:, 0].copy(), found[:, 1].copy(), found[:, 2] <= until


def _free(
    connection: Connection, project_id: int, item_ids: list[int], annotator_id: int, now: float
) -> set[int]:
    skips = (
        select(func.count())
        .select_from(_skip)
        .where(
            _skip.c.item_id == item.c.id,
            _skip.c.kind == "skip",
            _skip.c.annotator_id == annotator_id,
            ~select(_undo.c.id).where(_undo.c.undoes == _skip.c.id).exists(),
        )
        .scalar_subquery()
    )
    return set(
        connection.execute(
            select(item.c.id).where(
                item.c.project_id == project_id,
                item.c.id.in_(item_ids),
                item.c.split == "pool",
                ~select(answer.c.item_id).where(answer.c.item_id == item.c.id).exists(),
                ~select(lease.c.item_id)
                .where(lease.c.item_id == item.c.id, lease.c.expires_at > now)
                .exists(),
                ~select(gold.c.item_id).where(gold.c.item_id == item.c.id).exists(),
                skips < leasing.SKIPS_TO_OTHERS,
            )
        ).scalars()
    )
