"""Owns what one web process has once: its store, its ticket office, its models' views."""

from __future__ import annotations

import functools

from alcore.config import Runtime
from alcore.services.instant import Instant
from alcore.services.outlook import Outlooks
from alcore.store import Store
from alcore.web.tickets import TicketOffice


@functools.cache
def runtime() -> Runtime:
    """Read the environment, once. Raises InvalidSettings."""
    return Runtime.from_environment()


@functools.cache
def store() -> Store:
    """Open the workspace, once. Raises WorkspaceUnusable."""
    return Store.open(runtime().workspace)


@functools.cache
def tickets() -> TicketOffice:
    """Open the ticket office with the workspace's own secret."""
    return TicketOffice.of(runtime().workspace)


@functools.cache
def outlooks() -> Outlooks:
    """Keep what the models say, once."""
    return Outlooks(store())


@functools.cache
def instant() -> Instant:
    """Keep the thread that lets queues follow the answers, once."""
    return Instant(store(), outlooks())
