"""Owns the rows of webhooks and of what is to be delivered to them. Times are Unix seconds.

An event becomes a row in the transaction that makes it happen, so that none is lost; whoever
delivers claims a row for a while, and of several one gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from alcore.records import Delivery, PastDelivery, Webhook, WebhookEvent
from alcore.store.tables import delivery, project, webhook

LONGEST = 86_400.0
"""Seconds; what is put off for longer was so before the clock was set back, and is due."""
_LAST = (
    select(delivery.c.id)
    .where(delivery.c.webhook_id == webhook.c.id, delivery.c.tries > 0)
    .order_by(delivery.c.id.desc())
    .limit(1)
    .correlate(webhook)
    .scalar_subquery()
)


def add(connection: Connection, new: Webhook) -> int:
    """Add a webhook whose `id` is not known yet; return the id."""
    row = insert(webhook).values(
        project_id=new.project_id,
        annotator_id=new.annotator_id,
        address=new.address,
        secret=new.secret,
        events=list(new.events),
        created_at=new.created_at,
    )
    return connection.execute(row.returning(webhook.c.id)).scalar_one()


def of_project(connection: Connection, project_id: int) -> list[Webhook]:
    """List a project's webhooks, but for removed ones, with how the last delivery went."""
    rows = connection.execute(
        select(webhook, delivery.c.state, delivery.c.error)
        .outerjoin(delivery, delivery.c.id == _LAST)
        .where(webhook.c.project_id == project_id, webhook.c.removed_at.is_(None))
        .order_by(webhook.c.id)
    )
    return [
        Webhook(
            id=row.id,
            project_id=row.project_id,
            address=row.address,
            secret=row.secret,
            events=tuple(row.events),
            created_at=row.created_at,
            annotator_id=row.annotator_id,
            last_state=row.state,
            last_error=row.error,
        )
        for row in rows
    ]


def remove(connection: Connection, webhook_id: int, now: float) -> None:
    """Take a webhook away, and what was still to be delivered to it."""
    connection.execute(update(webhook).where(webhook.c.id == webhook_id).values(removed_at=now))
    connection.execute(
        update(delivery)
        .where(delivery.c.webhook_id == webhook_id, delivery.c.state == "waiting")
        .values(state="failed", error="the webhook was removed")
    )


def note(
    connection: Connection,
    project_id: int,
    event: WebhookEvent,
    about: Mapping[str, Any],
    now: float,
) -> None:
    """Note that something happened, for every webhook that wants to know."""
    name = select(project.c.name).where(project.c.id == project_id)
    for hook in of_project(connection, project_id):
        if event in hook.events:
            said = {"id": project_id, "name": connection.execute(name).scalar()}
            body = {"event": event, "project": said, **about}
            connection.execute(
                insert(delivery).values(
                    webhook_id=hook.id, event=event, body=body, created_at=now, due_at=now
                )
            )


def note_test(connection: Connection, hook: Webhook, now: float) -> None:
    """Let a webhook be told of nothing, to see whether it answers."""
    name = select(project.c.name).where(project.c.id == hook.project_id)
    said = {"id": hook.project_id, "name": connection.execute(name).scalar()}
    connection.execute(
        insert(delivery).values(
            webhook_id=hook.id,
            event="test",
            body={"event": "test", "project": said},
            created_at=now,
            due_at=now,
        )
    )


def deliveries(connection: Connection, project_id: int, n: int) -> list[PastDelivery]:
    """Read the newest n deliveries of a project's webhooks, newest first."""
    rows = connection.execute(
        select(delivery)
        .join(webhook, webhook.c.id == delivery.c.webhook_id)
        .where(webhook.c.project_id == project_id, webhook.c.removed_at.is_(None))
        .order_by(delivery.c.id.desc())
        .limit(n)
    )
    names = ("id", "webhook_id", "event", "state", "tries", "error", "created_at", "due_at")
    return [PastDelivery(*(getattr(row, name) for name in names)) for row in rows]


def next_due(connection: Connection) -> float | None:
    """Tell when the next delivery is due; None where none waits."""
    query = select(func.min(delivery.c.due_at)).where(delivery.c.state == "waiting")
    return connection.execute(query).scalar()


def _is_due(now: float) -> Any:
    return or_(delivery.c.due_at <= now, delivery.c.due_at > now + LONGEST)


def take(connection: Connection, now: float, until: float) -> Delivery | None:
    """Claim the delivery that is due first until some time, counting a try; None without one."""
    row = connection.execute(
        select(delivery, webhook.c.address, webhook.c.secret)
        .join(webhook, webhook.c.id == delivery.c.webhook_id)
        .where(delivery.c.state == "waiting", _is_due(now))
        .order_by(delivery.c.due_at, delivery.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    claim = update(delivery).where(delivery.c.id == row.id)
    connection.execute(claim.values(due_at=until, tries=row.tries + 1))
    return Delivery(
        row.id, row.address, row.secret, row.event, row.body, row.created_at, row.tries + 1
    )


def settle(
    connection: Connection, delivery_id: int, error: str | None, again_at: float | None
) -> None:
    """Note how a try went: error None, it was delivered; again_at None, it is not tried again."""
    state = "done" if error is None else "failed" if again_at is None else "waiting"
    values: dict[str, Any] = {"state": state, "error": error}
    if state == "waiting":
        values["due_at"] = again_at
    connection.execute(
        update(delivery)
        .where(delivery.c.id == delivery_id, delivery.c.state == "waiting")
        .values(**values)
    )
