"""Owns who may send files to the server: pages say so of the people they show an upload field to.

Streamlit's own route takes a file from anybody who has a page open. Sizes in bytes, times in
seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

LASTS = 3600.0
"""A page that shows an upload field says so at each of its runs; it counts for this long."""
QUOTA = 2_000_000_000
"""One page may send so much in that time."""
ALL = 4_000_000_000
"""All pages together may: who opens another page gets no further room."""
AT_ONCE = 8
"""Files that may be on their way together; others wait."""
BUSY = (429, "other files are being uploaded; try again in a moment")
SLOWEST = 20_000
"""Bytes per second that a large file has to come with."""


class Uploads:
    """Which sessions may upload, and how much they have sent."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        """folder: names where the files go, once the first one comes."""
        self.folder = folder
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._sent: dict[str, list[tuple[float, int]]] = {}
        """When, and how much."""
        self._under_way = 0

    def allow(self, session_id: str) -> None:
        """Let a session upload from now on."""
        now = time.monotonic()
        with self._lock:
            for old in [s for s, until in self._until.items() if until < now]:
                del self._until[old]
                self._sent.pop(old, None)
            self._until[session_id] = now + LASTS

    def begin(self, session_id: str, size: int | None) -> tuple[int, str] | None:
        """Count an upload in; return None, or a status and a sentence where it is refused."""
        now = time.monotonic()
        with self._lock:
            if self._until.get(session_id, 0.0) < now:
                return 403, "this page may not upload files; reload it, and sign in where asked"
            if size is None:
                return 411, "an upload says its length first"
            if self._sum(now, session_id) + size > QUOTA:
                return 413, "this page has sent as much as it may in an hour; wait, or use a folder"
            if sum(self._sum(now, one) for one in self._sent) + size > ALL:
                return 429, "the server holds as many uploads as it may; try again in an hour"
            if self._under_way >= AT_ONCE:
                return BUSY
            self._sent.setdefault(session_id, []).append((now, size))
            self._under_way += 1
        return None

    def _sum(self, now: float, session_id: str) -> int:
        """Add up what a session has sent in the last hour; what is older is forgotten."""
        sent = [one for one in self._sent.get(session_id, ()) if one[0] > now - LASTS]
        if session_id in self._sent:
            self._sent[session_id] = sent
        return sum(size for _, size in sent)

    def end(self) -> None:
        """Count an upload out."""
        with self._lock:
            self._under_way -= 1
