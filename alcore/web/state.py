"""Owns what one web process has once: its runtime, its store and its ticket office."""

from __future__ import annotations

import functools

from alcore.config import Runtime
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
