"""Owns how a round tells how far it is, and how long its phases took, in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]
"""(phase, share of the whole round done 0–1); may raise JobCancelled to stop the round."""


class Stopwatch:
    """Measures the seconds of each phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[phase] = time.perf_counter() - start


class Bar:
    """Turns shares of phases into one share of the whole, by the work that each phase has."""

    def __init__(
        self,
        progress: Progress,
        learning: float,
        holdout: int,
        pool: int,
        extra: float = 0.0,
        calibrating: float = 0.0,
    ) -> None:
        """Weigh the phases by images scored: learning costs so many, the holdout is asked twice.

        pool: candidates; extra: further passes over them; calibrating: cost of further trainings.
        """
        self._progress = progress
        self._work = {
            "train": learning,
            "calibrate": calibrating,
            "evaluate": 2 * holdout,
            "score": pool * (1 + extra),
            "select": 200 if pool else 0,
        }

    def phase(self, name: str) -> Callable[[float], None]:
        """Return what a phase calls with its own share 0–1."""
        names = list(self._work)
        total = sum(self._work.values())
        before = sum(self._work[earlier] for earlier in names[: names.index(name)])
        return lambda share: self._progress(name, (before + share * self._work[name]) / total)
