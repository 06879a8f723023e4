"""Owns starting due jobs, each in a process of its own, and picking up after crashes.

The rows say what is to be done; any number of dispatchers may run. Times in seconds.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from alcore import logs
from alcore.config import Runtime, Workspace
from alcore.errors import JobCancelled
from alcore.records import Job, JobKind
from alcore.store import Store, jobs
from alcore.workers.attempts import BEAT, fields, function_of, put_back_silent, run
from alcore.workers.engines import Engine, Processes, submit

POLL = 0.1
GRACE, LONG_GRACE = 3.0, 20.0
"""What a job that was asked to stop gets before its process is killed; more for one that has
hours of work to keep."""
PAGE_FIRST = 3.0
"""Torch is imported this long after the start, so that the first page has the processor."""
PREEMPTIBLE: frozenset[JobKind] = frozenset({"label_check", "baseline"})
"""Work that nobody waits for: it makes room at once when something else is due in its lane."""

log = structlog.get_logger()


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


def warm_up(threads: int, pause: float = 0.0) -> None:
    """Import torch and let it set itself up, so that the first training does not wait for it."""
    time.sleep(pause)
    import numpy as np

    from alcore.learner import device, training

    noise = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)

    def stop_soon(share: float) -> None:
        if share > 0.05:
            raise JobCancelled("warm enough")

    with device.computing(0, threads), contextlib.suppress(JobCancelled):
        training.fit(
            noise, np.arange(16) % 2, ("a", "b"), 3, training.LearnerSettings(), 0, stop_soon
        )


@dataclass
class Lane:
    """An engine with one worker and the kinds of jobs it does, one at a time."""

    kinds: tuple[JobKind, ...]
    engine: Engine = field(default_factory=lambda: Processes(1))
    grace: float = GRACE
    job: Job | None = None
    future: Future[None] | None = None
    stop_since: float | None = None


def dispatch(runtime: Runtime, over: threading.Event) -> None:
    """Start jobs as they become due until `over` is set; then put the running ones back."""
    store = Store.open(runtime.workspace)
    name = f"{os.uname().nodename if hasattr(os, 'uname') else 'host'}:{os.getpid()}"
    lanes = (
        Lane(("import",)),
        Lane(("train", "label_check", "baseline")),
        Lane(("pretrain",), grace=LONG_GRACE),
    )
    submit(lanes[1].engine, warm_up, runtime.threads, PAGE_FIRST)
    try:
        while not over.wait(POLL):
            put_back_silent(store)
            for lane in lanes:
                if lane.job is not None:
                    _watch(store, lane, runtime.threads)
                if lane.job is None:
                    _start(store, lane, name, runtime)
    finally:
        for lane in lanes:
            lane.engine.close()
            if lane.job is not None:
                _put_back(store, lane, "the app was closed", count=False)
        store.close()


def _start(store: Store, lane: Lane, name: str, runtime: Runtime) -> None:
    with store.read() as connection:
        if not jobs.due(connection, lane.kinds, time.time()):
            return
    with store.write() as connection:
        lane.job = jobs.take(connection, lane.kinds, name, time.time())
    if lane.job is not None:
        lane.stop_since = None
        lane.future = submit(
            lane.engine, execute, str(runtime.workspace.root), lane.job.id, runtime.threads
        )


def _watch(store: Store, lane: Lane, threads: int) -> None:
    assert lane.job is not None and lane.future is not None
    now = time.time()
    if lane.future.done():
        problem = lane.future.exception()
        if problem is not None and lane.engine.crashed(problem):
            lane.engine.renew()
            _put_back(store, lane, "its process died")
        elif problem is not None:
            log.error(
                "job ended without saying why",
                **fields(lane.job),
                error=type(problem).__name__,
                places=logs.places(problem),
            )
            _put_back(store, lane, f"{type(problem).__name__}: {problem}")
        lane.job = None
        return
    with store.read() as connection:
        row = jobs.get(connection, lane.job.id)
        urgent = lane.job.kind in PREEMPTIBLE and jobs.due(
            connection, [k for k in lane.kinds if k not in PREEMPTIBLE], now
        )
    if row.phase == jobs.STARTING and now - (row.heartbeat_at or 0.0) > BEAT:
        # The process beats once it is up; on a busy machine, to import torch takes long.
        with contextlib.suppress(JobCancelled), store.write() as connection:
            jobs.beat(connection, lane.job.id, lane.job.attempt, jobs.STARTING, 0.0, now)
    if lane.stop_since is None and (row.cancel_requested or urgent):
        lane.stop_since = now
        if urgent:
            # Its next heartbeat tells it to leave: quicker than a new process, which would have
            # to import torch again before the training can start.
            _put_back(store, lane, "it made room", count=False)
    if lane.stop_since is not None and now - lane.stop_since > lane.grace:
        lane.engine.renew()
        _put_back(store, lane, "stopped")
        lane.job = None
        if "train" in lane.kinds:
            submit(lane.engine, warm_up, threads)


def _put_back(store: Store, lane: Lane, reason: str, count: bool = True) -> None:
    assert lane.job is not None
    log.info("job put back", **fields(lane.job), reason=reason.partition(":")[0])
    with store.write() as connection:
        jobs.put_back(connection, lane.job.id, lane.job.attempt, time.time(), reason, count)
