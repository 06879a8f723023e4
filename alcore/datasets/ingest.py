"""Owns the import of a source: entries in, durable chunks of items out, in order.

The caller commits the rows of a chunk after it is yielded; pixels and originals are on disk by
then. After an interruption the files are cut to what was committed and the rest follows.
Positions count rows of the pixel cache; offsets and lengths are bytes; widths and heights pixels.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alcore import disk
from alcore.config import user_path
from alcore.datasets.depth import Scale
from alcore.datasets.entries import GivenSplit, Listing, Source
from alcore.datasets.folders import read_image
from alcore.datasets.pixels import PixelCache
from alcore.datasets.sources import open_source
from alcore.datasets.workers import Examined, Refused, examine_all
from alcore.errors import ImportRefused, SourceUnreachable, UnreadableImage
from alcore.records import Item, SkippedFile

CHUNK_SECONDS = 2.0
"""A chunk is closed after this long even when small, so that progress is seen."""
ENTRIES_PER_WORKER = 200
"""Starting a worker costs about as much as decoding this many small images."""


@dataclass(frozen=True)
class NewItem:
    """One image that was accepted; its pixels are in the cache at `position`."""

    position: int
    name: str
    content_hash: str
    width: int
    height: int
    class_name: str | None
    given_split: GivenSplit | None
    offset: int | None
    length: int | None
    path: str | None
    grey: bool


@dataclass(frozen=True)
class Chunk:
    """What to commit in one transaction; `done` of `total` files are behind us."""

    accepted: tuple[NewItem, ...]
    skipped: tuple[SkippedFile, ...]
    done: int
    total: int


def ingest(
    source: Source | Mapping[str, Any],
    folder: Path,
    resolution: int,
    *,
    listing: Listing | None = None,
    scale: Scale | None = None,
    done_names: Set[str] = frozenset(),
    known_hashes: Mapping[str, str] | None = None,
    next_position: int = 0,
    next_offset: int = 0,
    chunk: int = 1000,
    workers: int | None = None,
) -> Iterator[Chunk]:
    """Import a source into the pixel cache in `folder`, going on where an earlier run stopped.

    source: an open one or its specification; listing: what it holds, if that was read already;
    scale: for values deeper than 8 bits.
    done_names: names committed before, of items and of skipped files; known_hashes: content
    hash to name of committed items; next_position, next_offset: committed rows and bytes of
    originals. `workers`: decoding processes, None for one per processor, 0 for none.
    Files with the same content as an earlier one are skipped.
    Raises ImportRefused when the source cannot be used, or fewer than two images in it can, and
    SourceUnreachable, once what came before is yielded.
    """
    if isinstance(source, Mapping):
        source = open_source(source)
    listing = listing or source.listing()
    todo = [entry for entry in listing.entries if entry.name not in done_names]
    total = len(listing.entries) + len(listing.skipped)
    skipped = [file for file in listing.skipped if file.name not in done_names]
    hashes = dict(known_hashes or {})
    progress = _Progress(source, next_position, hashes, total - len(todo), total, skipped)
    if workers is None:
        workers = _workers(source, len(todo))
    with PixelCache(folder, resolution, scale) as cache:
        cache.truncate(next_position, next_offset)
        for results in examine_all(source, todo, resolution, workers, scale):
            disk.check_room(folder)
            lost = _unreachable(results)
            progress.store(results[: results.index(lost)] if lost else results, cache)
            if progress.full(0 if lost else chunk):
                cache.flush()
                yield progress.take()
            if lost:
                raise SourceUnreachable(lost.reason)
        if progress.full(0):
            cache.flush()
            yield progress.take()
    progress.check_enough()


def _unreachable(results: Sequence[Examined | Refused]) -> Refused | None:
    """Return the first result for want of a source that answers."""
    return next((r for r in results if isinstance(r, Refused) and r.unreachable), None)


@dataclass
class _Progress:
    source: Source
    position: int
    hashes: dict[str, str]
    done: int
    total: int
    skipped: list[SkippedFile]
    accepted: list[NewItem] = field(default_factory=list)
    example: str = ""
    since: float = field(default_factory=time.monotonic)

    def store(self, results: Sequence[Examined | Refused], cache: PixelCache) -> None:
        """Append what is accepted to the cache, and note it."""
        good = self.admit(results)
        places = cache.append([r.reduced.pixels for r in good], [r.data for r in good])
        for result, place in zip(good, places, strict=True):
            self.accept(result, place)

    def admit(self, results: Sequence[Examined | Refused]) -> list[Examined]:
        """Count results; return those that are not skipped."""
        admitted = []
        for result in results:
            self.done += 1
            name = result.entry.name
            if isinstance(result, Refused):
                reason = result.reason
            elif (first := self.hashes.setdefault(result.content_hash, name)) != name:
                reason = f"same content as {first}"
            else:
                admitted.append(result)
                continue
            self.skipped.append(SkippedFile(name, reason))
            self.example = self.example or f"{name}: {reason}"
        return admitted

    def accept(self, result: Examined, place: tuple[int, int] | None) -> None:
        entry = result.entry
        offset, length = place or (None, None)
        self.accepted.append(
            NewItem(
                self.position,
                entry.name,
                result.content_hash,
                result.reduced.width,
                result.reduced.height,
                entry.class_name,
                entry.given_split,
                offset,
                length,
                self.source.path_of(entry),
                result.reduced.grey,
            )
        )
        self.position += 1

    def full(self, chunk: int) -> bool:
        size = len(self.accepted) + len(self.skipped)
        late = time.monotonic() - self.since > CHUNK_SECONDS
        return size > 0 and (size >= chunk or late)

    def check_enough(self) -> None:
        """Raise ImportRefused where fewer than two images were accepted."""
        if self.position < 2:
            why = f"; {self.example}" if self.example else ""
            raise ImportRefused(
                f"only {self.position} of {self.total:,} files can be used as an image, "
                f"at least 2 different ones are needed{why}"
            )

    def take(self) -> Chunk:
        made = Chunk(tuple(self.accepted), tuple(self.skipped), self.done, self.total)
        self.accepted, self.skipped, self.since = [], [], time.monotonic()
        return made


def _workers(source: Source, entries: int) -> int:
    if entries < source.inline_below:
        return 0
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, min(processors, entries // ENTRIES_PER_WORKER))


def read_original(folder: Path, item: Item, source_spec: Mapping[str, Any]) -> bytes:
    """Read the original bytes of an item, copied or in place.

    Raises UnreadableImage when an original kept in place is gone or is not the same any more.
    """
    if item.offset is not None and item.length is not None:
        return PixelCache(folder, 1).original(item.offset, item.length)
    if item.path is None or source_spec.get("kind") != "folder":
        raise UnreadableImage(f"the original of {item.name} was not kept")
    root = user_path(source_spec["path"])
    data = read_image(root, item.path)
    if hashlib.blake2b(data, digest_size=16).hexdigest() != item.content_hash:
        raise UnreadableImage(f"{root / item.path} was changed since it was imported")
    return data
