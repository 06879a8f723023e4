"""Owns the processes that decode images: limited in memory and time, never outliving us.

A batch of entries goes to a worker and comes back in order. When a worker crashes or hangs, its
batch is done again entry by entry, so that only the culprit is lost. Times in seconds.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import multiprocessing
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import connection

from alcore.datasets.decoder import MEMORY_BYTES, limit_memory
from alcore.datasets.decoding import Reduced, decode_pixels
from alcore.datasets.depth import Scale
from alcore.datasets.entries import Entry, Source
from alcore.errors import ImportRefused, SourceUnreachable, UnreadableImage
from alcore.processes import end_with_parent

BATCH_ENTRIES = 64
BATCH_BYTES = 8_000_000
BATCH_SECONDS = 60.0
ENTRY_SECONDS = 60.0
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
    unreachable: bool = False
    """Not the file's fault: its source does not answer."""


Result = Examined | Refused


def examine(source: Source, entry: Entry, resolution: int, scale: Scale | None = None) -> Result:
    """Read and decode one entry."""
    try:
        data = source.read(entry)
        reduced = decode_pixels(data, resolution, scale)
    except UnreadableImage as error:
        return Refused(entry, str(error))
    except SourceUnreachable as error:
        return Refused(entry, str(error), unreachable=True)
    except MemoryError:
        return Refused(entry, "reading it takes more memory than allowed")
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    return Examined(entry, digest, reduced, None if source.in_place else data)


def _examine_batch(
    source: Source, entries: Sequence[Entry], resolution: int, scale: Scale | None
) -> list[Result]:
    """Examine entries; once their source does not answer, the others are not asked for."""
    results: list[Result] = []
    lost: Refused | None = None
    for entry in entries:
        result = examine(source, entry, resolution, scale) if lost is None else lost
        if isinstance(result, Refused) and result.unreachable:
            lost = result = replace(result, entry=entry)
        results.append(result)
    return results


def examine_all(
    source: Source,
    entries: Sequence[Entry],
    resolution: int,
    workers: int,
    scale: Scale | None = None,
) -> Iterator[list[Result]]:
    """Examine entries in batches, in their order; with 0 workers in this process.

    scale: for values deeper than 8 bits; without one each image has its own.
    """
    batches = _batches(entries)
    if workers == 0:
        for batch in batches:
            yield _examine_batch(source, batch, resolution, scale)
        return
    pool = _Pool(functools.partial(_Worker, source, resolution, scale), workers, batches)
    try:
        yield from pool.run()
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


@dataclass
class _Batch:
    entries: list[Entry]
    results: dict[str, Result]


class _Worker:
    """One process and what it is doing."""

    def __init__(self, source: Source, resolution: int, scale: Scale | None) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(
            target=_serve,
            args=(theirs, source, resolution, scale),
            daemon=True,
            name="alcore-decode",
        )
        self.process.start()
        theirs.close()
        self.ready = False
        self.number = -1
        self.entries: list[Entry] = []
        """Given and not yet answered."""
        self.deadline = time.monotonic() + START_SECONDS

    def give(self, number: int, entries: list[Entry]) -> None:
        """Hand over entries of a batch; a dead worker is noticed when it is asked for them."""
        self.number, self.entries = number, entries
        seconds = ENTRY_SECONDS if len(entries) == 1 else BATCH_SECONDS
        self.deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            self.pipe.send(entries)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Pool:
    def __init__(
        self, start: Callable[[], _Worker], workers: int, batches: Iterator[list[Entry]]
    ) -> None:
        self._start = start
        self._workers = [self._start() for _ in range(workers)]
        self._todo = deque(enumerate(batches))
        self._open: dict[int, _Batch] = {}
        """Batches begun and not yet yielded, by number; few, so that memory stays bounded."""
        self._alone: deque[tuple[int, Entry]] = deque()
        """Entries of batches that failed, to be done one by one."""

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()

    def run(self) -> Iterator[list[Result]]:
        """Results in the order of the batches."""
        front = 0
        while self._todo or self._open:
            for worker in self._workers:
                if worker.ready and not worker.entries:
                    self._hand_out(worker)
            self._wait()
            while front in self._open:
                batch = self._open[front]
                if len(batch.results) < len(batch.entries):
                    break
                del self._open[front]
                front += 1
                yield [batch.results[entry.name] for entry in batch.entries]

    def _hand_out(self, worker: _Worker) -> None:
        if self._alone:
            number, entry = self._alone.popleft()
            worker.give(number, [entry])
        elif self._todo and len(self._open) < 3 * len(self._workers):
            number, entries = self._todo.popleft()
            self._open[number] = _Batch(entries, {})
            worker.give(number, entries)

    def _wait(self) -> None:
        """Take what workers have to say, and replace those that are dead or late."""
        busy = [worker for worker in self._workers if worker.entries or not worker.ready]
        soonest = min(worker.deadline for worker in busy)
        connection.wait([w.pipe for w in busy], max(0.0, soonest - time.monotonic()))
        for worker in busy:
            try:
                if worker.pipe.poll():
                    results = worker.pipe.recv()
                    if worker.ready:
                        by_name = {result.entry.name: result for result in results}
                        self._open[worker.number].results.update(by_name)
                    worker.ready, worker.entries = True, []
                elif time.monotonic() > worker.deadline:
                    self._replace(worker, "decoding it took too long")
            except (EOFError, OSError):
                self._replace(worker, "decoding it crashed the decoder")

    def _replace(self, worker: _Worker, reason: str) -> None:
        """Start another worker; what this one had is done one by one, or given up if alone."""
        worker.stop()
        if not worker.ready:
            raise ImportRefused(
                "the processes that decode images cannot be started "
                f"(exit code {worker.process.exitcode}); the log says why"
            )
        if len(worker.entries) == 1:
            entry = worker.entries[0]
            self._open[worker.number].results[entry.name] = Refused(entry, reason)
        else:
            self._alone.extend((worker.number, entry) for entry in worker.entries)
        self._workers[self._workers.index(worker)] = self._start()


def _serve(
    pipe: connection.Connection, source: Source, resolution: int, scale: Scale | None
) -> None:
    """Life of a worker: batches in, results out, until the other side goes away."""
    end_with_parent()
    limit_memory(MEMORY_BYTES)
    # Pillow warns of what it repairs; nobody reads that here.
    warnings.simplefilter("ignore")
    with contextlib.suppress(EOFError, OSError):
        pipe.send(None)
        while True:
            batch = pipe.recv()
            pipe.send(_examine_batch(source, batch, resolution, scale))
