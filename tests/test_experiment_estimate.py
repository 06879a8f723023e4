"""Owns the proof that an estimate counts what an experiment takes by the clock on the wall."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from alcore.experiments import data, reading
from alcore.services.experiment_estimate import estimate

LOADING, ROUND = 1.0, 0.1
GRID = {
    "name": "timed",
    "budget": 50,
    "trials": 3,
    "datasets": [{"source": "digits", "items": 100, "holdout": 100}],
    "strategies": ["random", "margin"],
    "initial": [20],
    "batch_sizes": [10],
    "learners": [{"kind": "estimator", "estimator": "naive bayes"}],
}
T = TypeVar("T")


class OneAtATime:
    """An engine of two workers that share one core: side by side each is half as fast."""

    workers = 2

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2)
        self._core = threading.Lock()
        self._loaded = threading.local()

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        return self._threads.submit(self._compute, function, *arguments)

    def _compute(self, function: Callable[..., T], *arguments: object) -> T:
        with self._core:
            if not hasattr(self._loaded, "all"):
                self._loaded.all = time.sleep(LOADING)
            time.sleep(ROUND)
            return function(*arguments)

    def crashed(self, error: BaseException) -> bool:
        return False

    def renew(self) -> None: ...

    def close(self) -> None:
        self._threads.shutdown()


def test_an_estimate_counts_loading_and_that_workers_slow_each_other_down(tmp_path: Path) -> None:
    design = reading.from_json(GRID)
    (spec,) = design.datasets
    data.prepare(spec, tmp_path, 0)
    engine = OneAtATime()
    found = estimate(design, engine, tmp_path, 20.0)
    engine.close()
    assert design.trainings == 24
    assert found.seconds > 24 * ROUND + LOADING
