"""Owns the proof that a worker process comes back, whatever ended it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from alcore.workers.engines import Processes, submit


def test_a_worker_that_dies_while_it_has_nothing_to_do_is_started_again() -> None:
    engine = Processes(1)
    first = submit(engine, os.getpid).result(60)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ProcessLookupError):
        while True:  # until the pool has seen its end
            os.kill(first, 0)
            submit(engine, os.getpid).exception(60)
    assert submit(engine, os.getpid).result(60) != first
    engine.close()


def test_a_worker_made_anew_leaves_what_it_did_and_takes_the_next_work() -> None:
    engine = Processes(1)
    first = submit(engine, os.getpid).result(60)
    endless = submit(engine, time.sleep, 3600)
    while not endless.running():
        time.sleep(0.01)
    engine.renew()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert engine.crashed(endless.exception(60))
    assert submit(engine, os.getpid).result(60) != first
    engine.close()
