"""Owns the query queue: what is asked next, in which order and why.

A queue is written whole under a new ranking number, then the project's pointer is moved to it,
so that readers see the old queue or the new one, never a mixture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from alcore.records import Origin
from alcore.store import assignment, projects, votes
from alcore.store.tables import answer, item, queue_item, round_, vote


def swap(
    connection: Connection,
    project_id: int,
    rows: Sequence[Mapping[str, Any]],
    ranked_by: int | None,
    head_labels: int | None = None,
) -> int:
    """Replace the query queue; rows hold item_id, score, reason, origin and suggestion.

    head_labels: labels that the linear head knew on top of the model, where it has ranked.

    Returns the number of the new ranking. Leases on items of the old one stay valid.
    """
    old, _ = projects.ranking(connection, project_id)
    new = old + 1
    if rows:
        connection.execute(
            insert(queue_item),
            [
                {"project_id": project_id, "ranking": new, "rank": rank, **row}
                for rank, row in enumerate(rows)
            ],
        )
    projects.set_ranking(connection, project_id, new, ranked_by, head_labels)
    connection.execute(
        delete(queue_item).where(queue_item.c.project_id == project_id, queue_item.c.ranking < old)
    )
    return new


def queued(connection: Connection, project_id: int) -> set[int]:
    """Read the item ids of the queue that is served now."""
    number, _ = projects.ranking(connection, project_id)
    return set(
        connection.execute(
            select(queue_item.c.item_id).where(
                queue_item.c.project_id == project_id, queue_item.c.ranking == number
            )
        ).scalars()
    )


def last(connection: Connection, project_id: int) -> tuple[int, int]:
    """Read which ranking is served now, and the rank of its last item, −1 where it is empty."""
    number, _ = projects.ranking(connection, project_id)
    rank = connection.execute(
        select(func.max(queue_item.c.rank)).where(
            queue_item.c.project_id == project_id, queue_item.c.ranking == number
        )
    ).scalar()
    return number, -1 if rank is None else rank


def used_up(connection: Connection, project_id: int) -> list[int]:
    """Read the items of the queue that are answered.

    Those that others shall answer too are not, nor those that are asked again: their old answers
    do not tell whether they are open.
    """
    number, _ = projects.ranking(connection, project_id)
    lacking = votes.lacking_of(project_id).where(vote.c.item_id == queue_item.c.item_id)
    return list(
        connection.execute(
            select(queue_item.c.item_id)
            .join(answer, answer.c.item_id == queue_item.c.item_id)
            .where(
                queue_item.c.project_id == project_id,
                queue_item.c.ranking == number,
                queue_item.c.origin != "relabel",
                ~lacking.correlate(queue_item).exists(),
            )
        ).scalars()
    )


def extend(
    connection: Connection,
    project_id: int,
    items: Sequence[tuple[int, Origin]],
    reason: str,
    drop: Sequence[int],
) -> None:
    """Append items that are not queued yet, and take others out."""
    number, rank = last(connection, project_id)
    connection.execute(
        delete(queue_item).where(
            queue_item.c.project_id == project_id,
            queue_item.c.ranking == number,
            queue_item.c.item_id.in_(drop),
        )
    )
    connection.execute(
        insert(queue_item),
        [
            {
                "project_id": project_id,
                "ranking": number,
                "rank": rank + 1 + i,
                "item_id": item_id,
                "reason": reason,
                "origin": origin,
            }
            for i, (item_id, origin) in enumerate(items)
        ],
    )


def entry(connection: Connection, project_id: int, item_id: int) -> dict[str, Any] | None:
    """Read the queue's newest row of an item: score, reason, origin, suggestion."""
    row = connection.execute(
        select(queue_item)
        .where(queue_item.c.project_id == project_id, queue_item.c.item_id == item_id)
        .order_by(queue_item.c.ranking.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else dict(row._mapping)


def asked_again(connection: Connection, project_id: int, item_id: int) -> bool:
    """Tell whether the queue served now asks about an answered item again and still waits."""
    number, ranked_by = projects.ranking(connection, project_id)
    row = connection.execute(
        select(queue_item.c.item_id)
        .join(item, item.c.id == queue_item.c.item_id)
        .join(answer, answer.c.item_id == queue_item.c.item_id)
        .where(
            queue_item.c.project_id == project_id,
            queue_item.c.ranking == number,
            queue_item.c.item_id == item_id,
            queue_item.c.origin == "relabel",
            assignment.waits_again,
        ),
        {"known": known(connection, ranked_by)},
    ).first()
    return row is not None


def known(connection: Connection, ranked_by: int | None) -> int:
    """Read the newest event that the model behind a ranking knows, 0 without a model."""
    return (
        connection.execute(select(round_.c.last_event).where(round_.c.id == ranked_by)).scalar()
        or 0
    )
