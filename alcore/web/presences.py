"""Owns which students' browsers have asked lately; nothing of it is worth a write to the disk."""

from __future__ import annotations

import time
from collections.abc import Iterable

LATELY = 12.0
"""Seconds without a question after which a student counts as away: a phone that sleeps, say."""


class Presences:
    """When each annotator's browser asked last, by the clock that only goes forward."""

    def __init__(self) -> None:
        self._asked: dict[int, float] = {}

    def note(self, annotator_id: int) -> None:
        """Note that somebody's browser has asked just now."""
        self._asked[annotator_id] = time.monotonic()

    def here(self, annotator_ids: Iterable[int]) -> set[int]:
        """Return those whose browsers have asked lately."""
        since = time.monotonic() - LATELY
        return {i for i in annotator_ids if self._asked.get(i, 0.0) > since}
