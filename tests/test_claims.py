"""Owns the proof that nobody who lives is taken for dead, and that no result is lost for a lock."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from locks import locked
from made import project

from alcore.config import Workspace
from alcore.errors import ExperimentBusy, JobCancelled
from alcore.jobs import sweeping
from alcore.records import Job
from alcore.store import Store, engine, experiments, jobs
from alcore.workers import claims
from alcore.workers.attempts import Running, put_back_silent, run
from alcore.workers.claims import LOOKS, LOOKS_GONE, Claim, Watch

LONG = 120.0
"""Seconds that anything may take on a machine with much else to do."""


@pytest.fixture
def store(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A workspace whose database is waited for half a second, not half a minute."""
    monkeypatch.setattr(engine, "PATIENCE", 0.5)
    opened = Store.open(workspace)
    yield opened
    opened.close()


def taken(store: Store, kind: str = "train", worker: str | None = None) -> Job:
    project_id = project(store)
    with store.write() as connection:
        jobs.request(connection, project_id, kind, 0.0)
        job = jobs.take(connection, [kind], worker or claims.holder(), time.time(), project_id)
    assert job is not None
    return job


def read(store: Store, job: Job) -> Job:
    with store.read() as connection:
        return jobs.get(connection, job.id)


def wait_for(what: Callable[[], object]) -> None:
    start = time.monotonic()
    while not what():
        assert time.monotonic() - start < LONG
        time.sleep(0.02)


def gone() -> str:
    """Name a holder of this computer that has ended."""
    process = subprocess.run(
        [sys.executable, "-c", "from alcore.workers.claims import holder; print(holder())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return process.stdout.strip()


# -- holders -----------------------------------------------------------------------------------


def test_a_heartbeat_that_cannot_be_written_is_tried_again(store: Store) -> None:
    job = taken(store)
    with Running(store, job, 1) as running:
        wait_for(lambda: read(store, job).heartbeat_at != job.heartbeat_at)
        with locked(store.workspace):
            time.sleep(1.0)  # a beat that was on its way has come in
            before = read(store, job).heartbeat_at
            time.sleep(2.0)  # several fail
            assert read(store, job).heartbeat_at == before
        wait_for(lambda: read(store, job).heartbeat_at != before)
        with running.publish():
            pass
    assert read(store, job).state == "done"


@pytest.mark.parametrize("error", [None, ValueError("a fault")], ids=["a result", "a fault"])
def test_the_end_of_a_job_is_stored_however_long_the_database_is_held(
    store: Store, error: Exception | None
) -> None:
    job = taken(store)
    computed, ended = threading.Event(), threading.Event()

    def work(running: Running) -> None:
        computed.set()
        if error is not None:
            raise error
        with running.publish():
            ended.set()

    with locked(store.workspace):
        thread = threading.Thread(target=run, args=(store, job, work, 1))
        thread.start()
        assert computed.wait(LONG)
        time.sleep(2.0)  # four times what a writer waits who is not patient
        assert not ended.is_set() and read(store, job).state == "running"
    thread.join(LONG)
    assert read(store, job).state == ("done" if error is None else "failed")


def test_a_holder_that_was_replaced_is_told_to_stop(store: Store) -> None:
    job = taken(store)
    with Running(store, job, 1) as running:
        with store.write() as connection:
            jobs.put_back(connection, job.id, job.attempt, 0.0, "silent")
        with pytest.raises(JobCancelled, match="taken over"):
            wait_for(lambda: running.report("train", 0.5))


# -- watches -----------------------------------------------------------------------------------


def test_a_silent_holder_is_found_after_looks_and_no_sooner(store: Store) -> None:
    watch, claim = Watch(store), Claim("elsewhere:1:a", 5.0)
    looks = [watch.silent({"job": claim}) for _ in range(LOOKS + 1)]
    assert looks == [[]] * LOOKS + [["job"]]


def test_a_process_of_this_computer_that_has_ended_is_found_sooner(store: Store) -> None:
    watch, claim = Watch(store), Claim(gone(), 5.0)
    looks = [watch.silent({"job": claim}) for _ in range(LOOKS_GONE + 1)]
    assert looks == [[]] * LOOKS_GONE + [["job"]]


@pytest.mark.parametrize("step", [0.4, -3600.0, 86400.0], ids=["as ever", "set back", "asleep"])
def test_whoever_speaks_lives_whatever_the_clock_says(store: Store, step: float) -> None:
    watch = Watch(store)
    for look in range(3 * LOOKS):
        assert watch.silent({"job": Claim("elsewhere:1:a", look * step)}) == []


def test_nobody_is_taken_for_dead_while_another_program_holds_the_database(store: Store) -> None:
    watch, claim = Watch(store), Claim("elsewhere:1:a", 5.0)
    with locked(store.workspace):
        for _ in range(LOOKS + 2):
            assert watch.silent({"job": claim}) == []
    looks = [watch.silent({"job": claim}) for _ in range(LOOKS)]
    assert looks == [[]] * (LOOKS - 1) + [["job"]]


def test_a_job_that_was_put_to_sleep_with_its_watch_goes_on(store: Store) -> None:
    """A computer that sleeps stops both; then the last heartbeat is hours old."""
    job = taken(store)
    with store.write() as connection:
        jobs.beat(connection, job.id, job.attempt, "train", 0.5, time.time() - 8 * 3600)
    watch = Watch(store)
    put_back_silent(store, watch)
    with Running(store, job, 1):
        before = read(store, job).heartbeat_at
        wait_for(lambda: read(store, job).heartbeat_at != before)
        put_back_silent(store, watch)
        assert read(store, job).state == "running"


def test_a_job_whose_process_was_killed_waits_again(store: Store) -> None:
    job, watch = taken(store, worker=gone()), Watch(store)
    for _ in range(LOOKS_GONE + 1):
        put_back_silent(store, watch)
    row = read(store, job)
    assert (row.state, row.failures, row.worker) == ("waiting", 1, None)


@pytest.mark.parametrize("name", ["me", "test", "a:b", "", f"{socket.gethostname()}:x:y"])
def test_a_name_that_is_no_process_of_this_computer_is_not_gone(name: str) -> None:
    assert not claims.is_gone(name)
    assert not claims.is_gone(claims.holder())


# -- experiments -------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from alcore.config import Workspace
from alcore.store import Store, experiments
from alcore.workers.claims import Heartbeat, holder
store, me = Store.open(Workspace(Path(sys.argv[1]))), holder()
def beat():
    with store.write() as connection:
        experiments.hold(connection, 1, me, time.time())
with store.write() as connection:
    experiments.take(connection, experiments.get(connection, 1), me, time.time())
with Heartbeat(beat):
    print("held", flush=True)
    time.sleep(600)
"""


def test_an_experiment_is_refused_while_its_process_lives_and_taken_when_it_is_killed(
    store: Store,
) -> None:
    with store.write() as connection:
        assert experiments.add(connection, "one", {}, 0.0) == 1
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.workspace.root)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    engine_of_nothing = claims  # nothing is left to compute, so no engine is asked
    with pytest.raises(ExperimentBusy, match="pause that one first"):
        sweeping.sweep(store, 1, engine_of_nothing, threading.Event())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert sweeping.sweep(store, 1, engine_of_nothing, threading.Event())
    with store.read() as connection:
        assert experiments.get(connection, 1).driver is None
