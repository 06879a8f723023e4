"""Owns the running of a job in this process, for a caller who waits, as the command line does."""

from __future__ import annotations

import time
from collections.abc import Callable

from alcore.errors import TrainingImpossible
from alcore.job_kinds import function_of
from alcore.store import Connection, Store, jobs
from alcore.workers.attempts import put_back_silent, run


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
    put_back_silent(store)
    with store.write() as connection:
        ask(connection)
        job = jobs.take(connection, [kind], "foreground", time.time(), project_id)
        if job is None:
            raise TrainingImpossible(busy)
    error = run(store, job, function_of(kind), threads)
    if error is not None:
        raise error
