"""Owns the way of images from typed addresses to the disk: several at once, each with limits.

Sizes in bytes, times in seconds.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from alcore import disk, outgoing
from alcore.datasets.addresses import Address
from alcore.datasets.decoding import MOST_BYTES
from alcore.errors import AddressRefused, NoRoom, ReplyTooLong

AT_ONCE = 6
SECONDS = 120.0
"""One image may take so long."""
TRIES = 3
PAUSE = 1.0
"""Before the second try; the third waits twice as long."""
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Fetched:
    """How one address went."""

    address: Address
    problem: str = ""
    """Why it is not there; empty where it is."""
    answered: bool = True
    """Whether a server said anything, be it no."""


def fetch_all(
    addresses: Sequence[Address], folder: Path, hosts: Collection[str] = ()
) -> Iterator[Fetched]:
    """Fetch images into a folder, as each is called; yield how each went, as they come.

    hosts: servers in private networks that may be asked. Raises WorkspaceUnusable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    over = threading.Event()
    threads = ThreadPoolExecutor(AT_ONCE, "fetching")
    try:
        work: list[Future[Fetched]] = [
            threads.submit(_fetch, address, folder, hosts, over) for address in addresses
        ]
        for done in as_completed(work):
            yield done.result()
    finally:  # whoever stops does not wait for a server
        over.set()
        threads.shutdown(wait=False, cancel_futures=True)


def _fetch(
    address: Address, folder: Path, hosts: Collection[str], over: threading.Event
) -> Fetched:
    part = folder / f".{address.file}"
    where = address.text.partition("?")[0]
    reply, answered = "", False
    try:
        for attempt in range(TRIES):
            if attempt and over.wait(PAUSE * 2 ** (attempt - 1)):
                break
            try:
                with part.open("wb") as out:
                    status = outgoing.get(address.text, out, MOST_BYTES, SECONDS, hosts)
                    disk.sync(out)
            except AddressRefused as error:
                return Fetched(address, f"{where} is not asked: {error}")
            except ReplyTooLong as error:
                return Fetched(address, f"{where} is too large: {error}")
            except (OSError, http.client.HTTPException) as error:
                _raise_of_disk(error, part)
                reply = f"no whole reply came ({type(error).__name__})"
                continue
            if status == http.HTTPStatus.OK:
                part.replace(folder / address.file)
                return Fetched(address)
            reply, answered = _meaning(status), True
            if status not in _LATER:
                return Fetched(address, f"{where}: {reply}")
        return Fetched(address, f"{where}: {reply}, {TRIES} times", answered)
    finally:
        part.unlink(missing_ok=True)


def _raise_of_disk(error: Exception, part: Path) -> None:
    """Raise WorkspaceUnusable for an error that is the disk's rather than the line's."""
    if isinstance(error, OSError):
        problem = disk.unusable(part, error)
        if isinstance(problem, NoRoom) or error.filename:
            raise problem from error


def _meaning(status: int) -> str:
    if status in (401, 403):
        return f"the server does not hand it out ({status})"
    if status in (404, 410):
        return f"there is nothing there ({status})"
    return f"the server answers {status}"
