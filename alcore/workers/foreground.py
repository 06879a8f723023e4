"""Owns the running of a job in this process, for a caller who waits, as the command line does."""

from __future__ import annotations

import time
from collections.abc import Callable

from alcore.errors import TrainingImpossible
from alcore.job_kinds import function_of
from alcore.store import Connection, Store, jobs
from alcore.workers.attempts import put_back_silent, run
from alcore.workers.claims import BEAT, Watch, holder


def run_here(
    store: Store,
    project_id: int,
    kind: str,
    threads: int,
    ask: Callable[[Connection], None],
    busy: str,
) -> None:
    """Ask for a job and run it to its end. Raises what it raises.

    ask requests it, in the transaction that takes it. Raises TrainingImpossible with `busy` where
    another process runs one; then nothing was asked for.
    """
    _wait_for_silent(store, project_id, kind)
    with store.write() as connection:
        ask(connection)
        job = jobs.take(connection, [kind], holder(), time.time(), project_id)
        if job is None:
            raise TrainingImpossible(busy)
    error = run(store, job, function_of(kind), threads)
    if error is not None:
        raise error


def _wait_for_silent(store: Store, project_id: int, kind: str) -> None:
    """Return at once where no such job runs, else when it has shown that it lives or does not."""
    watch = Watch(store)
    first: float | None = None
    while True:
        with store.read() as connection:
            job = jobs.newest(connection, project_id, kind)
        if job is None or job.state != "running" or first not in (None, job.heartbeat_at):
            return
        first = job.heartbeat_at
        if watch.is_due:
            put_back_silent(store, watch)
        time.sleep(BEAT / 2)
