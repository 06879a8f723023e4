"""Owns what programs may ask of webhooks: adding, listing and removing them, for owners."""

from __future__ import annotations

from alcore import records
from alcore.services import webhooks
from alcore.web import state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import (
    Delivery,
    Done,
    Limit,
    NewWebhook,
    Part,
    PathId,
    ProjectId,
    Webhook,
    at,
)

group = router("Webhooks")


@operation(group, "POST /projects/{project_id}/webhooks", "own", "own")
def add_webhook(project_id: ProjectId, new: NewWebhook, caller: Caller) -> Webhook:
    """Tell an address of new models and finished imports.

    What is posted there is signed with the secret of this answer, which is not shown again: the
    header X-Alcore-Signature is t=TIME,v1=HEX, and HEX the HMAC-SHA256 of TIME, a full stop and the
    body. What gets no 2xx within 10 seconds is sent again, five times within eight hours.
    """
    who = (state.store(), project_id, caller.annotator_id)
    return _webhook(webhooks.add(*who, new.address, new.events))


@operation(group, "GET /projects/{project_id}/webhooks", "own", "read")
def list_webhooks(project_id: ProjectId, caller: Caller) -> Part[Webhook]:
    """List the webhooks, with how the last delivery to each went."""
    rows = webhooks.of_project(state.store(), project_id, caller.annotator_id)
    return Part(rows=[_webhook(one) for one in rows], next=None)


@operation(group, "DELETE /projects/{project_id}/webhooks/{webhook_id}", "own", "own")
def remove_webhook(project_id: ProjectId, webhook_id: PathId, caller: Caller) -> Done:
    """Remove a webhook, and what was still to be delivered to it."""
    webhooks.remove(state.store(), project_id, caller.annotator_id, webhook_id)
    return Done()


@operation(
    group, "POST /projects/{project_id}/webhooks/{webhook_id}/tests", "own", "own", status_code=202
)
def test_webhook(project_id: ProjectId, webhook_id: PathId, caller: Caller) -> Done:
    """Send an event "test" to a webhook; the list of deliveries says how it went."""
    webhooks.test(state.store(), project_id, caller.annotator_id, webhook_id)
    return Done()


@operation(group, "GET /projects/{project_id}/deliveries", "own", "read")
def list_deliveries(project_id: ProjectId, caller: Caller, limit: Limit = 20) -> Part[Delivery]:
    """List what the webhooks were told last, newest first."""
    rows = webhooks.deliveries(state.store(), project_id, caller.annotator_id, limit)
    return Part(rows=[_delivery(one) for one in rows], next=None)


def _delivery(one: records.PastDelivery) -> Delivery:
    return Delivery(
        id=one.id,
        webhook_id=one.webhook_id,
        event=one.event,
        state=one.state,
        tries=one.tries,
        error=one.error,
        created_at=at(one.created_at),
    )


def _webhook(one: records.Webhook) -> Webhook:
    return Webhook(
        id=one.id,
        address=one.address,
        events=list(one.events),
        created_at=at(one.created_at),
        secret=one.secret or None,
        last_delivery=one.last_state,
        last_error=one.last_error,
    )
