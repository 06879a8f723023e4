"""Owns the Dask cluster that does the jobs of projects: it may come later, and go again.

Who asks never waits for its scheduler. Times in seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import structlog

from alcore.config import DASK
from alcore.errors import ExecutorUnavailable
from alcore.workers.engines import Dask

AGAIN = 5.0
"""Between two tries to reach a scheduler that did not answer."""
T = TypeVar("T")

log = structlog.get_logger()


class Cluster:
    """An engine that is ready while its scheduler answers and a worker has nothing to do."""

    def __init__(self, setting: str) -> None:
        """setting: dask: and the scheduler's address."""
        self._address = setting.removeprefix(DASK)
        self._dask: Dask | None = None
        self._reaching: threading.Thread | None = None
        self._next = 0.0

    @property
    def workers(self) -> int:
        return 1 if self._dask is None else self._dask.workers

    @property
    def is_up(self) -> bool:
        return False

    @property
    def is_ready(self) -> bool:
        if self._dask is None or not self._dask.is_connected:
            self._reach()
            return False
        return self._dask.is_ready

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        if self._dask is None:
            raise ExecutorUnavailable(f"no scheduler has answered at {self._address}")
        try:
            return self._dask.submit(function, *arguments)
        except (OSError, RuntimeError) as error:  # it went just now
            raise ExecutorUnavailable(f"the scheduler at {self._address} has gone") from error

    def crashed(self, error: BaseException) -> bool:
        return self._dask is not None and self._dask.crashed(error)

    def renew(self) -> None:
        """Nothing here: whoever asks whether it is ready lets it be reached again."""

    def close(self) -> None:
        dask, self._dask = self._dask, None
        if dask is not None:
            dask.close()

    def _reach(self) -> None:
        """Begin another try where the last one is over, and a while ago."""
        if time.monotonic() < self._next or (self._reaching and self._reaching.is_alive()):
            return
        self._next = time.monotonic() + AGAIN
        self._reaching = threading.Thread(target=self._connect, name="cluster", daemon=True)
        self._reaching.start()

    def _connect(self) -> None:
        try:
            if self._dask is None:
                self._dask = Dask(self._address)
            else:
                self._dask.renew()
        except ExecutorUnavailable as error:
            log.warning("jobs wait for the cluster", reason=str(error))
