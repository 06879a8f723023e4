"""Owns the proof that a Dask cluster trains for projects, and loses no job to whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import running
from made import project
from test_jobs import LONG, Lab, alive, start_dispatcher, wait_for, workers_of

from alcore.config import Runtime, Workspace
from alcore.errors import InvalidSettings, WorkspaceUnusable
from alcore.jobs.executing import Errand, execute_elsewhere
from alcore.services import training
from alcore.store import Store, jobs
from alcore.workers import engines
from alcore.workers.cluster import Cluster

ACTIVE = ("waiting", "running")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def of_worker(worker: subprocess.Popen) -> list[int]:
    """Find the processes that a worker of the cluster has started for jobs."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()]
    return [int(r[0]) for r in rows if r[1] == str(worker.pid) and "jobs.executing" in r[2]]


def trains(lab: Lab, attempt: int) -> bool:
    job = lab.newest("train", lab.slow)
    return (job.state, job.phase, job.attempt) == ("running", "train", attempt)


@pytest.mark.slow
def test_a_cluster_trains_and_loses_nothing_when_process_worker_or_dispatcher_is_killed(
    tmp_path: Path,
) -> None:
    lab = Lab(Workspace(tmp_path / "workspace"))
    with running(tmp_path, ALCORE_THREADS="1") as (address, workers):

        def busy() -> subprocess.Popen:
            (one,) = [worker for worker in workers if of_worker(worker)]
            return one

        first = start_dispatcher(lab.workspace, ALCORE_ON=f"dask:{address}")
        lab.train(lab.slow)
        wait_for(lambda: trains(lab, 1), "a process of a worker trains")
        assert not workers_of(first.pid), "the dispatcher trains nothing itself"
        process = set(of_worker(busy()))
        training.stop(lab.store, lab.slow)
        wait_for(lambda: lab.newest("train", lab.slow).state == "cancelled", "it is stopped")
        wait_for(lambda: not alive(process), "its process is gone")

        asked = lab.train(lab.slow)
        wait_for(lambda: trains(lab, 1), "the next one trains")
        for pid in of_worker(busy()):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: trains(lab, 2), "it is begun again")
        process = set(of_worker(busy()))
        last = busy()
        last.kill()
        last.wait()
        wait_for(lambda: not alive(process), "the process of a worker ends with it")
        wait_for(lambda: trains(lab, 3), "another worker begins it")
        first.kill()
        first.wait()
        second = start_dispatcher(lab.workspace, ALCORE_ON=f"dask:{address}")
        wait_for(lambda: lab.newest("train", lab.slow).state not in ACTIVE, "nobody disturbs it")
        done = lab.newest("train", lab.slow)
        assert (done.id, done.state, done.attempt) == (asked.id, "done", 3)
        assert len(lab.rounds(lab.slow)) == 1
        lab.check()
        second.stdin.close()
        assert second.wait(timeout=LONG) == 0
    lab.store.close()


def test_a_cluster_that_does_not_answer_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "ANSWER", 0.5)
    cluster = Cluster("dask:tcp://127.0.0.1:1")
    start = time.monotonic()
    assert not cluster.is_ready and not cluster.is_ready
    assert time.monotonic() - start < 0.4
    cluster.close()


def test_a_worker_that_does_not_reach_the_data_says_what_it_lacks(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALCORE_WORKSPACE", raising=False)
    made = project(store)
    with store.write() as connection:
        jobs.request(connection, made, "train", 0.0)
        job = jobs.take(connection, ["train"], "me", time.time())
    assert job is not None
    root, served = str(store.workspace.root), bool(store.workspace.url)
    for errand, reason in (
        (Errand(job.id, 1, "me", str(tmp_path / "none"), served), "finds no workspace in"),
        (Errand(job.id, 1, "me", root, not served), "ALCORE_DATABASE"),
        (Errand(job.id, 1, "me", root, served, "s3://files"), "ALCORE_FILES"),
        (Errand(job.id, 1, "another", root, served), "another database than the app"),
    ):
        with pytest.raises(WorkspaceUnusable, match=reason):
            execute_elsewhere(errand)
    execute_elsewhere(Errand(job.id, 0, "me", root, served))  # was taken over: nothing is done
    with store.read() as connection:
        assert jobs.get(connection, job.id).phase == jobs.STARTING


def test_what_is_no_engine_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCORE_ON", "ray")
    with pytest.raises(InvalidSettings, match="no engine called 'ray'"):
        Runtime.from_environment()
    monkeypatch.setenv("ALCORE_ON", "dask:tcp://127.0.0.1:8786")
    assert Runtime.from_environment().to_environment()["ALCORE_ON"] == "dask:tcp://127.0.0.1:8786"
