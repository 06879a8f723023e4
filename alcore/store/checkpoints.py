"""Owns when the write-ahead log goes into the database file: in a thread, so that no label waits.

SQLite itself does that within the commit that finds the log long, which then waits for the disk
twice more, and all who write after it wait for that one. Times in seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE = 5.0
"""At least so long between two."""
FEW, SELDOM = 10, 60.0
"""Fewer writes, such as heartbeats, can wait for so long."""


class Checkpoints:
    """The thread of one process; it begins with the first write."""

    def __init__(self, checkpoint: Callable[[], object]) -> None:
        """checkpoint: does it once; what it raises is tried again after the next write."""
        self._checkpoint = checkpoint
        self._lock = threading.Lock()
        self._writes = 0
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def note_write(self) -> None:
        """Say that something was committed; returns at once."""
        with self._lock:
            self._writes += 1
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """End the thread; the last connection that closes does what is left."""
        self._over.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.is_set():
            self._wake.wait()
            if self._over.wait(PAUSE):
                return
            if self._writes < FEW and time.monotonic() - last < SELDOM:
                continue
            with self._lock:
                self._writes = 0
            self._wake.clear()
            self._checkpoint()
            last = time.monotonic()
