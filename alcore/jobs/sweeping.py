"""Owns running an experiment: what is left to do goes to an engine, what is done to the database.

This process is the only one that writes. A round is computed from the rounds before it, which are
in the database, so that whatever is killed, only the rounds that were running are lost.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from alcore.errors import AlcoreError, ExperimentBusy, PoolExhausted
from alcore.experiments.chain import compute
from alcore.experiments.results import Arrays, Done, StoredRun
from alcore.store import Connection, Store, experiments
from alcore.workers.claims import BEAT, Claim, Heartbeat, Watch, holder
from alcore.workers.engines import Engine, open_engine

STRIKES = 5
"""Crashes in a row after which a run is given up, and its error shown."""
_AHEAD = 2
"""Rounds per worker that are submitted: one runs, one waits, so that no worker waits for us."""


@dataclass
class _Going:
    """A run that is being worked on."""

    run: StoredRun
    before: list[Arrays] = field(default_factory=list)
    strikes: int = 0


def run(
    store: Store,
    name: str,
    setting: str,
    workers: int,
    over: threading.Event,
    on_rounds: Callable[[int], object] = lambda rounds: None,
) -> bool:
    """Run what is left of an experiment, here, until it is done or paused; tell if it is done.

    setting: as of `open_engine`. Raises UnknownExperiment, and as `sweep` does.
    """
    with store.read() as connection:
        experiment = experiments.named(connection, name)
    engine = open_engine(setting, workers)
    try:
        return sweep(store, experiment.id, engine, over, on_rounds)
    finally:
        engine.close()


def sweep(
    store: Store,
    experiment_id: int,
    engine: Engine,
    over: threading.Event,
    on_rounds: Callable[[int], object] = lambda rounds: None,
) -> bool:
    """Run what an experiment has left, until it is done, paused or `over`; tell if it is done.

    `on_rounds` hears how many rounds were just stored. Rounds that are running at a pause are
    finished and stored. Raises ExperimentBusy while another process runs it.
    """
    driver = holder()
    _take(store, experiment_id, driver, over)
    error: str | None = None
    try:
        return _Sweep(store, experiment_id, driver, engine, over, on_rounds).run()
    except AlcoreError as problem:
        error = str(problem)
        raise
    finally:
        try:
            with store.write(patient=True) as connection:
                experiments.release(connection, experiment_id, driver, error)
        except AlcoreError:
            if error is None:
                raise  # else the first error says more


def _take(store: Store, experiment_id: int, driver: str, over: threading.Event) -> None:
    """Become the one who runs it; waits for a silent one to be dead for sure."""
    watch = Watch(store)
    first: Claim | None = None
    while True:
        with store.read() as connection:
            experiment = experiments.get(connection, experiment_id)
        claim = Claim(experiment.driver, experiment.beat_at)
        first = first or claim
        if claim.holder is None or (watch.is_due and watch.silent({experiment_id: claim})):
            with store.write() as connection:
                if experiments.take(connection, experiment, driver, time.time()):
                    experiments.forget_errors(connection, experiment_id)
                    return
        if claim != first or over.wait(BEAT):
            raise ExperimentBusy(
                f"the experiment {experiment.name!r} is being run by process {experiment.driver}; "
                "pause that one first"
            )


class _Sweep:
    """The loop: submit, wait, store."""

    def __init__(
        self,
        store: Store,
        experiment_id: int,
        driver: str,
        engine: Engine,
        over: threading.Event,
        on_rounds: Callable[[int], object],
    ) -> None:
        self._store, self._id, self._driver = store, experiment_id, driver
        self._engine, self._over, self._on_rounds = engine, over, on_rounds
        self._folder = str(store.workspace.experiments)
        self._ready: deque[_Going] = deque()
        self._running: dict[Future[Done], _Going] = {}
        self._paused = False

    def run(self) -> bool:
        with Heartbeat(self._beat) as heartbeat:
            return self._loop(heartbeat)

    def _loop(self, heartbeat: Heartbeat) -> bool:
        self._look()
        while self._ready or self._running:
            self._paused |= self._over.is_set()
            if not self._paused:
                self._submit()
            elif not self._drop_waiting():
                return False
            done, _ = wait(self._running, timeout=BEAT, return_when=FIRST_COMPLETED)
            self._store_all(done)
            heartbeat.check()
            if not self._ready and not self._running and not self._paused:
                self._look()  # it may have been extended meanwhile
        return True

    def _look(self) -> None:
        with self._store.read() as connection:
            unfinished = experiments.runs(connection, self._id, left=True)
        self._ready.extend(_Going(run) for run in unfinished)

    def _beat(self) -> None:
        with self._store.write(lasting=False) as connection:
            self._hold(connection)

    def _hold(self, connection: Connection) -> None:
        """Say that this process runs it, in the transaction of whatever is written."""
        if experiments.hold(connection, self._id, self._driver, time.time()):
            self._paused = True

    def _submit(self) -> None:
        while self._ready and len(self._running) < _AHEAD * self._engine.workers:
            going = self._ready.popleft()
            if len(going.before) < going.run.finished:
                with self._store.read() as connection:
                    going.before = experiments.arrays(connection, going.run.id)
            try:
                future = self._engine.submit(compute, going.run.spec, going.before, self._folder)
            except Exception as error:
                if not self._engine.crashed(error):
                    raise
                self._ready.appendleft(going)
                self._renew()
                return
            self._running[future] = going

    def _drop_waiting(self) -> bool:
        """Take back what has not begun; tell whether anything is still running."""
        for future in [f for f in self._running if f.cancel()]:
            del self._running[future]
        return bool(self._running)

    def _store_all(self, futures: Iterable[Future[Done]]) -> None:
        finished: list[tuple[_Going, Done]] = []
        crashed = False
        for future in futures:
            going = self._running.pop(future)
            error = None if future.cancelled() else future.exception()
            if future.cancelled():
                self._ready.appendleft(going)
            elif error is None:
                finished.append((going, future.result()))
            elif self._engine.crashed(error):
                crashed = True
                self._strike(going, error)
            else:
                self._failed(going, error)
        if finished:
            with self._store.write(patient=True) as connection:
                self._hold(connection)
                rows = [(going.run.id, done) for going, done in finished]
                experiments.add_rounds(connection, rows, time.time())
        for going, done in finished:
            going.before.append(done.arrays)
            going.strikes = 0
            if done.number < going.run.planned:
                self._ready.appendleft(going)
        if finished:
            self._on_rounds(len(finished))
        if crashed:
            self._renew()

    def _renew(self) -> None:
        """Make the engine anew; what it had lost is done again."""
        self._engine.renew()
        # A broken pool has ended all its work by now; a cluster goes on with the rest.
        for future in [f for f in self._running if f.done()]:
            going = self._running.pop(future)
            error = None if future.cancelled() else future.exception()
            if error is not None and self._engine.crashed(error):
                self._strike(going, error)
            else:
                self._ready.appendleft(going)

    def _strike(self, going: _Going, error: BaseException | None) -> None:
        going.strikes += 1
        if going.strikes < STRIKES:
            self._ready.append(going)
            return
        self._failed(
            going,
            AlcoreError(
                f"its process died {going.strikes} times in a row "
                f"({type(error).__name__}: {error}); there may be too little memory"
            ),
        )

    def _failed(self, going: _Going, error: BaseException) -> None:
        with self._store.write(patient=True) as connection:
            self._hold(connection)
            if isinstance(error, PoolExhausted):
                experiments.finish_early(connection, going.run.id)
                return
            words = str(error)
            if not isinstance(error, AlcoreError):
                last = traceback.format_exception(error)[-3:]
                words = f"unexpected {type(error).__name__}: {error}\n{''.join(last)}"
            experiments.fail(connection, going.run.id, words)
