"""Owns answers that hold for all near-duplicates of an image, where a project wants that.

What follows an answer has its key, a slash and the item's id as its own, so that the log says of
which answer it is, and both are taken back together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alcore.records import NewEvent, NewUndo, Origin, Project
from alcore.store import Connection, bulk, labels, near_duplicates

ORIGIN: Origin = "near-duplicate"


def follow(connection: Connection, project: Project, event: NewEvent) -> list[int]:
    """Say of an image's near-duplicates what was just said of it; return their ids.

    Of those in the pool without an answer, and of those that followed an earlier answer to this
    image; gold and what checks a model is asked by itself. An answer to gold or to a check holds
    for nothing else, nor does one in the holdout.
    """
    if not project.settings.answer_alike or event.kind not in ("label", "unsure"):
        return []
    if event.origin in ("gold", "check", "holdout"):
        return []
    alike = near_duplicates.to_follow(connection, event.item_id, ORIGIN)
    for item_id in alike:
        labels.append(
            connection,
            replace(
                event,
                item_id=item_id,
                key=bulk.event_key(event.key, item_id),
                token=None,
                origin=ORIGIN,
                seconds=None,
                note=None,
                round_id=None,
                head_labels=None,
                suggestion_shown=False,
                explanation_shown=False,
                suggested_class=None,
                suggested_by=None,
            ),
        )
    return alike


def take_back(connection: Connection, wish: NewUndo) -> None:
    """Take back what followed an answer that is taken back, but for what was changed since."""
    for event in bulk.events(connection, wish.project_id, wish.undoes):
        if event.origin == ORIGIN and not event.undone:
            key = bulk.event_key(wish.key, event.item_id)
            labels.take_back(connection, replace(wish, key=key, undoes=event.key))


def one_of_each(
    connection: Connection, project: Project, order: Sequence[int]
) -> tuple[list[int], Mapping[int, int]]:
    """Leave of near-duplicates that are asked about only the first; of each, how many follow it.

    Questions of the holdout are asked one by one.
    """
    if not project.settings.answer_alike:
        return list(order), {}
    ids, firsts = near_duplicates.groups(connection, project.id)
    group = dict(zip(ids.tolist(), firsts.tolist(), strict=True))
    held = near_duplicates.held(connection, project.id)
    sizes: dict[int, int] = {}
    for item_id, first in group.items():
        sizes[first] = sizes.get(first, 0) + (item_id not in held)
    kept, seen, follows = [], set(), {}
    for item_id in order:
        first = group.get(item_id)
        if first is None or item_id in held:
            kept.append(item_id)
        elif first not in seen:
            seen.add(first)
            kept.append(item_id)
            follows[item_id] = sizes[first] - 1
    return kept, follows


def with_reasons(rows: Sequence[Mapping[str, Any]], follows: Mapping[int, int]) -> list[Any]:
    """Say in the reasons of questions how many near-duplicates their answer labels too."""
    return [
        {**row, "reason": f"{row['reason']}; labels {_alike(follows[row['item_id']])} too"}
        if follows.get(row["item_id"])
        else row
        for row in rows
    ]


def _alike(n: int) -> str:
    return "1 near-duplicate" if n == 1 else f"{n} near-duplicates"
