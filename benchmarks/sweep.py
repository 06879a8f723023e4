"""Measures sweeps: trainings per hour by workers, overhead per run, time to resume.

    python benchmarks/sweep.py                  4 to 6 minutes on two cores with nothing else to do
    python benchmarks/sweep.py --repeats 1 --trials 2 --finished 200 --json out.json

*Trainings per hour*: digits, the network, the same trainings in a plain loop (one process, nothing
stored), in a sweep with one worker and with two, and in two plain loops side by side, which is
what this machine can give at best. All of them in processes that have loaded everything, one
thread each and of the same priority; the ways take turns, and the median over the repeats counts.
*Overhead* per run of ten quick rounds: processor time of the leading process and of its worker
beyond that of the same rounds in a plain loop, and the same on the clock.
*Resume*: `python -m alcore experiment resume` as a process of its own on 1,600 finished runs of 20
rounds: until it has found that nothing is left, and, after one more trial was asked for, until the
first new round is in the database.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from sqlalchemy import insert, update  # noqa: E402 - path first

from alcore.config import Workspace  # noqa: E402
from alcore.experiments import chain, reading  # noqa: E402
from alcore.experiments.chain import Run, compute  # noqa: E402
from alcore.experiments.design import Design, runs  # noqa: E402
from alcore.jobs import sweeping  # noqa: E402
from alcore.services import experiments  # noqa: E402
from alcore.store import Store  # noqa: E402
from alcore.store import experiments as stored  # noqa: E402
from alcore.store.experiment_tables import experiment_round, experiment_run  # noqa: E402
from alcore.workers.engines import Processes  # noqa: E402

QUICK = {"kind": "estimator", "estimator": "naive bayes"}
Spent = tuple[float, float]
"""Seconds on the clock and of the processor."""


def a_design(name: str, trials: int, **changes: Any) -> Design:
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


# -- what worker processes do ------------------------------------------------------------------


def plain_loop(specs: Sequence[dict[str, Any]], folder: str) -> Spent:
    """Do the rounds of runs one after the other; nothing is stored."""
    started, processor = time.perf_counter(), time.process_time()
    for spec in specs:
        run = Run.from_json(spec)
        before: list[Any] = []
        for _ in range(run.cell.rounds(run.budget)):
            before.append(chain.next_round(run, before, Path(folder)).arrays)
    return time.perf_counter() - started, time.process_time() - processor


def warmed(spec: dict[str, Any], folder: str) -> int:
    compute(spec, [], folder)
    return os.getpid()


def so_far() -> tuple[int, float]:
    time.sleep(0.05)  # so that each of the workers gets the question
    return os.getpid(), time.process_time()


class Workers:
    """Processes that have loaded everything, and what they have spent."""

    def __init__(self, count: int, design: Design, folder: str) -> None:
        self.count, self.folder = count, folder
        self.engine = Processes(count)
        spec = specs_of(design)[0]
        while len(self._each(warmed, spec, folder)) < count:
            continue

    def loops(self, specs: Sequence[dict[str, Any]]) -> Spent:
        """Do runs in as many plain loops as there are workers."""
        started = time.perf_counter()
        parts = [
            self.engine.submit(plain_loop, specs[i :: self.count], self.folder)
            for i in range(self.count)
        ]
        processor = sum(part.result()[1] for part in parts)
        return time.perf_counter() - started, processor

    def sweep(self, store: Store, design: Design) -> tuple[float, float, float]:
        """Sweep a design; return seconds on the clock, of the leading process, of the workers."""
        found = experiments.create(store, design)
        before = self._spent()
        started, processor = time.perf_counter(), time.process_time()
        sweeping.sweep(store, found.id, self.engine, threading.Event())
        wall, own = time.perf_counter() - started, time.process_time() - processor
        return wall, own, self._spent() - before

    def _spent(self) -> float:
        found: dict[int, float] = {}
        while len(found) < self.count:
            found |= dict(self._each(so_far))
        return sum(found.values())

    def _each(self, function: Any, *arguments: Any) -> set[Any]:
        asked = [self.engine.submit(function, *arguments) for _ in range(2 * self.count)]
        return {one.result() for one in asked}


def specs_of(design: Design) -> list[dict[str, Any]]:
    return [Run(cell, t, design.seed, design.budget).to_json() for cell, t in runs(design)]


# -- the three claims --------------------------------------------------------------------------


def speed(store: Store, trials: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return trainings per hour and processor seconds per training of each way."""
    design, folder = a_design("speed", trials), str(store.workspace.experiments)
    experiments.checked(store, design)
    specs, count = specs_of(design), design.trainings
    one, two = Workers(1, design, folder), Workers(2, design, folder)
    found: dict[str, list[Spent]] = {}
    for repeat in range(repeats):
        found.setdefault("a plain loop", []).append(one.loops(specs))
        for name, workers in (("1 worker", one), ("2 workers", two)):
            wall, *spent = workers.sweep(store, a_design(f"{name} {repeat}", trials))
            found.setdefault(name, []).append((wall, sum(spent)))
        found.setdefault("two plain loops at once", []).append(two.loops(specs))
    one.engine.close()
    two.engine.close()
    return {
        name: {
            "per hour": 3600 * count / statistics.median(wall for wall, _ in spent),
            "processor seconds": statistics.median(own for _, own in spent) / count,
        }
        for name, spent in found.items()
    }


def overhead(store: Store, trials: int, repeats: int) -> dict[str, float]:
    """Return seconds per run of ten quick rounds that the same rounds in a loop do not take."""
    folder = str(store.workspace.experiments)
    rows = []
    workers = None
    for repeat in range(repeats):
        design = a_design(
            f"overhead {repeat}", trials, budget=110, batch_sizes=[10], learners=[QUICK],
            datasets=[{"source": "digits", "items": 300, "holdout": 200}],
        )  # fmt: skip
        if workers is None:
            experiments.checked(store, design)
            workers = Workers(1, design, folder)
        count = trials * len(design.cells)
        loop, loop_processor = workers.loops(specs_of(design))
        wall, leading, worker = workers.sweep(store, design)
        rows.append(
            {
                "leading process": leading / count,
                "worker": (worker - loop_processor) / count,
                "both": (leading + worker - loop_processor) / count,
                "on the clock": (wall - loop) / count,
                "rounds themselves": loop_processor / count,
            }
        )
    assert workers is not None
    workers.engine.close()
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def resume(workspace: Workspace, finished: int) -> dict[str, float]:
    """Return seconds until a new process has found what many finished runs leave to do."""
    store = Store.open(workspace)
    design = a_design("finished", finished // 2, budget=210, batch_sizes=[10], learners=[QUICK])
    found = experiments.create(store, design)
    folder = workspace.experiments
    one = chain.next_round(Run(design.cells[0], 0, 0, 210), [], folder)
    with store.write() as connection:
        run_ids = [run.id for run in stored.runs(connection, found.id)]
        stored.add_rounds(connection, [(run_ids[0], one)], time.time())
        row = connection.execute(experiment_round.select()).mappings().one()
        connection.execute(experiment_round.delete())
        rounds = range(1, design.cells[0].rounds(design.budget) + 1)
        for start in range(0, len(run_ids), 100):
            rows = [
                {**row, "run_id": run_id, "number": number, "labels": 10 + 10 * number}
                for run_id in run_ids[start : start + 100]
                for number in rounds
            ]
            connection.execute(insert(experiment_round), rows)
        connection.execute(update(experiment_run).values(finished=len(rounds)))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    nothing = _resumed(store, workspace, wait_for=None)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    experiments.extend(store, "finished", more_trials=1)
    first = _resumed(store, workspace, wait_for=len(run_ids) * len(rounds))
    store.close()
    return {"nothing left": nothing, "processor": processor, "first new round": first}


def _resumed(store: Store, workspace: Workspace, wait_for: int | None) -> float:
    """Resume in a process of its own, until it ends or more rounds than so many are there."""
    environment = {**os.environ, "ALCORE_WORKSPACE": str(workspace.root)}
    command = [sys.executable, "-m", "alcore", "experiment", "resume", "finished"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    counting = "SELECT count(*) FROM experiment_round"
    while process.poll() is None:
        if wait_for is not None:
            with store.read() as connection:
                if connection.exec_driver_sql(counting).scalar_one() > wait_for:
                    break
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    if process.wait():
        raise SystemExit("the sweep could not be resumed")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=4, help="of two strategies, three rounds")
    parser.add_argument("--repeats", type=int, default=3, help="of each way, taking turns")
    parser.add_argument("--quick", type=int, default=15, help="trials of quick runs for overhead")
    parser.add_argument("--finished", type=int, default=1600, help="finished runs to resume")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    started = time.perf_counter()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        store = Store.open(Workspace(Path(scratch) / "sweeps"))
        ways = speed(store, chosen.trials, chosen.repeats)
        spent = overhead(store, chosen.quick, chosen.repeats)
        store.close()
        resumed = resume(Workspace(Path(scratch) / "finished"), chosen.finished)
    loop = ways["a plain loop"]
    print(f"{'':24}{'trainings/h':>12}{'times the loop':>16}{'processor s':>13}{'by it':>8}")
    for name, way in ways.items():
        together = 1 if name in ("a plain loop", "1 worker") else 2
        by_it = together * loop["processor seconds"] / way["processor seconds"]
        print(f"{name:24}{way['per hour']:12,.0f}{way['per hour'] / loop['per hour']:16.2f}"
              f"{way['processor seconds']:13.3f}{by_it:8.2f}")  # fmt: skip
    print("by it: times the loop that the processor time per training would give on free cores\n")
    print("overhead per run of ten rounds, beyond the rounds in a plain loop: "
          f"{1000 * spent['both']:.0f} ms of processor time "
          f"({1000 * spent['leading process']:.0f} leading, {1000 * spent['worker']:.0f} worker); "
          f"{1000 * spent['on the clock']:.0f} ms on the clock")  # fmt: skip
    # fmt: off
    print(f"resume of {chosen.finished:,} finished runs: {resumed['nothing left']:.1f} s to find "
          f"that nothing is left ({resumed['processor']:.1f} s of the processor), "
          f"{resumed['first new round']:.1f} s to the first new round of a trial more")
    # fmt: on
    print(
        f"load of the machine at the start {load:.1f}, at the end {os.getloadavg()[0]:.1f}; "
        f"{time.perf_counter() - started:.0f} s in all"
    )  # fmt: skip
    if chosen.json:
        found = {
            "ways": ways, "overhead": spent, "resume": resumed, "finished runs": chosen.finished,
            "load": load,
        }  # fmt: skip
        chosen.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
