"""Owns how labels of a file come in once they were accepted: a few at a time, and all of them.

Nobody waits long for the database meanwhile. Whoever finds a file that has not come in whole goes
on with it: who brought it, a training before it reads the labels, the next start after a kill.
Any number may do so at the same time. Times in seconds.
"""

from __future__ import annotations

import time

from alcore.loop.due import request_if_due
from alcore.records import NewEvent
from alcore.store import Connection, Store, label_imports, labels, leasing, projects, votes
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
        places = label_imports.next_staged(connection, incoming.id, lot(connection, now))
        if not places:
            _end(connection, incoming, now)
            return False
        class_of = {i: incoming.class_ids[place] for i, place in places.items()}
        kept: list[int] = []
        if incoming.use == "labels":
            kept = _append(connection, incoming, class_of, now)
        else:
            label_imports.set_true_classes(connection, class_of)
        label_imports.settle(connection, incoming.id, list(places), kept)
    return True


def _append(
    connection: Connection, incoming: Incoming, class_of: dict[int, int], now: float
) -> list[int]:
    """Say in the log what was imported; return the items where what people said is kept."""
    standings = label_imports.standings(connection, incoming.project_id, list(class_of))
    kept = [i for i, class_id in class_of.items() if standings[i].is_kept_from(class_id)]
    new = {i: c for i, c in class_of.items() if standings[i].has_not(c)}
    importer = labels.annotator_named(connection, labels.IMPORTER, now)
    labels.append_all(
        connection,
        [
            NewEvent(
                project_id=incoming.project_id,
                item_id=item_id,
                annotator_id=importer.id,
                kind="import",
                class_id=class_id,
                key=f"import-{incoming.key}-{item_id}",
                created_at=now,
                origin="import",
            )
            for item_id, class_id in new.items()
        ],
    )
    votes.ask_one(connection, list(new))
    return kept


def _end(connection: Connection, incoming: Incoming, now: float) -> None:
    """Do what follows once all is in: once, whoever comes first."""
    if not label_imports.finish(connection, incoming.id, now):
        return
    if incoming.use == "answer key":
        label_imports.set_key(connection, incoming.project_id)
    request_if_due(connection, projects.get(connection, incoming.project_id), now)
