"""Owns how labels of a file come in once they were accepted: a few at a time, and all of them.

Nobody waits long for the database meanwhile. Whoever finds a file that has not come in whole goes
on with it: who brought it, a training before it reads the labels, the next start after a kill.
Any number may do so at the same time. Times in seconds.
"""

from __future__ import annotations

import time

from alcore.loop.due import request_if_due
from alcore.store import Connection, Store, label_imports, leasing, projects
from alcore.store.label_imports import Incoming

AT_ONCE, AT_EASE = 100, 1_000
"""Labels of one transaction, in which others wait; and while nobody labels."""
PAUSE = 0.005
"""Between two transactions, so that whoever waits comes first."""


def finish(store: Store, project_id: int | None = None) -> None:
    """Let everything come in that was accepted, of one project or of all."""
    with store.read() as connection:
        waiting = label_imports.waiting(connection, project_id)
    for incoming in waiting:
        while _go_on(store, incoming):
            time.sleep(PAUSE)


def lot(connection: Connection, now: float) -> int:
    """Return how many labels one transaction may bring: few while somebody would wait for it."""
    return AT_ONCE if leasing.any_held(connection, now) else AT_EASE


def _go_on(store: Store, incoming: Incoming) -> bool:
    """Let the next labels of a file come in; return whether there were any."""
    now = time.time()
    with store.write(patient=True) as connection:
        last = label_imports.lot_end(connection, incoming.id, lot(connection, now))
        if last is None:
            _end(connection, incoming, now)
            return False
        if incoming.use == "labels":
            label_imports.let_in(connection, incoming, last, now)
        else:
            label_imports.let_in_key(connection, incoming, last)
    return True


def _end(connection: Connection, incoming: Incoming, now: float) -> None:
    """Do what follows once all is in: once, whoever comes first."""
    if not label_imports.finish(connection, incoming.id, now):
        return
    if incoming.use == "answer key":
        label_imports.set_key(connection, incoming.project_id)
    request_if_due(connection, projects.get(connection, incoming.project_id), now)
