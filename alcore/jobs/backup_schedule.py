"""Owns backups at intervals: a process of its own makes each, as the command line would.

Of several dispatchers, and several apps, the one that holds the lock in the folder makes them.
Times in seconds.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time

import structlog
from filelock import FileLock, Timeout

from alcore.config import Backups, Runtime
from alcore.store import backups

LOOK = 60.0
"""Between two looks whether a backup is due."""
PAUSE = 600.0
"""After one that failed."""

log = structlog.get_logger()


class Schedule:
    """Starts a backup whenever the newest one is too old; ask it again and again."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._wish: Backups = runtime.backups
        self._next = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: FileLock | None = None

    def turn(self) -> None:
        """Look, and start or end what is to be started or ended. Raises nothing."""
        if self._process is not None and self._process.poll() is not None:
            self._end(self._process.returncode)
        folder = self._wish.folder
        if folder is None or self._process is not None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK
        newest = next(iter(backups.listed(folder)), None)
        age = None if newest is None else time.time() - newest.created_at
        if age is None or age > 3600 * self._wish.hours or age < -60:  # the clock was set back
            self._start()

    def stop(self) -> None:
        """End a backup that is being made, which takes away what it has written."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._end(self._process.poll())

    def _start(self) -> None:
        assert self._wish.folder is not None
        lock = FileLock(self._wish.folder / ".making", timeout=0)
        try:
            self._wish.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            return
        except OSError as error:
            self._next = time.monotonic() + PAUSE
            log.warning("no backup", reason=f"{self._wish.folder}: {error.strerror}")
            return
        self._lock = lock
        command = [sys.executable, "-m", "alcore", "backup", str(self._wish.folder)]
        self._process = subprocess.Popen(
            [*command, "--keep", str(self._wish.kept)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=self._runtime.to_environment(),
        )

    def _end(self, code: int | None) -> None:
        self._process = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if code == 0:
            log.info("backup made", folder=str(self._wish.folder))
        else:
            self._next = time.monotonic() + PAUSE
            log.warning("no backup", reason="it ended early; the lines above say why")
