"""Owns what programs may ask of webhooks: adding, listing and removing them, for owners."""

from __future__ import annotations

from alcore import records
from alcore.services import webhooks
from alcore.web import state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import Done, NewWebhook, Part, PathId, ProjectId, Webhook, at

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
