"""Owns the count of labels that a model knew and that were taken back since.

By an undo, or by an "unsure" in their place. A label that was given again does not count, and one
that was only corrected is a new label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, text

from alcore.store.tables import answer, item, label_event, today


def count(connection: Connection, project_id: int, until: int) -> int:
    """Count pool items whose label stood at the event `until` and was taken back after it."""
    # As a list of its own, without join or DISTINCT, SQLite finds it in the index of just these.
    events = select(label_event.c.item_id).where(
        label_event.c.project_id == project_id,
        label_event.c.id > until,
        text("label_event.kind IN ('undo', 'unsure')"),  # as the index has it
    )
    touched = select(item.c.id).where(item.c.id.in_(events), item.c.split == "pool")
    ids = connection.execute(touched).scalars().all()
    if not ids:
        return 0
    rows = connection.execute(
        select(
            *(c for c in label_event.c if c.name != "class_id"),
            today(label_event.c.class_id).label("class_id"),
        )
        .where(label_event.c.item_id.in_(ids), label_event.c.id <= until)
        .order_by(label_event.c.id)
    )
    logs: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in rows:
        logs[row.item_id].append(row)
    now = dict(
        connection.execute(
            select(answer.c.item_id, answer.c.class_id).where(answer.c.item_id.in_(ids))
        ).all()
    )
    before = {item_id: _stood(log) for item_id, log in logs.items()}
    return sum(was is not None and now.get(item_id) != was for item_id, was in before.items())


def _stood(log: Sequence[Row[*tuple[Any, ...]]]) -> int | None:
    """Return the class that counted at the end of an item's log: the last word, else the majority.

    Of as many votes the newest; None for no label or an unsure.
    """
    undone = {event.undoes for event in log}
    standing = [
        event
        for event in log
        if event.kind in ("label", "import", "unsure") and event.id not in undone
    ]
    final = [event for event in standing if event.origin == "adjudicated"]
    if final:
        return final[-1].class_id
    votes = {event.annotator_id: event for event in standing}  # of several, the last stays
    tally: dict[int | None, list[int]] = defaultdict(list)
    for event in votes.values():
        tally[event.class_id].append(event.id)
    return max(tally, key=lambda c: (len(tally[c]), max(tally[c])), default=None)
