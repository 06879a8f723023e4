"""Owns when folders that projects watch are looked at: whenever their time has come again."""

from __future__ import annotations

import time

from alcore.store import Store, jobs, watched_folders

LOOK = 10.0
"""Seconds between two looks whether one is due."""


class WatchSchedule:
    """Asks for looks that are due; ask it again and again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = 0.0

    def turn(self) -> None:
        """Ask for what is due. Raises WorkspaceBusy."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK
        now = time.time()
        with self._store.read() as connection:
            due = watched_folders.due(connection, now)
        for project_id in due:
            with self._store.write() as connection:
                watched_folders.ask(connection, project_id, now)
                jobs.forget_done(connection, project_id, "watch")
                jobs.request(connection, project_id, "watch", now)
