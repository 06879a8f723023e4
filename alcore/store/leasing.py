"""Owns leases: who holds which image of the queue, in which tab, until when.

A lease has a token, which the answer brings back. Times are Unix seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Row,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.records import Holder, Lease, Provenance
from alcore.store import assignment, projects, queue
from alcore.store.functions import new_token
from alcore.store.tables import (
    annotator,
    comment,
    item,
    lease,
    queue_item,
    round_,
)

SKIP_PAUSE = 10
"""Answers that a person gives before an image that they skipped comes back."""

_HOLD = insert_or(lease)
_COLUMNS = [column.name for column in lease.c]
_HOLD_ANEW = {name: _HOLD.excluded[name] for name in _COLUMNS if name != "item_id"}
# What every claim does is put together once: that takes longer than to run it.
_CLAIM = (
    _HOLD.from_select(
        _COLUMNS,
        select(
            *(
                {
                    "token": new_token(),
                    "item_id": queue_item.c.item_id,
                    "origin": queue_item.c.origin,
                }.get(name, bindparam(f"new_{name}", type_=lease.c[name].type))
                for name in _COLUMNS
            )
        )
        .join(item, item.c.id == queue_item.c.item_id)
        .where(
            queue_item.c.project_id == bindparam("project"),
            queue_item.c.ranking == bindparam("ranking"),
            or_(
                (queue_item.c.origin == "relabel") & assignment.again,
                (queue_item.c.origin != "relabel") & assignment.anew(),
            ),
            assignment.skips < assignment.SKIPS_TO_OTHERS,
            assignment.skipped_lately == bindparam("late", type_=Boolean),
        )
        .order_by(queue_item.c.rank)
        .limit(bindparam("n")),
    )
    .on_conflict_do_update(index_elements=["item_id", "annotator_id"], set_=_HOLD_ANEW)
    .returning(lease.c.token)
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
_HELD_BY = select(func.count()).where(
    lease.c.project_id == bindparam("project"),
    lease.c.annotator_id == bindparam("annotator"),
    lease.c.expires_at > bindparam("now"),
)
_SET_CLOCK = (
    update(lease)
    .where(lease.c.project_id == bindparam("project"), lease.c.leased_at > bindparam("at"))
    .values(
        expires_at=bindparam("at") + (lease.c.expires_at - lease.c.leased_at),
        leased_at=bindparam("at"),
    )
)
_RECENT = text(
    """
    SELECT coalesce(min(id), 0) FROM (
        SELECT id FROM label_event WHERE annotator_id = :annotator AND project_id = :project
        ORDER BY id DESC LIMIT :pause) recent
    """
)


def claim(connection: Connection, holder: Holder, n: int) -> list[Lease]:
    """Lease up to n items to one browser tab, in the order of the queue.

    What may be put to the person is `assignment`'s rule; what they skipped lately comes last.
    """
    project_id = holder.project_id
    ranking, ranked_by = projects.ranking(connection, project_id)
    who = {"project": project_id, "annotator": holder.annotator_id}
    recent = connection.execute(_RECENT, who | {"pause": SKIP_PAUSE}).scalar_one()
    provenance = Provenance("random", ranked_by, projects.head_labels(connection, project_id))
    wish = {
        **{f"new_{name}": value for name, value in _row(holder, provenance).items()},
        **who,
        "now": holder.now,
        "known": queue.known(connection, ranked_by),
        "ranking": ranking,
        "recent": recent,
    }
    tokens: list[str] = []
    for late in (False, True):  # in two steps: to sort by it, the whole queue would be looked at
        if len(tokens) < n:
            left = {"late": late, "n": n - len(tokens)}
            tokens += connection.execute(_CLAIM, wish | left).scalars()
    leases = by_token(connection, project_id, tokens)
    if leases:
        which = {"project": project_id, "client": holder.client, "now": holder.now}
        connection.execute(_FORGET, which)
    return leases


def claim_item(
    connection: Connection,
    holder: Holder,
    item_id: int,
    provenance: Provenance,
    token: str | None = None,
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
                & (lease.c.annotator_id == holder.annotator_id)
                & (lease.c.expires_at > holder.now)
                & (lease.c.client != holder.client),
                (lease.c.item_id != item_id) & (lease.c.token == token),
            )
        )
    ).first()
    if in_the_way is not None:
        return None
    standing = assignment.standing(connection, item_id, holder.annotator_id, holder.now)
    if standing.held and not standing.lacking:
        return None
    drop(connection, item_id, holder.annotator_id, holder.now)
    hold(connection, holder, {item_id: token}, provenance)
    return by_token(connection, holder.project_id, [token])[0]


def hold(
    connection: Connection, holder: Holder, tokens: Mapping[int, str], provenance: Provenance
) -> None:
    """Lease items, as {item id: token}, that may be leased; the holder's own are leased anew."""
    rows = [
        {**_row(holder, provenance), "item_id": item_id, "token": token}
        for item_id, token in tokens.items()
    ]
    connection.execute(
        _HOLD.on_conflict_do_update(index_elements=["item_id", "annotator_id"], set_=_HOLD_ANEW),
        rows,
    )


def _row(holder: Holder, provenance: Provenance) -> dict[str, Any]:
    """Write what leases that are taken together have in common."""
    return {
        "project_id": holder.project_id,
        "annotator_id": holder.annotator_id,
        "client": holder.client,
        "expires_at": holder.expires_at,
        "leased_at": holder.now,
        **vars(provenance),
    }


def set_clock(connection: Connection, project_id: int, now: float) -> None:
    """Let leases from the future, made before the clock was set back, begin now."""
    connection.execute(_SET_CLOCK, {"project": project_id, "at": now})


def by_token(connection: Connection, project_id: int, tokens: Sequence[str]) -> list[Lease]:
    """Read leases by their tokens, in the order of the queue; unknown tokens are left out."""
    if not tokens:
        return []
    number, _ = projects.ranking(connection, project_id)
    which = {"tokens": list(tokens), "project": project_id, "ranking": number}
    rows = connection.execute(_BY_TOKEN, which)
    return [_record(row) for row in rows]


def of_person(connection: Connection, item_id: int, annotator_id: int) -> Lease | None:
    """Read somebody's lease on an item, expired or not."""
    row = connection.execute(
        _OF_PERSON, {"item": item_id, "annotator": annotator_id, "ranking": 0}
    ).one_or_none()
    return None if row is None else _record(row)


def renew(connection: Connection, holder: Holder, tokens: Sequence[str]) -> list[str]:
    """Put off the end of leases that this client still has; return their tokens."""
    if not tokens:
        return []
    rows = connection.execute(
        update(lease)
        .where(
            lease.c.token.in_(tokens),
            lease.c.client == holder.client,
            lease.c.expires_at > holder.now,
        )
        .values(expires_at=holder.expires_at, leased_at=holder.now)
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


def held_by(connection: Connection, project_id: int, annotator_id: int, now: float) -> int:
    """Count the images that somebody holds in a project."""
    who = {"project": project_id, "annotator": annotator_id, "now": now}
    return connection.execute(_HELD_BY, who).scalar_one()


def any_held(connection: Connection, now: float) -> bool:
    """Tell whether anybody holds an image, in whatever project: somebody labels."""
    held = select(lease.c.token).where(lease.c.expires_at > now).limit(1)
    return connection.execute(held).first() is not None


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
