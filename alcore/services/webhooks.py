"""Owns what owners may ask of webhooks: addresses that are told of new models and imports."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from alcore import outgoing
from alcore.config import webhook_hosts
from alcore.errors import InvalidSettings, UnknownWebhook
from alcore.records import PastDelivery, Webhook, WebhookEvent
from alcore.services import audit
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, webhooks

EVENTS: Mapping[WebhookEvent, str] = MappingProxyType(
    {"model": "a model is there", "import": "an import is finished"}
)
MOST = 10
"""Webhooks of one project."""


def add(
    store: Store, project_id: int, by: int | None, address: str, events: Sequence[WebhookEvent]
) -> Webhook:
    """Tell an address of events from now on; the secret that signs them is said this once.

    Raises NotAllowed for who is no owner, AddressRefused for an address that the server must not
    ask, InvalidSettings for no or unknown events and too many webhooks.
    """
    wanted = tuple(event for event in EVENTS if event in events)
    if not wanted or set(events) - set(EVENTS):
        raise InvalidSettings(f"name events of {', '.join(EVENTS)}; got {', '.join(events)}")
    with store.read() as connection:
        check_owner(connection, project_id, by)
    outgoing.resolve(address.strip(), webhook_hosts())  # it may take a moment
    hook = Webhook(
        id=0,
        project_id=project_id,
        address=address.strip(),
        secret=secrets.token_urlsafe(32),
        events=wanted,
        created_at=time.time(),
        annotator_id=by,
    )
    with store.write() as connection:
        check_owner(connection, project_id, by)
        if len(webhooks.of_project(connection, project_id)) >= MOST:
            raise InvalidSettings(f"the project has {MOST} webhooks; remove one of them first")
        hook = replace(hook, id=webhooks.add(connection, hook))
        audit.note(connection, project_id, by, "webhook", address=hook.address)
    return hook


def of_project(store: Store, project_id: int, by: int | None) -> list[Webhook]:
    """List webhooks, without their secrets. Raises NotAllowed for who is no owner."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return [replace(one, secret="") for one in webhooks.of_project(connection, project_id)]


def test(store: Store, project_id: int, by: int | None, webhook_id: int) -> None:
    """Send an event of the kind "test". Raises NotAllowed, UnknownWebhook."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        hook = _known(connection, project_id, webhook_id)
        webhooks.note_test(connection, hook, time.time())
        audit.note(connection, project_id, by, "test webhook", address=hook.address)


def deliveries(store: Store, project_id: int, by: int | None, n: int = 20) -> list[PastDelivery]:
    """List the newest deliveries of all webhooks. Raises NotAllowed for who is no owner."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return webhooks.deliveries(connection, project_id, n)


def remove(store: Store, project_id: int, by: int | None, webhook_id: int) -> None:
    """Tell an address of nothing more. Raises NotAllowed, UnknownWebhook."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        hook = _known(connection, project_id, webhook_id)
        webhooks.remove(connection, webhook_id, time.time())
        audit.note(connection, project_id, by, "remove webhook", address=hook.address)


def _known(connection: Connection, project_id: int, webhook_id: int) -> Webhook:
    for one in webhooks.of_project(connection, project_id):
        if one.id == webhook_id:
            return one
    raise UnknownWebhook(f"project {project_id} has no webhook {webhook_id}")
