"""Owns doing a job that was taken: in this process, or in one that a cluster's worker starts.

A worker of a cluster may be on another computer. It reaches the database and the folder by its own
environment: what opens a database is not sent through a scheduler.

    python -m alcore.jobs.executing JOB    what a worker starts
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from alcore import logs
from alcore.config import Runtime, Workspace
from alcore.errors import JobCancelled, WorkspaceUnusable
from alcore.job_kinds import function_of, named
from alcore.processes import NICENESS
from alcore.records import Job
from alcore.store import Store, jobs
from alcore.workers.attempts import run
from alcore.workers.claims import BEAT
from alcore.workers.launching import environment_of


@dataclass(frozen=True)
class Errand:
    """An attempt at a job that a cluster does, and where who sends it finds the data."""

    job_id: int
    attempt: int
    holder: str
    """Who has taken the job; nobody else's database knows this name."""
    root: str
    """Folder of the workspace, where the worker's environment names no other one."""
    on_server: bool
    """Whether the database is on a server, which the worker's environment then names."""
    files: str = ""
    """Address of the object store that has the files of projects, where one has."""


def execute(root: str, job_id: int, threads: int) -> None:
    """Run a job that was taken; called in the worker process."""
    logs.configure("info")
    store = Store.open(Workspace(Path(root)))
    try:
        with store.read() as connection:
            job = jobs.get(connection, job_id)
        run(store, job, function_of(job.kind), threads)
    finally:
        store.close()


def execute_elsewhere(errand: Errand) -> None:
    """Do an attempt at a job, in a process of its own; called in a worker of a cluster.

    Returns when it is over, or was taken over or stopped. Raises WorkspaceUnusable where this
    computer does not reach the data, BrokenExecutor where the process died.
    """
    runtime = _runtime_of(errand)
    store = Store.open(runtime.workspace)
    try:
        if not _begin(store, errand):
            return
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(errand.job_id)],
            stdin=subprocess.PIPE,  # which closes with this process, however it ends
            env=environment_of(runtime),
        )
        try:
            _watch(store, errand, process)
        finally:
            process.kill()
            process.wait()
    finally:
        store.close()


def _runtime_of(errand: Errand) -> Runtime:
    """Read how this worker runs. Raises WorkspaceUnusable where that cannot be the same data."""
    runtime = Runtime.from_environment()
    if not os.environ.get("ALCORE_WORKSPACE"):
        runtime = replace(runtime, workspace=Workspace(Path(errand.root)))
    workspace = runtime.workspace
    if bool(workspace.url) != errand.on_server:
        where = "on a server" if errand.on_server else "a file in the workspace"
        raise WorkspaceUnusable(
            f"the app's database is {where}, but that of this Dask worker is not; start the "
            "worker with the app's ALCORE_DATABASE"
        )
    if workspace.files != errand.files:
        raise WorkspaceUnusable(
            f"the app's files lie in {errand.files or 'the workspace'}, but those of this Dask "
            f"worker in {workspace.files or 'the workspace'}; start the worker with the app's "
            "ALCORE_FILES"
        )
    place = workspace.root if workspace.url else workspace.database
    if not (workspace.files or place.exists()):
        raise WorkspaceUnusable(
            f"this Dask worker finds no workspace in {workspace.root}; let it reach the folder "
            "there, or start it with ALCORE_WORKSPACE"
        )
    return runtime


def _begin(store: Store, errand: Errand) -> bool:
    """Note that this worker has begun; return whether the attempt is still wanted.

    A scheduler sends an errand again where it has lost the worker, which may live on.
    """
    with store.write() as connection:
        job = jobs.find(connection, errand.job_id)
        if job is None or (job.attempt, job.state) != (errand.attempt, "running"):
            return False
        if job.worker != errand.holder:
            raise WorkspaceUnusable(
                "this Dask worker has another database than the app; start it with the app's "
                "ALCORE_WORKSPACE and ALCORE_DATABASE"
            )
        if job.phase != jobs.STARTING:
            raise BrokenExecutor("another worker had begun it, and was lost")
        jobs.beat(connection, job.id, job.attempt, jobs.ELSEWHERE, 0.0, time.time())
    return True


def _watch(store: Store, errand: Errand, process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process; end it where it shall stop and does not.

    Until it says itself that it lives, which may take long, that is said for it.
    """
    stop_since: float | None = None
    while True:
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(BEAT)
            break
        with suppress(WorkspaceUnusable, JobCancelled):  # the next look finds it as it is then
            job = _look(store, errand)
            clock = time.monotonic()
            if job is None or job.cancel_requested:
                stop_since = clock if stop_since is None else stop_since
                grace = 0.0 if job is None else named(job.kind).grace
                if clock - stop_since > grace:
                    return
    if code and _look(store, errand) is not None:
        raise BrokenExecutor(f"the process of job {errand.job_id} ended with {code}")


def _look(store: Store, errand: Errand) -> Job | None:
    """Read the job, None where this attempt is over. Raises JobCancelled where it shall stop."""
    now = time.time()
    with store.read() as connection:
        job = jobs.find(connection, errand.job_id)
    if job is None or job.state != "running" or job.attempt != errand.attempt:
        return None
    if job.phase == jobs.ELSEWHERE and abs(now - (job.heartbeat_at or 0.0)) > BEAT:
        with store.write() as connection:
            jobs.beat(connection, job.id, job.attempt, jobs.ELSEWHERE, 0.0, now)
    return job


def _end_with_input() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> None:
    """Run the job of the command line until it or the input ends."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    runtime = Runtime.from_environment()
    execute(str(runtime.workspace.root), int(sys.argv[1]), runtime.threads)


if __name__ == "__main__":
    main()
