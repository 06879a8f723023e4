"""Owns the delivery of webhooks: signed, in a thread of its own, tried again, never waited for."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import threading
import time
from typing import Any

import structlog

from alcore import outgoing
from alcore.config import webhook_hosts
from alcore.errors import AddressRefused, WorkspaceBusy
from alcore.records import Delivery
from alcore.store import Store, webhooks

POLL = 1.0
LONGEST = 60.0
"""Between two looks at the rows, whether or not anybody has written."""
PAUSES = (10.0, 60.0, 600.0, 3600.0, 6 * 3600.0)
"""Seconds between tries; after the last one it is given up."""
CLAIM = 60.0
"""Seconds for which a delivery is nobody else's; a request takes a sixth of that at most."""
VERSION = "v1"

log = structlog.get_logger()


class Deliveries:
    """A thread that delivers what is due until it is stopped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what is being delivered is waited for, as long as a request may take."""
        self._over.set()
        self._thread.join(outgoing.LIMIT + 1)

    def _run(self) -> None:
        seen: object = None
        until = 0.0
        while not self._over.wait(POLL):
            signature = self._store.signature()
            if signature == seen and time.monotonic() < until:
                continue  # nobody has written, and nothing is due
            with contextlib.suppress(WorkspaceBusy):  # the next turn finds it as it is then
                while not self._over.is_set() and deliver_next(self._store):
                    pass
                seen, until = signature, time.monotonic() + _rest(self._store)


def _rest(store: Store) -> float:
    """Return how long nothing is due, if nobody writes meanwhile."""
    with store.read() as connection:
        due_at = webhooks.next_due(connection)
    return LONGEST if due_at is None else min(LONGEST, max(0.0, due_at - time.time()))


def deliver_next(store: Store) -> bool:
    """Try what is due first; return whether there was anything."""
    now = time.time()
    with store.read() as connection:
        due_at = webhooks.next_due(connection)
    if due_at is None or now < due_at < now + webhooks.LONGEST:
        return False
    with store.write() as connection:
        due = webhooks.take(connection, now, now + CLAIM)
    if due is None:
        return False
    error = _try(due)
    left = PAUSES[due.tries - 1 :]
    again = time.time() + left[0] if error and left else None
    with store.write() as connection:
        webhooks.settle(connection, due.id, error, again)
    log.info("webhook", delivery=due.id, tries=due.tries, end=error or "delivered")
    return True


def _try(due: Delivery) -> str | None:
    """Send a delivery; return what went wrong, None for nothing."""
    body = json.dumps({**due.body, "delivery": due.id, "at": due.created_at}).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "alcore",
        "X-Alcore-Event": due.event,
        "X-Alcore-Delivery": str(due.id),
        "X-Alcore-Signature": signature(due.secret, body, int(time.time())),
    }
    try:
        status = outgoing.post(due.address, body, headers, webhook_hosts())
    except AddressRefused as error:
        return str(error)
    except (OSError, http.client.HTTPException) as error:
        return f"no reply came ({type(error).__name__})"
    return None if 200 <= status < 300 else f"the reply was {status}"


def signature(secret: str, body: bytes, at: int) -> str:
    """Sign a body and a time, in Unix seconds, with a secret (HMAC-SHA256, in hex).

    >>> signature("secret", b"{}", 1)[:12]
    't=1,v1=11227'
    """
    signed: Any = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},{VERSION}={signed.hexdigest()}"
