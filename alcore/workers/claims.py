"""Owns claims on work: who holds a job or an experiment, and how others know that they live.

Holders say at intervals that they live. Whoever watches them counts looks of its own and reads no
clock, so that nobody is taken for dead because the clock was set, the computer slept, or another
program held the database. Times in seconds.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import structlog

from alcore.errors import JobCancelled, WorkspaceUnusable
from alcore.store import Store

BEAT = 0.4
"""Time between two signs of life."""
LOOK = 1.0
"""Time between two looks of a watch."""
LOOKS = 10
"""So many looks without a sign of life, and the holder has lost its process."""
LOOKS_GONE = 2
"""The same where this computer knows no process of the holder's number."""

Key = TypeVar("Key", bound=Hashable)

log = structlog.get_logger()


def holder() -> str:
    """Name this process as the holder of a claim: host:process:token, another at every call."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def is_gone(name: str) -> bool:
    """Tell whether a holder was a process of this computer that is no longer there."""
    host, _, rest = name.partition(":")
    number, _, token = rest.partition(":")
    if not token or host != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):
        return False
    return False


class Heartbeat:
    """Says in a thread of its own that this process lives, until the block ends.

    A sign of life that cannot be written is tried again: work is not lost because another program
    holds the database for a while.
    """

    def __init__(self, beat: Callable[[], None]) -> None:
        """beat: writes a sign of life; raises JobCancelled where the work must stop."""
        self._beat = beat
        self._stop: JobCancelled | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def check(self) -> None:
        """Raise JobCancelled where the work must stop."""
        if self._stop is not None:
            raise self._stop

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(BEAT):
            try:
                self._beat()
            except JobCancelled as stop:
                self._stop = stop
                return
            except WorkspaceUnusable as error:
                log.warning("heartbeat failed", error=type(error).__name__)


@dataclass(frozen=True)
class Claim:
    """Who holds something, and when they last said that they live."""

    holder: str | None
    beat_at: float | None


class Watch:
    """Finds the holders that have fallen silent; keep one, and let it look again and again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = 0.0
        self._looks: dict[Hashable, tuple[Claim, int]] = {}

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next look."""
        return time.monotonic() >= self._next

    def silent(self, claims: Mapping[Key, Claim]) -> list[Key]:
        """Look once; return those whose holders have said nothing for too many looks.

        A look counts where the holder could have written: not while another program holds the
        database. Raises nothing.
        """
        self._next = time.monotonic() + LOOK
        if not claims:
            self._looks.clear()
            return []
        before = self._looks
        same = [key for key, claim in claims.items() if key in before and before[key][0] == claim]
        one = bool(same) and self._is_writable()
        self._looks = {
            key: (claim, before[key][1] + one if key in same else 0)
            for key, claim in claims.items()
        }
        return [key for key, claim in claims.items() if self._looks[key][1] >= _patience(claim)]

    def _is_writable(self) -> bool:
        """Tell whether the database takes changes without a wait."""
        start = time.monotonic()
        try:
            with self._store.write(lasting=False):
                return time.monotonic() - start < LOOK
        except WorkspaceUnusable:
            return False


def _patience(claim: Claim) -> int:
    return LOOKS_GONE if claim.holder is not None and is_gone(claim.holder) else LOOKS
