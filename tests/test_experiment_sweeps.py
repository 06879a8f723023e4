"""Owns the proof that sweeps lose nothing and count nothing twice, and that runs replay."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locks import locked
from sqlalchemy.exc import OperationalError

from alcore.config import Workspace
from alcore.errors import ExperimentBusy, InvalidSettings, JobCancelled
from alcore.experiments import chain, data, reading
from alcore.experiments.chain import Run
from alcore.experiments.design import Design, runs
from alcore.experiments.results import Done
from alcore.jobs import sweeping
from alcore.store import Store, experiments
from alcore.store import engine as database
from alcore.workers import claims
from alcore.workers.engines import Processes

ROOT = Path(__file__).parent.parent
KILLS = int(os.environ.get("ALCORE_TEST_KILLS", "3"))
QUICK = {"kind": "estimator", "estimator": "naive bayes"}


def a_grid(**changes: Any) -> Design:
    """Digits and a learner that takes milliseconds."""
    return reading.from_json(
        {
            "name": "quick",
            "budget": 60,
            "trials": 2,
            "datasets": [{"source": "digits", "items": 300, "holdout": 200}],
            "strategies": ["random", "margin"],
            "initial": [20],
            "batch_sizes": [10],
            "learners": [QUICK],
            **changes,
        }
    )


def put(store: Store, design: Design) -> int:
    """Store a design and its runs."""
    with store.write() as connection:
        found = experiments.add(connection, design.name, design.to_json(), time.time())
        rows = [
            (c.key, t, Run(c, t, design.seed, design.budget).to_json(), c.rounds(design.budget))
            for c, t in runs(design)
        ]
        experiments.plan(connection, found, rows)
    return found


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[Processes]:
    opened = Processes(2)
    yield opened
    opened.close()


def every_round(store: Store, experiment_id: int) -> dict[tuple[str, int, int], Done]:
    """All that is stored, by cell, trial and number."""
    with store.read() as connection:
        return {
            (run.cell, run.trial, done.number): done
            for run in experiments.runs(connection, experiment_id)
            for done in experiments.rounds(connection, run.id)
        }


def same(one: dict, other: dict) -> None:
    """Everything but the time it took is the same, bit for bit."""
    assert one.keys() == other.keys()
    for key, first in one.items():
        second = other[key]
        for name in ("labels", "answers", "minutes", "accuracy"):
            assert getattr(first, name) == getattr(second, name), (key, name)
        left, right = ({**d.summary, "phases": None} for d in (first, second))
        assert left == right, key
        assert first.arrays.keys() == second.arrays.keys()
        for name, values in first.arrays.items():
            np.testing.assert_array_equal(values, second.arrays[name], err_msg=f"{key} {name}")


def test_a_sweep_does_every_round_of_every_run_once(store: Store, engine: Processes) -> None:
    design = a_grid()
    experiment_id = put(store, design)
    heard: list[int] = []
    assert sweeping.sweep(store, experiment_id, engine, threading.Event(), heard.append)
    found = every_round(store, experiment_id)
    assert len(found) == design.trainings == sum(heard) == 4 * 5
    assert [done.labels for (_, _, n), done in found.items() if n == 5] == [60] * 4
    with store.read() as connection:
        assert experiments.left(connection, experiment_id) == 0
        assert experiments.named(connection, "quick").driver is None
    # Nothing is left, so nothing is done again.
    heard.clear()
    assert sweeping.sweep(store, experiment_id, engine, threading.Event(), heard.append)
    assert heard == []


def test_strategies_of_a_trial_start_from_the_same(store: Store, engine: Processes) -> None:
    experiment_id = put(store, a_grid(learners=[QUICK, "network"], budget=30, trials=2))
    sweeping.sweep(store, experiment_id, engine, threading.Event())
    found = every_round(store, experiment_id)
    by_start: dict[Any, set] = {}
    with store.read() as connection:
        for run in experiments.runs(connection, experiment_id):
            first = found[run.cell, run.trial, 1]
            learner = run.spec["cell"]["learner"]["kind"]
            by_start.setdefault((run.trial, learner), set()).add(
                (first.arrays["asked_ids"].tobytes(), first.summary["seed"], first.accuracy)
            )
    assert len(by_start) == 4
    assert all(len(starts) == 1 for starts in by_start.values()), "same labels, weights, holdout"
    trials = {trial: next(iter(starts))[0] for (trial, _), starts in by_start.items()}
    assert trials[0] != trials[1]


def test_a_stored_run_replays_bit_for_bit(store: Store, engine: Processes, tmp_path: Path) -> None:
    design = a_grid(
        learners=["network"], budget=40, trials=1, strategies=["margin"],
        oracles=[{"kind": "annotators", "votes": 2}],
    )  # fmt: skip
    experiment_id = put(store, design)
    sweeping.sweep(store, experiment_id, engine, threading.Event())
    stored = every_round(store, experiment_id)
    run = Run(design.cells[0], 0, design.seed, design.budget)
    again: dict[tuple[str, int, int], Done] = {}
    before: list[Any] = []
    for number in (1, 2, 3):
        done = chain.next_round(run, before, tmp_path)
        before.append(done.arrays)
        again[design.cells[0].key, 0, number] = done
    same(stored, again)


def test_a_grid_grows_by_a_strategy_and_by_trials_without_repeating(
    store: Store, engine: Processes
) -> None:
    experiment_id = put(store, a_grid())
    sweeping.sweep(store, experiment_id, engine, threading.Event())
    before = every_round(store, experiment_id)
    bigger = a_grid(trials=3, strategies=["random", "entropy", "margin"])
    assert put(store, bigger) == experiment_id
    heard: list[int] = []
    sweeping.sweep(store, experiment_id, engine, threading.Event(), heard.append)
    after = every_round(store, experiment_id)
    assert sum(heard) == bigger.trainings - 20 == 25
    same(before, {key: after[key] for key in before})


def test_a_paused_sweep_stores_what_runs_and_goes_on_later(
    store: Store, engine: Processes, workspace: Workspace
) -> None:
    experiment_id = put(store, a_grid(trials=4))

    def pause(rounds: int) -> None:
        with store.write() as connection:
            experiments.pause(connection, experiment_id)

    assert not sweeping.sweep(store, experiment_id, engine, threading.Event(), pause)
    with store.read() as connection:
        left = experiments.left(connection, experiment_id)
    assert 0 < left < 40
    assert sweeping.sweep(store, experiment_id, engine, threading.Event())
    other = Store.open(Workspace(workspace.root / "other"))
    undisturbed = put(other, a_grid(trials=4))
    sweeping.sweep(other, undisturbed, engine, threading.Event())
    same(every_round(other, undisturbed), every_round(store, experiment_id))
    other.close()


def test_a_run_that_cannot_go_on_says_why_and_the_others_go_on(
    store: Store, engine: Processes
) -> None:
    broken = {"kind": "estimator", "estimator": "sklearn.svm.LinearSVC"}
    experiment_id = put(store, a_grid(learners=[QUICK, broken], trials=1))
    assert sweeping.sweep(store, experiment_id, engine, threading.Event())
    with store.read() as connection:
        found = experiments.runs(connection, experiment_id)
    errors = [run.error for run in found if run.error]
    assert len(errors) == 2 and all("no fit and predict_proba" in error for error in errors)
    assert [run.finished for run in found if not run.error] == [5, 5]


def test_a_pool_that_runs_dry_ends_the_run_early(store: Store, engine: Processes) -> None:
    oracles = [{"kind": "abstaining", "rate": 0.9, "harder": False}]
    few = [{"source": "digits", "items": 100, "holdout": 200}]
    experiment_id = put(store, a_grid(oracles=oracles, datasets=few, trials=1))
    assert sweeping.sweep(store, experiment_id, engine, threading.Event())
    with store.read() as connection:
        found = experiments.runs(connection, experiment_id)
    assert all(run.finished == run.planned < 5 and run.error is None for run in found)


def test_an_experiment_is_run_by_one_process_at_a_time(store: Store, engine: Processes) -> None:
    experiment_id = put(store, a_grid())
    other = claims.holder()
    with store.write() as connection:
        free = experiments.get(connection, experiment_id)
        assert experiments.take(connection, free, other, time.time())
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.2):
            with store.write() as connection:
                experiments.hold(connection, experiment_id, other, time.time())

    beats = threading.Thread(target=beat)
    beats.start()
    try:
        with pytest.raises(ExperimentBusy, match="pause that one first"):
            sweeping.sweep(store, experiment_id, engine, threading.Event())
    finally:
        over.set()
        beats.join()


def test_rounds_that_are_done_while_another_program_holds_the_database_are_kept(
    store: Store, engine: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.3)
    patient = Store.open(store.workspace)  # its connections wait no longer than that
    design = a_grid()
    experiment_id = put(store, design)
    rounds: list[int] = []
    lock = locked(store.workspace)
    release = threading.Timer(2.0, lock.__exit__, (None, None, None))

    def hold(number: int) -> None:
        rounds.append(number)
        if len(rounds) == 1:
            lock.__enter__()
            release.start()  # by then the next rounds are done, and heartbeats have failed

    assert sweeping.sweep(patient, experiment_id, engine, threading.Event(), hold)
    assert sum(rounds) == design.trainings == len(every_round(store, experiment_id))
    release.join()
    patient.close()


def test_a_driver_that_was_taken_for_dead_stores_nothing(store: Store) -> None:
    experiment_id = put(store, a_grid())
    with store.write() as connection:
        free = experiments.get(connection, experiment_id)
        assert experiments.take(connection, free, "a:1:x", 0.0)
        assert not experiments.take(connection, free, "c:3:z", 0.0)
    with store.write() as connection:
        silent = experiments.get(connection, experiment_id)
        assert experiments.take(connection, silent, "b:2:y", 100.0)
    with pytest.raises(JobCancelled), store.write() as connection:
        experiments.hold(connection, experiment_id, "a:1:x", 101.0)


# -- kills -------------------------------------------------------------------------------------

SWEEP = """
import sys, threading
from pathlib import Path
from alcore.config import Workspace
from alcore.jobs import sweeping
from alcore.workers.engines import Processes
from alcore.store import Store
if __name__ == "__main__":
    store = Store.open(Workspace(Path(sys.argv[1])))
    engine = Processes(2)
    sweeping.sweep(store, int(sys.argv[2]), engine, threading.Event())
    engine.close()
"""


NO_ROOM = """
import resource, sys, threading
from pathlib import Path
from alcore.config import Workspace
from alcore.errors import WorkspaceUnusable
from alcore.jobs import sweeping
from alcore.workers.engines import Processes
from alcore.store import Store
if __name__ == "__main__":
    workspace = Workspace(Path(sys.argv[1]))
    store = Store.open(workspace)
    largest = max(path.stat().st_size for path in workspace.root.glob("alcore.db*"))
    unlimited = resource.RLIM_INFINITY
    engine = Processes(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 100_000, unlimited))
    try:
        sweeping.sweep(store, int(sys.argv[2]), engine, threading.Event())
    except WorkspaceUnusable as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    print(sweeping.sweep(store, int(sys.argv[2]), engine, threading.Event()))
    engine.close()
"""


@pytest.mark.sqlite
@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX matter")
def test_a_full_disk_stops_the_sweep_and_it_goes_on_when_there_is_room(
    workspace: Workspace, tmp_path: Path
) -> None:
    store = Store.open(workspace)
    design = a_grid(trials=5)
    data.prepare(design.datasets[0], workspace.experiments)
    experiment_id = put(store, design)
    script = tmp_path / "no_room.py"
    script.write_text(NO_ROOM)
    run = subprocess.run(
        [sys.executable, str(script), str(workspace.root), str(experiment_id)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "cannot be written" in run.stdout and run.stdout.endswith("True\n")
    assert len(every_round(store, experiment_id)) == design.trainings
    store.close()


def children(pid: int) -> list[int]:
    """Worker processes of a process, without multiprocessing's resource tracker."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rsplit(")", 1)[1].split()
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat[1]) == pid and b"spawn_main" in command:
            found.append(int(path.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for workers in /proc")
@pytest.mark.sqlite
def test_whatever_is_killed_the_result_is_that_of_an_undisturbed_sweep(
    workspace: Workspace, engine: Processes, tmp_path: Path
) -> None:
    """Kills a worker, the sweep, and the sweep while it writes, at random moments in turn.

    The sweep is the only process that writes to the database.
    """
    design = a_grid(trials=3 * KILLS, budget=120)  # enough work for every kill on a quick machine
    calm = Store.open(Workspace(tmp_path / "calm"))
    undisturbed = put(calm, design)
    sweeping.sweep(calm, undisturbed, engine, threading.Event())
    store = Store.open(workspace)
    experiment_id = put(store, design)
    script = tmp_path / "run_sweep.py"
    script.write_text(SWEEP)
    drawn, killed = random.Random(0), dict.fromkeys(("worker", "sweep", "writer"), 0)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(workspace.root), str(experiment_id)]
    ended = 1
    while ended:
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
        while sum(killed.values()) < KILLS:
            done = _finished(store, experiment_id)
            while process.poll() is None and _finished(store, experiment_id) <= done:
                time.sleep(0.02)  # it is at work from its first round on
            time.sleep(drawn.random() * 0.3)
            victim = list(killed)[sum(killed.values()) % 3]
            pids = children(process.pid) if victim == "worker" else [process.pid]
            if victim == "writer":
                _wait_for_writing(store, process)
            if process.poll() is not None:
                break
            if pids:
                _kill(drawn.choice(pids))
                killed[victim] += 1
            if victim != "worker":
                break
        ended = process.wait()
    print(", ".join(f"{count} × {victim}" for victim, count in killed.items()), "killed")
    assert sum(killed.values()) == KILLS, "the sweep was done before all kills"
    same(every_round(calm, undisturbed), every_round(store, experiment_id))
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()
    calm.close()


def _wait_for_writing(store: Store, process: subprocess.Popen) -> None:
    """Return when somebody is in the midst of a transaction that writes, or the process ended."""
    with store.read() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            while process.poll() is None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                connection.exec_driver_sql("ROLLBACK")
                time.sleep(0.001)
        except OperationalError:
            return
        finally:
            connection.invalidate()  # nobody else shall have its impatience


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _finished(store: Store, experiment_id: int) -> int:
    with store.read() as connection:
        return sum(run.finished for run in experiments.runs(connection, experiment_id))


def test_a_grid_with_a_learner_that_cannot_tell_what_a_strategy_needs_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="needs dropout"):
        a_grid(strategies=["BALD"])
