"""Owns one attempt at a job: its heartbeat, its progress, its end. Times in seconds."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import structlog

from alcore import disk, logs
from alcore.config import precision
from alcore.errors import AlcoreError, FilesUnreachable, JobCancelled, NoRoom, WorkspaceBusy
from alcore.job_kinds import named
from alcore.records import Job
from alcore.store import Connection, Store, jobs
from alcore.workers.claims import Claim, Heartbeat, Watch

ROOM = 30.0
"""A job that found the disk full, or no object store, looks again after this time."""
PAUSE = 1.0
"""The same of one whose database was held, or whose server was started anew: it is back by now."""
PASSING = (NoRoom, WorkspaceBusy, FilesUnreachable)
"""What is not the job's fault and goes by: it waits and is done again, however often that is."""

log = structlog.get_logger()


class Running:
    """An attempt at a job, as the job's function sees it."""

    def __init__(self, store: Store, job: Job, threads: int) -> None:
        self.store = store
        self.job = job
        self.threads = threads
        self.precision = precision()
        self._args = dict(job.args)
        self._state = (job.phase, 0.0)
        self._heartbeat = Heartbeat(self._beat)

    def report(self, phase: str, progress: float) -> None:
        """Say what is being done and how far it is (0–1). Raises JobCancelled to stop."""
        self._state = (phase, min(max(progress, 0.0), 1.0))
        self._heartbeat.check()

    def note(self, args: Mapping[str, Any]) -> None:
        """Record what this attempt works on."""
        self._args |= args
        with self.write() as connection:
            jobs.note(connection, self.job.id, self._args)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection as the store does, and wait however long another program holds it.

        What was computed shall not be lost for that. Files that the job has made are where all
        find them before it commits; raises FilesUnreachable.
        """
        files = named(self.job.kind).files
        with self.store.publish(self.job.project_id, files, patient=True) as connection:
            yield connection

    def advance(self, connection: Connection) -> None:
        """Say, in the transaction that keeps it, that a part of the work is done for good.

        A job is given up when its process dies again and again without that.
        """
        jobs.advance(connection, self.job.id, self.job.attempt)

    @contextmanager
    def publish(self) -> Iterator[Connection]:
        """Give the transaction that stores the result and ends the job, both or neither.

        Raises JobCancelled, and stores nothing, when a newer attempt has taken over.
        """
        with self.write() as connection:
            jobs.finish(connection, self.job.id, self.job.attempt, time.time())
            yield connection

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._heartbeat.__exit__(kind, error, trace)

    def _beat(self) -> None:
        phase, progress = self._state
        with self.store.single() as connection:
            jobs.beat(connection, self.job.id, self.job.attempt, phase, progress, time.time())


def run(
    store: Store, job: Job, function: Callable[[Running], None], threads: int
) -> AlcoreError | None:
    """Run one attempt at a job to its end; return its error, stored with the job, if any.

    The log gets one line for it.
    """
    start = time.monotonic()
    error = _attempt(store, job, function, threads)
    end = "done" if error is None else "postponed" if isinstance(error, PASSING) else "failed"
    reason = error if type(error) is not AlcoreError else error.__cause__ or error
    log.info(
        "job ended",
        **fields(job),
        seconds=round(time.monotonic() - start, 3),
        end="cancelled" if isinstance(error, JobCancelled) else end,
        **({} if error is None else {"error": type(reason).__name__}),
    )
    return error


def fields(job: Job) -> dict[str, Any]:
    """Say in the log which attempt at which job a line is about."""
    return {
        "job": job.id,
        "kind": job.kind,
        "project": job.project_id,
        "attempt": job.attempt,
    }


def _attempt(
    store: Store, job: Job, function: Callable[[Running], None], threads: int
) -> AlcoreError | None:
    try:
        disk.check_room(store.workspace.root)
        with store.files.insisting(job.project_id):
            with Running(store, job, threads) as running:
                function(running)
            _forget_deleted(store, job)
        return None
    except PASSING as obstacle:
        pause = PAUSE if isinstance(obstacle, WorkspaceBusy) else ROOM
        with store.write(patient=True) as connection:
            jobs.postpone(connection, job.id, job.attempt, time.time(), pause, str(obstacle))
        return obstacle
    except JobCancelled as stop:
        error: AlcoreError = stop
        trace = None
    except AlcoreError as problem:
        error, trace = problem, traceback.format_exc()
    except Exception as problem:  # the job border: whatever happened is shown, and work goes on
        log.error("job failed unexpectedly", **fields(job), places=logs.places(problem))
        error = AlcoreError(f"unexpected {type(problem).__name__}: {problem}")
        error.__cause__ = problem
        trace = traceback.format_exc()
    with store.write(patient=True) as connection:
        jobs.fail(
            connection,
            job.id,
            job.attempt,
            time.time(),
            str(error),
            trace,
            cancelled=isinstance(error, JobCancelled),
        )
    return error


def _forget_deleted(store: Store, job: Job) -> None:
    """Delete files for all that a job has deleted here."""
    files = named(job.kind).files
    if store.files.objects is None or not files:
        return
    with store.write(patient=True) as connection:
        gone = store.files.record_missing(connection, job.project_id, files)
    store.files.discard(gone)


def put_back_silent(store: Store, watch: Watch) -> None:
    """Look once for running jobs whose process is gone; let them wait for their next attempt."""
    with store.read() as connection:
        claims = {
            (row.id, row.attempt): Claim(row.worker, row.heartbeat_at)
            for row in jobs.running(connection)
        }
    for job_id, attempt in watch.silent(claims):
        with store.write() as connection:
            job = jobs.get(connection, job_id)
            if Claim(job.worker, job.heartbeat_at) != claims[job_id, attempt]:
                continue  # it has spoken just now
            log.warning("job silent", **fields(job))
            jobs.put_back(connection, job_id, attempt, time.time(), "its process went silent")
