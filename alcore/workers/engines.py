"""Owns where work is computed: processes of this machine, or a Dask cluster; one interface.

Both take work as `concurrent.futures.Executor` does. A job of a project is a process of its own
on a cluster too, because it must end at once when it is asked to. Times in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Protocol, TypeVar

import structlog

from alcore.config import DASK, HERE, check_engine
from alcore.errors import ExecutorUnavailable, InvalidSettings
from alcore.processes import NICENESS, become_worker

ANSWER = 10.0
"""Seconds that a scheduler has to answer."""
_LOOK = 2.0
"""Seconds between looks at how many workers a cluster has."""
T = TypeVar("T")

log = structlog.get_logger()


class Engine(Protocol):
    """An executor that says how much it does at once, and can be made anew."""

    @property
    def workers(self) -> int:
        """How many pieces of work run at the same time now."""

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]: ...

    @property
    def is_up(self) -> bool:
        """Whether it keeps processes of this machine, which take memory."""

    @property
    def is_ready(self) -> bool:
        """Whether work that is submitted now begins soon; said without a wait."""

    def crashed(self, error: BaseException) -> bool:
        """Tell whether work ended because its worker died, and not by an error of its own."""

    def renew(self) -> None:
        """Make good what a crash has broken; raises ExecutorUnavailable where that fails.

        Processes of this machine end for that at once, whatever they do.
        """

    def close(self) -> None:
        """End all work at once."""


def open_engine(setting: str, workers: int) -> Engine:
    """Open "process", or "dask:tcp://host:8786".

    Raises InvalidSettings for another setting, ExecutorUnavailable for a scheduler that does not
    answer.
    """
    if check_engine(setting) == HERE:
        return Processes(workers)
    return Dask(setting.removeprefix(DASK))


def submit(engine: Engine, function: Callable[..., T], *arguments: object) -> Future[T]:
    """Submit work to an engine, made anew first where it broke while it had nothing to do."""
    try:
        return engine.submit(function, *arguments)
    except Exception as error:
        if not engine.crashed(error):
            raise
        log.warning("idle worker died and is started again")
        engine.renew()
        return engine.submit(function, *arguments)


class Processes:
    """Spawned processes of this machine; they end with this process, however it ends.

    Nothing is spawned before the first work.
    """

    def __init__(self, workers: int) -> None:
        if not 1 <= workers <= 1024:
            raise InvalidSettings(f"{workers} worker processes; must be 1 to 1,024")
        self._count = workers
        self._spawn = _Spawn()
        self._executor = self._start()

    @property
    def workers(self) -> int:
        return self._count

    @property
    def is_up(self) -> bool:
        return any(process.is_alive() for process in self._spawn.made)

    @property
    def is_ready(self) -> bool:
        return True

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        return self._executor.submit(function, *arguments)

    def crashed(self, error: BaseException) -> bool:
        return isinstance(error, BrokenExecutor)

    def renew(self) -> None:
        self.close()
        self._executor = self._start()

    def close(self) -> None:
        # Work that has begun cannot be cancelled: without this, the interpreter would wait for it.
        for process in self._spawn.made:
            if process.is_alive():
                process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> Executor:
        self._spawn.made.clear()
        return ProcessPoolExecutor(
            self._count, self._spawn, initializer=become_worker, initargs=(NICENESS,)
        )


class _Spawn(SpawnContext):
    """Remembers the processes that an executor starts, which it does not tell itself."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[SpawnProcess] = []

    # typeshed calls the factory a class, though contexts of the library make it a method too.
    def Process(self, *arguments: Any, **named: Any) -> SpawnProcess:  # type: ignore[override]
        process = SpawnProcess(*arguments, **named)
        self.made.append(process)
        return process


class Dask:
    """A Dask cluster; its workers need alcore, and the data at the same paths."""

    _count: int
    _looked: float

    def __init__(self, address: str) -> None:
        self._address = address
        self._connect()

    @property
    def workers(self) -> int:
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            workers = self._client.scheduler_info(n_workers=-1).get("workers", {})
            self._count = sum(worker["nthreads"] for worker in workers.values())
        return max(1, self._count)

    @property
    def is_up(self) -> bool:
        return False

    @property
    def is_ready(self) -> bool:
        return self.is_connected and len(self._tasks) < self.workers

    @property
    def is_connected(self) -> bool:
        """Whether the scheduler answers."""
        return bool(self._client.status == "running")

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        # Not by a key made of the arguments: the same round asked twice is computed twice.
        made: Future[T] = Future()
        made.set_running_or_notify_cancel()  # a cluster does not tell what has begun
        task = self._client.submit(function, *arguments, pure=False, retries=0)
        task.add_done_callback(lambda done: _hand_over(done, made))
        self._tasks.add(task)
        made.add_done_callback(lambda _: self._tasks.discard(task))
        return made

    def crashed(self, error: BaseException) -> bool:
        from distributed import CancelledError, KilledWorker

        return isinstance(error, KilledWorker | CancelledError | OSError | BrokenExecutor)

    def renew(self) -> None:
        if self._client.status != "running":
            self.close()
            self._connect()

    def close(self) -> None:
        with suppress(OSError, TimeoutError):
            self._client.cancel(list(self._tasks), force=True)
            self._client.close(timeout=ANSWER)

    def _connect(self) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ExecutorUnavailable(
                "Dask is not installed here; run pip install distributed, or compute on this "
                "machine with the engine 'process'"
            ) from error
        try:
            self._client = Client(self._address, timeout=ANSWER, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ExecutorUnavailable(
                f"the Dask scheduler at {self._address} does not answer within {ANSWER:.0f} s; "
                "start it with dask scheduler, check the address, or use the engine 'process'"
            ) from error
        self._tasks: set[Any] = set()
        self._count, self._looked = 1, -_LOOK


def _hand_over(task: Any, made: Future[Any]) -> None:
    """Give the outcome of a Dask task to the future of the standard library."""
    from distributed import CancelledError

    if task.status == "finished":
        made.set_result(task.result())
    elif task.status == "error":
        made.set_exception(task.exception())
    else:
        made.set_exception(CancelledError(task.key))
