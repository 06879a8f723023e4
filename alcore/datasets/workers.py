"""Owns the processes that decode images: limited in memory and time, never outliving us.

A batch of entries goes to a worker and comes back in order. When a worker crashes or hangs, its
batch is done again entry by entry, so that only the culprit is lost. Times in seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

from alcore.datasets.decoding import Reduced, decode_pixels
from alcore.datasets.entries import Entry, Source
from alcore.errors import UnreadableImage

BATCH_ENTRIES = 64
BATCH_BYTES = 8_000_000
BATCH_SECONDS = 60.0
ENTRY_SECONDS = 20.0
MEMORY_BYTES = 1_500_000_000
"""Address space that decoding may take beyond what a fresh worker has."""
START_SECONDS = 60.0


@dataclass(frozen=True)
class Examined:
    """A readable image; `data` only where the original is to be copied."""

    entry: Entry
    content_hash: str
    reduced: Reduced
    data: bytes | None


@dataclass(frozen=True)
class Refused:
    entry: Entry
    reason: str


Result = Examined | Refused


def examine(source: Source, entry: Entry, resolution: int) -> Result:
    """Read and decode one entry."""
    try:
        data = source.read(entry)
        reduced = decode_pixels(data, resolution)
    except UnreadableImage as error:
        return Refused(entry, str(error))
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    return Examined(entry, digest, reduced, None if source.in_place else data)


def examine_all(
    source: Source, entries: Sequence[Entry], resolution: int, workers: int
) -> Iterator[list[Result]]:
    """Examine entries in batches, in their order; with 0 workers in this process."""
    batches = _batches(entries)
    if workers == 0:
        for batch in batches:
            yield [examine(source, entry, resolution) for entry in batch]
        return
    pool = _Pool(source, resolution, workers)
    try:
        yield from pool.run(batches)
    finally:
        pool.stop()


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch, size = [], 0
    for entry in entries:
        batch.append(entry)
        size += entry.size
        if len(batch) == BATCH_ENTRIES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Worker:
    """One process and what it is doing."""

    def __init__(self, source: Source, resolution: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(
            target=_serve, args=(theirs, source, resolution), daemon=True, name="alcore-decode"
        )
        self.process.start()
        theirs.close()
        self.number: int | None = None
        self.batch: list[Entry] = []
        self.deadline = 0.0
        self.fresh = True

    def give(self, number: int, batch: list[Entry], seconds: float) -> bool:
        """Hand over a batch; False when the worker died meanwhile."""
        self.number, self.batch = number, batch
        self.deadline = time.monotonic() + seconds + (START_SECONDS if self.fresh else 0)
        self.fresh = False
        try:
            self.pipe.send(batch)
        except OSError:
            return False
        return True

    def take(self) -> list[Result] | None:
        """Results of the batch, or None when the worker died."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return None

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Pool:
    def __init__(self, source: Source, resolution: int, workers: int) -> None:
        self._make = lambda: _Worker(source, resolution)
        self._workers = [self._make() for _ in range(workers)]

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()

    def run(self, batches: Iterator[list[Entry]]) -> Iterator[list[Result]]:
        """Results in the order of the batches."""
        waiting = enumerate(batches)
        # Results that came before an earlier batch; bounded by giving work only near the front.
        ready: dict[int, list[Result]] = {}
        # A batch whose worker died, as single entries still to do.
        retries: deque[tuple[int, Entry]] = deque()
        open_retries: dict[int, dict[str, Result]] = {}
        retry_batches: dict[int, list[Entry]] = {}
        front, exhausted = 0, False
        ahead = 4 * len(self._workers)
        given = 0
        while True:
            for at, worker in enumerate(self._workers):
                if worker.number is not None:
                    continue
                if retries:
                    number, entry = retries.popleft()
                    job, seconds = (number, [entry]), ENTRY_SECONDS
                elif not exhausted and given < front + ahead:
                    job = next(waiting, None)
                    seconds = BATCH_SECONDS
                    if job is None:
                        exhausted = True
                        continue
                    given += 1
                else:
                    continue
                if not worker.give(*job, seconds):
                    self._fail(at, "its worker stopped", retries, open_retries, retry_batches)
            busy = [w for w in self._workers if w.number is not None]
            if not busy:
                if exhausted and not retries:
                    return
                continue
            soonest = min(worker.deadline for worker in busy)
            connection.wait([w.pipe for w in busy], max(0.0, soonest - time.monotonic()))
            for at, worker in enumerate(self._workers):
                if worker.number is None:
                    continue
                if worker.pipe.poll():
                    results = worker.take()
                    if results is None:
                        self._fail(
                            at,
                            "decoding it crashed the decoder",
                            retries,
                            open_retries,
                            retry_batches,
                        )
                        continue
                    number, worker.number = worker.number, None
                    if number in open_retries:
                        open_retries[number].update({r.entry.name: r for r in results})
                    else:
                        ready[number] = results
                elif time.monotonic() > worker.deadline:
                    self._fail(
                        at, "decoding it took too long", retries, open_retries, retry_batches
                    )
            for number, done in list(open_retries.items()):
                if len(done) == len(retry_batches[number]):
                    ready[number] = [done[e.name] for e in retry_batches.pop(number)]
                    del open_retries[number]
            while front in ready:
                yield ready.pop(front)
                front += 1

    def _fail(
        self,
        at: int,
        reason: str,
        retries: deque[tuple[int, Entry]],
        open_retries: dict[int, dict[str, Result]],
        retry_batches: dict[int, list[Entry]],
    ) -> None:
        """Replace a dead or hung worker; narrow its batch down, or give up its one entry."""
        worker = self._workers[at]
        worker.stop()
        self._workers[at] = self._make()
        number, batch = worker.number, worker.batch
        if number in open_retries:
            open_retries[number][batch[0].name] = Refused(batch[0], reason)
            return
        open_retries[number] = {}
        retry_batches[number] = batch
        retries.extend((number, entry) for entry in batch)


def _serve(pipe: connection.Connection, source: Source, resolution: int) -> None:
    """Life of a worker: batches in, results out, until the other side goes away."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _limit_memory()
    with contextlib.suppress(EOFError, OSError):
        while True:
            batch = pipe.recv()
            pipe.send([examine(source, entry, resolution) for entry in batch])


def _die_with_parent() -> None:
    # A killed parent leaves its children alive; a hung decoder would stay for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _limit_memory() -> None:
    """Cap the address space where the system can (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
