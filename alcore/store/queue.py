"""Owns the query queue and the leases on its items.

A queue is written whole under a new ranking number, then the project's pointer is moved to it,
so that readers see the old queue or the new one, never a mixture.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, text, update

from alcore.records import Lease, Origin
from alcore.store import projects
from alcore.store.tables import annotator, answer, comment, item, lease, queue_item, round_

SKIP_PAUSE = 10
"""Answers that a person gives before an image that they skipped comes back."""
SKIPS_TO_OTHERS = 2
"""After this many skips an image goes to others only."""

_CLAIM = text(
    """
    INSERT INTO lease (item_id, project_id, annotator_id, client, token, expires_at, origin,
                       round_id, instant)
    SELECT q.item_id, q.project_id, :annotator, :client, lower(hex(randomblob(16))), :expires,
           q.origin, :round, :instant
    FROM queue_item q
    WHERE q.project_id = :project AND q.ranking = :ranking
      AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.item_id = q.item_id AND l.expires_at > :now)
      AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.item_id = q.item_id
                      AND (q.origin <> 'relabel' OR a.event_id > :known))
      AND (SELECT count(*) FROM label_event s WHERE s.item_id = q.item_id AND s.kind = 'skip'
           AND s.annotator_id = :annotator
           AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = s.id)) < :skips
    ORDER BY EXISTS (SELECT 1 FROM label_event s WHERE s.item_id = q.item_id AND s.kind = 'skip'
                     AND s.annotator_id = :annotator AND s.id >= :recent
                     AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = s.id)),
             q.rank
    LIMIT :n
    ON CONFLICT (item_id) DO UPDATE SET
        annotator_id = excluded.annotator_id, client = excluded.client, token = excluded.token,
        expires_at = excluded.expires_at, origin = excluded.origin, round_id = excluded.round_id,
        instant = excluded.instant
    RETURNING token
    """
)
_comments = (
    select(func.count())
    .where(comment.c.item_id == lease.c.item_id)
    .correlate(lease)
    .scalar_subquery()
    .label("comments")
)
_RECENT = text(
    """
    SELECT coalesce(min(id), 0) FROM (
        SELECT id FROM label_event WHERE annotator_id = :annotator AND project_id = :project
        ORDER BY id DESC LIMIT :pause)
    """
)


def swap(
    connection: Connection,
    project_id: int,
    rows: Sequence[Mapping[str, Any]],
    ranked_by: int | None,
    instant: int | None = None,
) -> int:
    """Replace the query queue; rows hold item_id, score, reason, origin and suggestion.

    instant: labels that the linear head knew on top of the model, where it has ranked.

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
    projects.set_ranking(connection, project_id, new, ranked_by, instant)
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


def extend(
    connection: Connection, project_id: int, items: Sequence[tuple[int, Origin]], reason: str
) -> None:
    """Append items that are not queued yet, and drop those that are answered.

    Those that are asked again stay: their old answers do not tell whether they are open.
    """
    number, _ = projects.ranking(connection, project_id)
    first = connection.execute(
        select(func.coalesce(func.max(queue_item.c.rank), -1) + 1).where(
            queue_item.c.project_id == project_id, queue_item.c.ranking == number
        )
    ).scalar_one()
    connection.execute(
        delete(queue_item).where(
            queue_item.c.project_id == project_id,
            queue_item.c.ranking == number,
            queue_item.c.origin != "relabel",
            queue_item.c.item_id.in_(select(answer.c.item_id)),
        )
    )
    connection.execute(
        insert(queue_item),
        [
            {
                "project_id": project_id,
                "ranking": number,
                "rank": first + i,
                "item_id": item_id,
                "reason": reason,
                "origin": origin,
            }
            for i, (item_id, origin) in enumerate(items)
        ],
    )


def claim(
    connection: Connection,
    project_id: int,
    annotator_id: int,
    client: str,
    n: int,
    now: float,
    expires_at: float,
) -> list[Lease]:
    """Lease up to n items to one browser tab, in the order of the queue.

    Skips items that anybody holds, that are answered, or that this annotator skipped twice. An
    item that is asked again counts as answered from its first answer that the ranking's model
    did not know.
    """
    ranking, ranked_by = projects.ranking(connection, project_id)
    who = {"project": project_id, "annotator": annotator_id}
    recent = connection.execute(_RECENT, who | {"pause": SKIP_PAUSE}).scalar_one()
    tokens = connection.execute(
        _CLAIM,
        who
        | {
            "client": client,
            "expires": expires_at,
            "round": ranked_by,
            "instant": projects.instant(connection, project_id),
            "known": _known(connection, ranked_by),
            "ranking": ranking,
            "now": now,
            "skips": SKIPS_TO_OTHERS,
            "recent": recent,
            "n": n,
        },
    ).scalars()
    return by_token(connection, project_id, list(tokens))


def claim_item(
    connection: Connection,
    project_id: int,
    item_id: int,
    annotator_id: int,
    client: str,
    origin: Origin,
    now: float,
    expires_at: float,
    token: str | None = None,
    round_id: int | None = None,
    instant: int | None = None,
) -> Lease | None:
    """Lease one given item, or return None while somebody else holds it or the token is used."""
    token = token or secrets.token_hex(16)
    in_the_way = connection.execute(
        select(lease.c.item_id).where(
            or_(
                (lease.c.item_id == item_id)
                & (lease.c.expires_at > now)
                & (lease.c.client != client),
                (lease.c.item_id != item_id) & (lease.c.token == token),
            )
        )
    ).first()
    if in_the_way is not None:
        return None
    connection.execute(delete(lease).where(lease.c.item_id == item_id))
    connection.execute(
        insert(lease).values(
            item_id=item_id,
            project_id=project_id,
            annotator_id=annotator_id,
            client=client,
            token=token,
            expires_at=expires_at,
            origin=origin,
            round_id=round_id,
            instant=instant,
        )
    )
    return by_token(connection, project_id, [token])[0]


def by_token(connection: Connection, project_id: int, tokens: Sequence[str]) -> list[Lease]:
    """Read leases by their tokens, in the order of the queue; unknown tokens are left out."""
    if not tokens:
        return []
    number, _ = projects.ranking(connection, project_id)
    rows = connection.execute(
        _leases(lease.c.token.in_(tokens), number).where(lease.c.project_id == project_id)
    )
    return [_record(row) for row in rows]


def of_item(connection: Connection, item_id: int) -> tuple[Lease, int, str] | None:
    """Read the lease on an item with its annotator's id and its client, expired or not."""
    row = connection.execute(
        _leases(lease.c.item_id == item_id, 0).add_columns(lease.c.annotator_id, lease.c.client)
    ).one_or_none()
    return row and (_record(row), row.annotator_id, row.client)


def renew(
    connection: Connection, client: str, tokens: Sequence[str], now: float, expires_at: float
) -> list[str]:
    """Put off the end of leases that this client still has; return their tokens."""
    if not tokens:
        return []
    rows = connection.execute(
        update(lease)
        .where(lease.c.token.in_(tokens), lease.c.client == client, lease.c.expires_at > now)
        .values(expires_at=expires_at)
        .returning(lease.c.token)
    )
    return list(rows.scalars())


def release(connection: Connection, client: str, tokens: Sequence[str]) -> None:
    """Give leases back at once."""
    if tokens:
        connection.execute(delete(lease).where(lease.c.token.in_(tokens), lease.c.client == client))


def drop(connection: Connection, item_id: int) -> None:
    """Remove the lease on an item that was answered."""
    connection.execute(delete(lease).where(lease.c.item_id == item_id))


def holders(connection: Connection, project_id: int, now: float) -> list[tuple[str, int, float]]:
    """List who holds how many images until when."""
    rows = connection.execute(
        select(annotator.c.name, func.count(), func.max(lease.c.expires_at))
        .join(annotator, annotator.c.id == lease.c.annotator_id)
        .where(lease.c.project_id == project_id, lease.c.expires_at > now)
        .group_by(annotator.c.name)
    )
    return [tuple(row) for row in rows]


def entry(connection: Connection, project_id: int, item_id: int) -> dict[str, Any] | None:
    """Read the queue's newest row of an item: score, reason, origin, suggestion."""
    row = connection.execute(
        select(queue_item)
        .where(queue_item.c.project_id == project_id, queue_item.c.item_id == item_id)
        .order_by(queue_item.c.ranking.desc())
        .limit(1)
    ).one_or_none()
    return row and dict(row._mapping)


def asked_again(connection: Connection, project_id: int, item_id: int) -> bool:
    """Tell whether the queue served now asks about an answered item again and still waits."""
    number, ranked_by = projects.ranking(connection, project_id)
    row = connection.execute(
        select(queue_item.c.item_id)
        .join(answer, answer.c.item_id == queue_item.c.item_id)
        .where(
            queue_item.c.project_id == project_id,
            queue_item.c.ranking == number,
            queue_item.c.item_id == item_id,
            queue_item.c.origin == "relabel",
            answer.c.event_id <= _known(connection, ranked_by),
        )
    ).first()
    return row is not None


def _known(connection: Connection, ranked_by: int | None) -> int:
    """Read the newest event that the model behind a ranking knows, 0 without a model."""
    return (
        connection.execute(select(round_.c.last_event).where(round_.c.id == ranked_by)).scalar()
        or 0
    )


def _leases(condition: Any, ranking: int) -> Any:
    return (
        select(lease, round_.c.number, item.c.content_hash, item.c.width, item.c.height, _comments)
        .join(item, item.c.id == lease.c.item_id)
        .outerjoin(round_, round_.c.id == lease.c.round_id)
        .outerjoin(
            queue_item,
            (queue_item.c.project_id == lease.c.project_id)
            & (queue_item.c.item_id == lease.c.item_id)
            & (queue_item.c.ranking == ranking),
        )
        .where(condition)
        .order_by(queue_item.c.rank)
    )


def _record(row: Row[Any]) -> Lease:
    return Lease(
        token=row.token,
        item_id=row.item_id,
        expires_at=row.expires_at,
        origin=row.origin,
        round_id=row.round_id,
        round_number=row.number,
        instant=row.instant,
        content_hash=row.content_hash,
        width=row.width,
        height=row.height,
        comments=row.comments,
    )
