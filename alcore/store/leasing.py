"""Owns leases: who holds which image of the queue, in which tab, until when.

A lease has a token, which the answer brings back. Times are Unix seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from alcore.records import Lease, Origin
from alcore.store import projects, queue
from alcore.store.tables import (
    annotator,
    answer,
    comment,
    gold,
    item,
    lease,
    queue_item,
    round_,
    vote,
)

SKIP_PAUSE = 10
"""Answers that a person gives before an image that they skipped comes back."""
SKIPS_TO_OTHERS = 2
"""After this many skips an image goes to others only."""

_CLAIM = text(
    """
    INSERT INTO lease (item_id, project_id, annotator_id, client, token, expires_at, origin,
                       round_id, head_labels)
    SELECT q.item_id, q.project_id, :annotator, :client, lower(hex(randomblob(16))), :expires,
           q.origin, :round, :head_labels
    FROM queue_item q JOIN item i ON i.id = q.item_id
    WHERE q.project_id = :project AND q.ranking = :ranking
      AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.item_id = q.item_id AND l.expires_at > :now
                      AND (i.answers = 1 OR q.origin = 'relabel'
                           OR l.annotator_id = :annotator))
      AND CASE
        WHEN q.origin = 'relabel' THEN
          NOT EXISTS (SELECT 1 FROM vote v WHERE v.item_id = q.item_id AND v.event_id > :known)
          AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.item_id = q.item_id AND a.final)
        WHEN i.answers = 1 THEN
          NOT EXISTS (SELECT 1 FROM answer a WHERE a.item_id = q.item_id)
        ELSE
          NOT EXISTS (SELECT 1 FROM vote v WHERE v.item_id = q.item_id
                      AND v.annotator_id = :annotator)
          AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.item_id = q.item_id AND a.final)
          AND (SELECT count(*) FROM vote v WHERE v.item_id = q.item_id)
            + (SELECT count(*) FROM lease l WHERE l.item_id = q.item_id AND l.expires_at > :now
               AND NOT EXISTS (SELECT 1 FROM vote v WHERE v.item_id = q.item_id
                               AND v.annotator_id = l.annotator_id)) < i.answers
        END
      AND (SELECT count(*) FROM label_event s WHERE s.item_id = q.item_id AND s.kind = 'skip'
           AND s.annotator_id = :annotator
           AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = s.id)) < :skips
    ORDER BY EXISTS (SELECT 1 FROM label_event s WHERE s.item_id = q.item_id AND s.kind = 'skip'
                     AND s.annotator_id = :annotator AND s.id >= :recent
                     AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = s.id)),
             q.rank
    LIMIT :n
    ON CONFLICT (item_id, annotator_id) DO UPDATE SET
        client = excluded.client, token = excluded.token, expires_at = excluded.expires_at,
        origin = excluded.origin, round_id = excluded.round_id,
        head_labels = excluded.head_labels
    RETURNING token
    """
)
_FORGET = text(
    """
    DELETE FROM lease WHERE project_id = :project AND expires_at <= :now AND item_id IN
      (SELECT item_id FROM lease WHERE project_id = :project AND client = :client
       AND expires_at > :now)
    """
)
"""The end of leases that ran out, on images that this client has by now."""
_comments = (
    select(func.count())
    .where(comment.c.item_id == lease.c.item_id)
    .correlate(lease)
    .scalar_subquery()
    .label("comments")
)
_DROP = delete(lease).where(
    lease.c.item_id == bindparam("item"),
    or_(lease.c.annotator_id == bindparam("annotator"), lease.c.expires_at <= bindparam("now")),
)
_RECENT = text(
    """
    SELECT coalesce(min(id), 0) FROM (
        SELECT id FROM label_event WHERE annotator_id = :annotator AND project_id = :project
        ORDER BY id DESC LIMIT :pause)
    """
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
    item that several people shall answer goes to as many at once as answers are lacking, and
    never again to who answered it. An item that is asked again counts as answered from its first
    answer that the ranking's model did not know.
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
            "head_labels": projects.head_labels(connection, project_id),
            "known": queue.known(connection, ranked_by),
            "ranking": ranking,
            "now": now,
            "skips": SKIPS_TO_OTHERS,
            "recent": recent,
            "n": n,
        },
    ).scalars()
    found = by_token(connection, project_id, list(tokens))
    if found:
        connection.execute(_FORGET, {"project": project_id, "client": client, "now": now})
    return found


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
    head_labels: int | None = None,
) -> Lease | None:
    """Lease one given item, or return None while it is taken or the token is used.

    It is taken while another tab of the same person holds it, or others do and no further answer
    is lacking.
    """
    token = token or secrets.token_hex(16)
    in_the_way = connection.execute(
        select(lease.c.item_id).where(
            or_(
                (lease.c.item_id == item_id)
                & (lease.c.annotator_id == annotator_id)
                & (lease.c.expires_at > now)
                & (lease.c.client != client),
                (lease.c.item_id != item_id) & (lease.c.token == token),
            )
        )
    ).first()
    if in_the_way is not None:
        return None
    held, lacking = room(connection, item_id, annotator_id, now)
    if held and not lacking:
        return None
    connection.execute(
        delete(lease).where(
            lease.c.item_id == item_id,
            or_(lease.c.annotator_id == annotator_id, lease.c.expires_at <= now),
        )
    )
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
            head_labels=head_labels,
        )
    )
    return by_token(connection, project_id, [token])[0]


def by_token(connection: Connection, project_id: int, tokens: Sequence[str]) -> list[Lease]:
    """Read leases by their tokens, in the order of the queue; unknown tokens are left out."""
    if not tokens:
        return []
    number, _ = projects.ranking(connection, project_id)
    which = {"tokens": list(tokens), "project": project_id, "ranking": number}
    rows = connection.execute(_BY_TOKEN, which)
    return [_record(row) for row in rows]


def room(connection: Connection, item_id: int, annotator_id: int, now: float) -> tuple[int, bool]:
    """Tell how many others hold an item, and whether an answer by this person is lacking.

    Answers and leases of this person do not count. An item that is gold lacks everybody's.
    """
    voters = set(
        connection.execute(
            select(vote.c.annotator_id).where(
                vote.c.item_id == item_id, vote.c.annotator_id != annotator_id
            )
        ).scalars()
    )
    holding = set(
        connection.execute(
            select(lease.c.annotator_id).where(
                lease.c.item_id == item_id,
                lease.c.annotator_id != annotator_id,
                lease.c.expires_at > now,
            )
        ).scalars()
    )
    row = connection.execute(
        select(item.c.answers, answer.c.final, gold.c.item_id.label("gold"))
        .outerjoin(answer, answer.c.item_id == item.c.id)
        .outerjoin(gold, gold.c.item_id == item.c.id)
        .where(item.c.id == item_id)
    ).one()
    lacking = not row.final and len(voters | holding) < row.answers
    return len(holding), lacking or row.gold is not None


def of_person(connection: Connection, item_id: int, annotator_id: int) -> Lease | None:
    """Read somebody's lease on an item, expired or not."""
    row = connection.execute(
        _OF_PERSON, {"item": item_id, "annotator": annotator_id, "ranking": 0}
    ).one_or_none()
    return row and _record(row)


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


def drop(connection: Connection, item_id: int, annotator_id: int, now: float) -> None:
    """Remove the lease on an item that somebody answered, and those that ran out."""
    connection.execute(_DROP, {"item": item_id, "annotator": annotator_id, "now": now})


def free(connection: Connection, project_id: int, annotator_id: int) -> int:
    """Take back all that somebody holds in a project; return how many images."""
    gone = connection.execute(
        delete(lease)
        .where(lease.c.project_id == project_id, lease.c.annotator_id == annotator_id)
        .returning(lease.c.token)
    )
    return len(gone.all())


def holders(connection: Connection, project_id: int, now: float) -> list[tuple[str, int, float]]:
    """List who holds how many images until when."""
    rows = connection.execute(
        select(annotator.c.name, func.count(), func.max(lease.c.expires_at))
        .join(annotator, annotator.c.id == lease.c.annotator_id)
        .where(lease.c.project_id == project_id, lease.c.expires_at > now)
        .group_by(annotator.c.name)
    )
    return [tuple(row) for row in rows]


def _leases(condition: Any) -> Any:
    return (
        select(lease, round_.c.number, item.c.content_hash, item.c.width, item.c.height, _comments)
        .join(item, item.c.id == lease.c.item_id)
        .outerjoin(round_, round_.c.id == lease.c.round_id)
        .outerjoin(
            queue_item,
            (queue_item.c.project_id == lease.c.project_id)
            & (queue_item.c.item_id == lease.c.item_id)
            & (queue_item.c.ranking == bindparam("ranking")),
        )
        .where(condition)
        .order_by(queue_item.c.rank)
    )


_BY_TOKEN = _leases(
    lease.c.token.in_(bindparam("tokens", expanding=True))
    & (lease.c.project_id == bindparam("project"))
)
_OF_PERSON = _leases(
    (lease.c.item_id == bindparam("item")) & (lease.c.annotator_id == bindparam("annotator"))
)


def _record(row: Row[Any]) -> Lease:
    return Lease(
        token=row.token,
        item_id=row.item_id,
        expires_at=row.expires_at,
        origin=row.origin,
        round_id=row.round_id,
        round_number=row.number,
        head_labels=row.head_labels,
        content_hash=row.content_hash,
        width=row.width,
        height=row.height,
        comments=row.comments,
    )
