"""Owns the proof that a worker process comes back, whatever ended it."""

from __future__ import annotations

import os
import signal

import pytest

from alcore.jobs.processes import Worker


def test_a_worker_that_dies_while_it_has_nothing_to_do_is_started_again() -> None:
    worker = Worker()
    first = worker.submit(os.getpid).result(60)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ProcessLookupError):
        while True:  # until the pool has seen its end
            os.kill(first, 0)
            worker.submit(os.getpid).exception(60)
    assert worker.submit(os.getpid).result(60) != first
    worker.kill()


def test_a_killed_worker_takes_the_next_work_in_a_new_process() -> None:
    worker = Worker()
    first = worker.submit(os.getpid).result(60)
    worker.kill()
    assert worker.submit(os.getpid).result(60) != first
    worker.kill()
