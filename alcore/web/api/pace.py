"""Owns how often a program may ask: so many requests a second, with some at once. In seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from alcore.errors import TooManyRequests

AT_ONCE = 3.0
"""Seconds' worth of requests that may come at once."""
_MOST_KEPT = 10_000


class Pace:
    """A token bucket for each key: full at first, and filled again at a rate."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """rate: requests a second."""
        self._rate = rate
        self._most = max(1.0, rate * AT_ONCE)
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[int, tuple[float, float]] = {}

    def take(self, key: int) -> None:
        """Count a request. Raises TooManyRequests where there were too many of this key."""
        now = self._clock()
        with self._lock:
            left, since = self._left.pop(key, (self._most, now))
            left = min(self._most, left + max(0.0, now - since) * self._rate)
            allowed = left >= 1
            self._left[key] = (left - allowed, now)  # the newest is the last
            if len(self._left) > _MOST_KEPT:
                del self._left[next(iter(self._left))]
        if not allowed:
            raise TooManyRequests(
                f"an API token may ask {self._rate:g} times a second; wait a moment",
                retry_in=(1 - left) / self._rate,
            )
