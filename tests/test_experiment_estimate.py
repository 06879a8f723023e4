"""Owns the proof that estimates count what an experiment takes by the clock on the wall."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from alcore.experiments import data, reading
from alcore.experiments.design import Design
from alcore.experiments.results import Point, StoredRun
from alcore.services.experiment_estimate import estimate, seconds_left

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


def experiment_at(
    finished: dict[tuple[int, int], int], seconds: Callable[[int, int], float]
) -> tuple[Design, list[Point], list[StoredRun]]:
    """A design whose runs, by cell's position and trial, are so far, each round taking so long."""
    design = reading.from_json(GRID)
    points, runs = [], []
    for cell, trial in [(cell, trial) for cell in (0, 1) for trial in range(3)]:
        key, done = design.cells[cell].key, finished.get((cell, trial), 0)
        runs.append(StoredRun(len(runs), key, trial, {}, 4, done, None))
        points += [
            Point(len(runs), key, trial, number, 0, 0, 0.0, 0.0, seconds(cell, number))
            for number in range(1, done + 1)
        ]
    return design, points, runs


def slower(cell: int, number: int) -> float:
    """What a round takes that grows by 2 s each time; the second strategy costs 5 s more."""
    return 1.0 + 2.0 * number + 5.0 * cell


def test_what_is_left_grows_with_the_labels_and_each_strategy_has_its_own_start() -> None:
    design, points, runs = experiment_at({(0, 0): 4, (1, 0): 1}, slower)
    first, second = (cell.key for cell in design.cells)
    left = seconds_left(design, points, runs)
    assert left[first] == pytest.approx(2 * sum(slower(0, number) for number in (1, 2, 3, 4)))
    assert left[second] == pytest.approx(
        sum(slower(1, number) for number in (2, 3, 4))
        + 2 * sum(slower(1, number) for number in (1, 2, 3, 4))
    )


def test_a_strategy_that_has_not_begun_counts_like_the_others_and_nothing_is_known_before() -> None:
    design, points, runs = experiment_at({(0, 0): 4}, slower)
    first, second = (cell.key for cell in design.cells)
    left = seconds_left(design, points, runs)
    assert left[second] == pytest.approx(3 * sum(slower(0, number) for number in (1, 2, 3, 4)))
    design, points, runs = experiment_at({}, slower)
    assert seconds_left(design, points, runs) == {first: None, second: None}


def test_a_first_round_that_loads_does_not_make_later_ones_free() -> None:
    design, points, runs = experiment_at(
        {(0, 0): 2}, lambda cell, number: 9.0 if number == 1 else 1.0
    )
    left = seconds_left(design, points, runs)
    assert left[design.cells[0].key] == pytest.approx(5.0 * (2 + 4 + 4))


def test_runs_that_are_done_or_failed_have_nothing_left() -> None:
    design, points, runs = experiment_at({(c, t): 4 for c in (0, 1) for t in range(3)}, slower)
    assert set(seconds_left(design, points, runs).values()) == {0.0}
    design, points, runs = experiment_at({(0, 0): 4}, slower)
    failed = [StoredRun(r.id, r.cell, r.trial, {}, 4, r.finished, "failed") for r in runs]
    assert set(seconds_left(design, points, failed).values()) == {0.0}
