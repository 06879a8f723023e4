"""Owns how processes live and die: a child never outlives its parent, and yields to people."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

NICENESS = 10
SPAWN = 30.0
"""Seconds that a process may take to come up."""
T = TypeVar("T")

log = logging.getLogger(__name__)


def settle(niceness: int) -> None:
    """Prepare a worker process: low priority, deaf to Ctrl+C, gone when its parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(niceness)
    if hasattr(os, "setsid"):
        # Linux shares the processor among sessions first: what this process uses shall not count
        # as used by the web process that started it.
        os.setsid()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


class Worker:
    """One spawned process that takes work as an executor does, can be killed and comes back.

    `ProcessPoolExecutor` alone cannot stop work that has begun. Nothing is spawned before the
    first work.
    """

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._pid: Future[int] | None = None

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Run a function of an importable module in the process."""
        try:
            return self._running().submit(function, *arguments)
        except BrokenProcessPool:
            log.warning("the worker died while it had nothing to do; it is started again")
            self.kill()
            return self._running().submit(function, *arguments)

    def _running(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), initializer=settle, initargs=(NICENESS,)
            )
            self._pid = self._executor.submit(os.getpid)
        return self._executor

    def kill(self) -> None:
        """End the process at once, whatever it does; the next work gets a new one."""
        if self._executor is None or self._pid is None:
            return
        ended = True
        try:
            os.kill(self._pid.result(SPAWN), getattr(signal, "SIGKILL", signal.SIGTERM))
        except (ProcessLookupError, BrokenProcessPool):
            log.debug("the worker had ended by itself")
        except TimeoutError:
            log.warning("the worker did not come up within %s s", SPAWN)
            ended = False
        # Without waiting, the interpreter's own clean-up trips over the executor's closed pipe.
        self._executor.shutdown(wait=ended, cancel_futures=True)
        self._executor = None
