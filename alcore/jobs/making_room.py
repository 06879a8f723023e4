"""Owns how long work that nobody waits for rests while a training runs. Times in seconds."""

from __future__ import annotations

import time

from alcore.store import Store, jobs

REST, LONGEST_REST = 3.0, 5.0
"""While a training runs, each piece of work is followed by a rest of so many times its own."""
LOOK = 0.5
"""Time between two looks at whether a training runs."""


class MakingRoom:
    """Rests after a piece of work, in proportion to what it took."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked = self._worked = time.monotonic()
        self._shared = False

    def rest(self, may_rest: bool = True) -> None:
        """Rest where a training runs. The next piece of work begins when this returns."""
        now = time.monotonic()
        if now - self._looked > LOOK:
            self._looked = now
            with self._store.read() as connection:
                self._shared = jobs.is_running(connection, "train")
        if self._shared and may_rest:
            time.sleep(min(LONGEST_REST, REST * (now - self._worked)))
        self._worked = time.monotonic()
