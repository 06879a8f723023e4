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

import structlog

from alcore import logs
from alcore.config import HERE, Runtime
from alcore.errors import ExecutorUnavailable, JobCancelled, WorkspaceBusy
from alcore.job_kinds import KINDS, Lane, in_lane, named
from alcore.jobs.backup_schedule import Schedule
from alcore.jobs.deliveries import Deliveries
from alcore.jobs.executing import Errand, execute, execute_elsewhere
from alcore.jobs.watch_schedule import WatchSchedule
from alcore.loop import incoming_labels
from alcore.records import Job
from alcore.store import Store, jobs
from alcore.workers import presence
from alcore.workers.attempts import fields, put_back_silent
from alcore.workers.claims import BEAT, Watch, holder
from alcore.workers.cluster import Cluster
from alcore.workers.engines import Engine, Processes, submit

POLL = 0.1
"""Between two looks at whether anybody wrote, or whether a job has ended."""
AT_REST = 1.0
"""The same once processes were let go: nobody works."""
LONGEST = 1.0
"""Between two looks at the rows while a job is there, or somebody wrote a moment ago."""
SETTLED = 5.0
"""A write hides behind another only within one tick of a file system's clock, which is shorter."""
SELDOM = 30.0 if os.name == "posix" else LONGEST
"""Between two looks at the rows else; Windows says late that a file that is open was written."""
ELSEWHERE = 8
"""Jobs of a lane that a cluster does at once at most."""
PAGE_FIRST = 3.0
"""Torch is imported this long after the start, so that the first page has the processor."""

log = structlog.get_logger()


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
        images = training.LabeledImages(noise, np.arange(16) % 2, ("a", "b"), 3)
        training.fit(images, training.LearnerSettings(), 0, stop_soon)


@dataclass
class _Worker:
    """What does the jobs of one lane, one at a time, and the job that it has."""

    lane: Lane
    engine: Engine = field(default_factory=lambda: Processes(1))
    job: Job | None = None
    future: Future[None] | None = None
    stop_since: float | None = None

    @property
    def kinds(self) -> list[str]:
        """Names of the kinds of jobs that it does."""
        return [kind.name for kind in in_lane(self.lane)]

    @property
    def urgent(self) -> list[str]:
        """Names of those that others make room for."""
        return [kind.name for kind in in_lane(self.lane) if not kind.makes_room]

    def warm_up(self, threads: int, pause: float = 0.0) -> None:
        """Make the process ready for its first job, where that takes long."""
        if self.lane.warm and not isinstance(self.engine, Cluster):
            submit(self.engine, warm_up, threads, pause)

    def begin(self, runtime: Runtime, job: Job, name: str) -> None:
        """Let a job that was taken under a name be done."""
        root = str(runtime.workspace.root)
        self.job, self.stop_since = job, None
        if isinstance(self.engine, Cluster):
            there = runtime.workspace
            errand = Errand(job.id, job.attempt, name, root, bool(there.url), there.files)
            self.future = submit(self.engine, execute_elsewhere, errand)
        else:
            self.future = submit(self.engine, execute, root, job.id, runtime.threads)


def _workers(runtime: Runtime) -> list[_Worker]:
    """Make one of each lane, and several where a cluster does its jobs."""
    lanes = dict.fromkeys(kind.lane for kind in KINDS)
    if runtime.on == HERE:
        return [_Worker(lane) for lane in lanes]
    cluster = Cluster(runtime.on)
    workers = [_Worker(lane) for lane in lanes if not lane.elsewhere]
    for lane in lanes:
        workers += [_Worker(lane, cluster) for _ in range(ELSEWHERE if lane.elsewhere else 0)]
    return workers


def dispatch(runtime: Runtime, over: threading.Event, app: int = 0) -> None:
    """Start jobs as they become due until `over` is set; then put the running ones back.

    app: the process of the app that this one belongs to.
    """
    with presence.present(runtime.workspace, "trainer", app=app):
        for one in presence.apart(presence.others(runtime.workspace, app or None)):
            log.warning("somebody else works in this workspace", who=str(one))
        _dispatch(runtime, over)


def _dispatch(runtime: Runtime, over: threading.Event) -> None:
    store = Store.open(runtime.workspace)
    incoming_labels.finish(store)  # of an app that was killed
    name, watch = holder(), Watch(store)
    workers = _workers(runtime)
    for worker in workers:
        worker.warm_up(runtime.threads, PAGE_FIRST)
    schedule, rest = Schedule(runtime), Rest(store, runtime.idle)
    deliveries, watching = Deliveries(store), WatchSchedule(store)
    try:
        while not over.wait(AT_REST if rest.is_long else POLL):
            try:
                schedule.turn()
                watching.turn()
                if any(worker.job for worker in workers) or rest.is_over():
                    _turn(store, workers, name, watch, runtime)
                    rest.begin()
            except WorkspaceBusy:  # the next turn finds everything as it is now
                log.warning("another program holds the database")
            _let_go_or_warm_up(workers, rest, runtime.threads)
    finally:
        schedule.stop()
        deliveries.stop()
        for worker in workers:
            worker.engine.close()
            if worker.job is not None:
                with contextlib.suppress(WorkspaceBusy):  # else whoever comes next puts it back
                    _put_back(store, worker, "the app was closed", count=False)
        store.close()


class Rest:
    """When there is something to look at, and how long there has been nothing."""

    def __init__(self, store: Store, idle: float) -> None:
        self._store, self._idle = store, idle
        self._signature: object = None
        self._until = 0.0
        self._has_jobs = False
        self._written = time.monotonic()
        self.let_go = False
        """The processes of the lanes were ended for want of work."""

    def is_over(self) -> bool:
        """Tell whether to look at the rows: somebody wrote, or a job is due or runs elsewhere."""
        signature = self._store.signature()
        if signature != self._signature:
            self._written = time.monotonic()
            self._signature = signature
            return True
        return time.monotonic() >= self._until and (self._has_jobs or not self.begin())

    def begin(self) -> bool:
        """Rest until something is written, at most until a job is due; tell if none is there."""
        with self._store.read() as connection:
            unfinished = jobs.unfinished(connection)
        due = [LONGEST if at is None else at - time.time() for at in unfinished]
        self._has_jobs = bool(due)
        clock = time.monotonic()
        settled = not due and clock - self._written > SETTLED
        self._until = clock + max(0.0, min([SELDOM if settled else LONGEST, *due]))
        return not due

    @property
    def is_long(self) -> bool:
        """Whether nobody has written for so long that nobody works."""
        return time.monotonic() - self._written > self._idle


def _let_go_or_warm_up(workers: list[_Worker], rest: Rest, threads: int) -> None:
    """End processes that have nothing to do; have them ready once somebody is at work again.

    People write as soon as they open a page, long before a training is due.
    """
    if any(worker.job for worker in workers):
        return
    if rest.is_long:
        for worker in workers:
            if worker.engine.is_up:
                worker.engine.renew()
                rest.let_go = True
    elif rest.let_go:
        rest.let_go = False
        for worker in workers:
            worker.warm_up(threads)


def _turn(store: Store, workers: list[_Worker], name: str, watch: Watch, runtime: Runtime) -> None:
    if watch.is_due:
        put_back_silent(store, watch)
    nothing: set[Lane] = set()
    # Who is free comes first: nobody makes room while there is some.
    for worker in sorted(workers, key=lambda worker: worker.job is not None):
        if worker.job is not None:
            _watch(store, worker, runtime.threads)
        if worker.job is None and worker.lane not in nothing:
            _start(store, worker, name, runtime)
            if worker.job is None:
                nothing.add(worker.lane)


def _start(store: Store, worker: _Worker, name: str, runtime: Runtime) -> None:
    with store.read() as connection:
        if not jobs.due(connection, worker.kinds, time.time()):
            return
    if not worker.engine.is_ready:
        return
    with store.write() as connection:
        job = jobs.take(connection, worker.kinds, name, time.time())
    if job is None:
        return
    try:
        worker.begin(runtime, job, name)
    except ExecutorUnavailable as error:
        _put_back(store, worker, str(error), count=False)
        worker.job = None


def _watch(store: Store, worker: _Worker, threads: int) -> None:
    assert worker.job is not None and worker.future is not None
    kind, clock = named(worker.job.kind), time.monotonic()
    if worker.future.done():
        problem = worker.future.exception()
        if problem is not None and worker.engine.crashed(problem):
            worker.engine.renew()
            _put_back(store, worker, "its process died")
        elif isinstance(problem, WorkspaceBusy):  # it could not even say so in the database
            _put_back(store, worker, str(problem), count=False)
        elif problem is not None:
            log.error(
                "job ended without saying why",
                **fields(worker.job),
                error=type(problem).__name__,
                places=logs.places(problem),
            )
            _put_back(store, worker, f"{type(problem).__name__}: {problem}")
        worker.job = None
        return
    with store.read() as connection:
        row = jobs.get(connection, worker.job.id)
        urgent = kind.makes_room and jobs.due(connection, worker.urgent, time.time())
    now = time.time()
    if row.phase == jobs.STARTING and abs(now - (row.heartbeat_at or 0.0)) > BEAT:
        # The process beats once it is up; on a busy machine, to import torch takes long.
        with contextlib.suppress(JobCancelled), store.write() as connection:
            jobs.beat(connection, worker.job.id, worker.job.attempt, jobs.STARTING, 0.0, now)
    if worker.stop_since is None and (row.cancel_requested or urgent):
        worker.stop_since = clock
        if urgent:
            # Its next heartbeat tells it to leave: quicker than a new process, which would have
            # to import torch again before the training can start.
            _put_back(store, worker, "it made room", count=False)
    if worker.stop_since is not None and clock - worker.stop_since > kind.grace:
        worker.engine.renew()
        _put_back(store, worker, "stopped")
        worker.job = None
        worker.warm_up(threads)


def _put_back(store: Store, worker: _Worker, reason: str, count: bool = True) -> None:
    assert worker.job is not None
    log.info("job put back", **fields(worker.job), reason=reason.partition(":")[0])
    with store.write() as connection:
        jobs.put_back(connection, worker.job.id, worker.job.attempt, time.time(), reason, count)
