"""Measures sweeps: trainings per hour by workers, overhead per run, time to resume.

    python benchmarks/sweep.py                 digits, the network, 24 runs; 1,600 finished runs
    python benchmarks/sweep.py --trials 3 --finished 200 --json out.json

The plain loop calls the same rounds one after the other in one process, with one thread, and
stores nothing. Workers are warm before the clock starts, in both. Overhead: what the process that
leads and writes computes per run of ten quick rounds, in processor seconds, which other programs
on the machine change little; and in wall seconds, what a run takes beyond its own rounds. Resume:
`python -m alcore experiment resume` as a process of its own, all runs finished, 20 rounds each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import Workspace  # noqa: E402
from alcore.experiments import chain, reading  # noqa: E402
from alcore.experiments.chain import Run  # noqa: E402
from alcore.experiments.grid import Grid, runs  # noqa: E402
from alcore.jobs import sweeping  # noqa: E402
from alcore.jobs.executors import Processes  # noqa: E402
from alcore.services import experiments  # noqa: E402
from alcore.store import Store  # noqa: E402
from alcore.store import experiments as stored  # noqa: E402


def a_grid(name: str, trials: int, **changes: Any) -> Grid:
    return reading.from_json(
        {
            "name": name,
            "budget": 60,
            "trials": trials,
            "datasets": ["digits"],
            "strategies": ["random", "margin"],
            "initial": [20],
            "batch_sizes": [20],
            **changes,
        }
    )


def plain_loop(grid: Grid, folder: Path) -> float:
    """Train all runs one after the other; return trainings per hour."""
    first = grid.cells[0]
    chain.next_round(Run(first, 0, grid.seed, grid.budget), [], folder)
    started = time.perf_counter()
    for cell, trial in runs(grid):
        before: list[Any] = []
        for _ in range(cell.rounds(grid.budget)):
            done = chain.next_round(Run(cell, trial, grid.seed, grid.budget), before, folder)
            before.append(done.arrays)
    return 3600 * grid.trainings / (time.perf_counter() - started)


def warm(workers: int, grid: Grid, folder: Path) -> Processes:
    """Return an engine whose processes have loaded everything."""
    engine = Processes(workers)
    spec = Run(grid.cells[0], 0, grid.seed, grid.budget).to_json()
    for future in [
        engine.submit(sweeping.compute, spec, [], str(folder)) for _ in range(3 * workers)
    ]:
        future.result()
    return engine


def swept(store: Store, grid: Grid, workers: int) -> float:
    """Sweep all runs; return trainings per hour."""
    found = experiments.create(store, grid)
    engine = warm(workers, grid, sweeping.tables(store.workspace.root))
    started = time.perf_counter()
    sweeping.sweep(store, found.id, engine, threading.Event())
    seconds = time.perf_counter() - started
    engine.close()
    return 3600 * grid.trainings / seconds


def overhead(store: Store, trials: int) -> dict[str, float]:
    """Sweep quick runs of ten rounds; return seconds per run that are not the rounds' own."""
    grid = a_grid(
        "overhead",
        trials,
        budget=110,
        batch_sizes=[10],
        learners=[{"kind": "estimator", "estimator": "naive bayes"}],
    )
    found = experiments.create(store, grid)
    engine = warm(1, grid, sweeping.tables(store.workspace.root))
    started, processor = time.perf_counter(), time.process_time()
    sweeping.sweep(store, found.id, engine, threading.Event())
    wall, processor = time.perf_counter() - started, time.process_time() - processor
    engine.close()
    with store.read() as connection:
        own = sum(point.seconds for point in stored.points(connection, found.id))
    count = trials * len(grid.cells)
    return {"processor": processor / count, "wall": (wall - own) / count}


def resume(workspace: Workspace, finished: int) -> float:
    """Return how long a process takes to find that so many finished runs leave nothing to do."""
    store = Store.open(workspace)
    grid = a_grid(
        "finished",
        finished // 2,
        budget=210,
        batch_sizes=[10],
        learners=[{"kind": "estimator", "estimator": "naive bayes"}],
    )
    found = experiments.create(store, grid)
    folder = sweeping.tables(workspace.root)
    one = chain.next_round(Run(grid.cells[0], 0, 0, 210), [], folder)
    driver = "benchmark:0:0"
    with store.write() as connection:
        stored.take(connection, found.id, driver, time.time(), 0, True)
        for run in stored.runs(connection, found.id):
            rounds = ((run.id, _numbered(one, n)) for n in range(1, run.planned + 1))
            stored.add_rounds(connection, rounds, time.time())
        stored.release(connection, found.id, driver)
    store.close()
    environment = {**os.environ, "ALCORE_WORKSPACE": str(workspace.root)}
    command = [sys.executable, "-m", "alcore", "experiment", "resume", "finished"]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def _numbered(done: Any, number: int) -> Any:
    return replace(done, number=number, labels=10 + 10 * number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=12, help="of two strategies, three rounds")
    parser.add_argument("--quick", type=int, default=20, help="trials of quick runs for overhead")
    parser.add_argument("--finished", type=int, default=1600, help="finished runs to resume")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = Store.open(Workspace(Path(scratch) / "sweeps"))
        rates = {}
        for workers in (1, 2):
            rates[f"{workers} workers"] = swept(
                store, a_grid(f"w{workers}", chosen.trials), workers
            )
        folder = sweeping.tables(store.workspace.root)
        rates["plain loop"] = plain_loop(a_grid("loop", chosen.trials), folder)
        spent = overhead(store, chosen.quick)
        store.close()
        seconds = resume(Workspace(Path(scratch) / "finished"), chosen.finished)
    loop = rates["plain loop"]
    print(f"{'':24}{'trainings per hour':>20}{'times the loop':>18}")
    for name in ("plain loop", "1 workers", "2 workers"):
        print(f"{name.replace('1 workers', '1 worker'):24}{rates[name]:20,.0f}"
              f"{rates[name] / loop:18.2f}")  # fmt: skip
    print(f"overhead per run of ten rounds: {1000 * spent['processor']:.0f} ms of processor time, "
          f"{1000 * spent['wall']:.0f} ms on the clock")  # fmt: skip
    print(f"resume of {chosen.finished:,} finished runs: {seconds:.1f} s")
    if chosen.json:
        found = {"per hour": rates, "overhead": spent, "resume": seconds, "runs": chosen.finished}
        chosen.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
