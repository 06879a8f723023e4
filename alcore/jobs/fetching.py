"""Owns the fetching of images of lists of addresses, part by part, each of which then comes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from alcore import disk
from alcore.config import remote_hosts
from alcore.datasets.addresses import Address, AddressSource
from alcore.datasets.fetching import Fetched, fetch_all
from alcore.errors import SourceUnreachable
from alcore.names import page_of
from alcore.records import SkippedFile
from alcore.store import items
from alcore.workers.attempts import Running

PART = 500
"""Addresses that are fetched before their images come in."""
SILENT = 10
"""Of so many in a row that get no reply, no server can be at fault: the line is."""


def fetch_new(
    running: Running, source: AddressSource, lists: Sequence[Path], prefix: str
) -> Iterator[tuple[float, float]]:
    """Fetch what is new of lists; after each part yield its end's place in the whole work, 0-1.

    Raises SourceUnreachable, once what came before is yielded.
    """
    with running.store.read() as connection:
        _, hashes, _, _ = items.imported(connection, running.job.project_id)
    known = {page_of(name)[0] for name in hashes.values()}
    todo = [a for a in source.wanted(lists) if _below(prefix, a.name) not in known]
    for start in range(0, len(todo), PART):
        part = todo[start : start + PART]
        disk.check_room(source.root)
        lost = _fetch(running, source, prefix, part, (start / len(todo), len(part) / len(todo)))
        end = 0.95 * (start + len(part)) / len(todo)
        yield end, end
        if lost is not None:
            raise SourceUnreachable(
                f"{SILENT} addresses in a row get no reply, the last of them {lost.problem}; what "
                "is in stays, and the import can be gone on with"
            )


def _fetch(
    running: Running,
    source: AddressSource,
    prefix: str,
    part: Sequence[Address],
    share: tuple[float, float],
) -> Fetched | None:
    """Fetch a part, and note what is left out; return the last one where the line is lost."""
    before, width = share
    there = [a for a in part if (source.fetched / a.file).is_file()]
    todo = [a for a in part if a not in there]
    left_out: list[Fetched] = []
    silent: list[Fetched] = []
    for number, one in enumerate(fetch_all(todo, source.fetched, remote_hosts()), len(there) + 1):
        if one.problem and not one.answered:
            silent.append(one)
        else:
            left_out += [*silent, *([one] if one.problem else [])]
            silent = []
        if len(silent) == SILENT:
            break
        running.report("fetching images", 0.95 * (before + width * number / len(part)))
    is_lost = len(silent) == SILENT
    left_out += [] if is_lost else silent
    with running.write() as connection:
        items.add_skipped(
            connection,
            running.job.project_id,
            [SkippedFile(_below(prefix, one.address.name), one.problem) for one in left_out],
        )
        running.advance(connection)
    return silent[-1] if is_lost else None


def _below(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name
