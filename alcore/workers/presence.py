"""Owns who works in a workspace: apps and trainers, each with a locked file that says what it is.

The system lets go of a lock when its process ends, however it ends: whoever finds a file without
one takes it away. Two apps do no harm, but are seldom meant: each keeps a trainer of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from alcore.config import Workspace

What = Literal["app", "trainer"]


@dataclass(frozen=True)
class Presence:
    """A process that works in a workspace. Times in Unix seconds."""

    what: What
    host: str
    pid: int
    since: float
    address: str
    """Where an app answers; empty where that is not known."""
    app: int
    """The process of the app that it belongs to; its own where it belongs to none."""

    def __str__(self) -> str:
        place = f" at {self.address}" if self.address else ""
        since = time.strftime("%d %B %H:%M", time.localtime(self.since)).lstrip("0")
        kind = "an app" if self.what == "app" else "a trainer"
        return f"{kind}{place}, process {self.pid} on {self.host}, since {since}"


@contextmanager
def present(workspace: Workspace, what: What, address: str = "", app: int = 0) -> Iterator[None]:
    """Say that this process works in a workspace, until the block ends.

    address: where an app answers; app: the process of the app that a trainer belongs to. Raises
    nothing: a folder that takes no file is no reason not to work.
    """
    own = Presence(
        what, socket.gethostname(), os.getpid(), time.time(), address, app or os.getpid()
    )
    place = _folder(workspace) / f"{own.pid}-{secrets.token_hex(4)}"
    lock = FileLock(place.with_suffix(".lock"), timeout=0)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, Timeout):
            place.parent.mkdir(exist_ok=True)
            lock.acquire()
            stack.callback(_forget, place)
            stack.callback(lock.release)
            place.with_suffix(".json").write_text(json.dumps(asdict(own)))
        yield


def others(workspace: Workspace, app: int | None = None) -> list[Presence]:
    """List who else works in a workspace, oldest first.

    app: the process of an app; those that belong to it are left out, by default to this process.
    """
    mine = os.getpid() if app is None else app
    everybody = [_read(path) for path in _folder(workspace).glob("*.json")]
    there = [one for one in everybody if one is not None]
    host = socket.gethostname()
    others = [one for one in there if (one.host, one.app) != (host, mine)]
    return sorted(others, key=lambda one: one.since)


def apart(presences: list[Presence]) -> list[Presence]:
    """Leave out the trainers that belong to an app of the list."""
    apps = {(one.host, one.pid) for one in presences if one.what == "app"}
    return [one for one in presences if one.what == "app" or (one.host, one.app) not in apps]


def _folder(workspace: Workspace) -> Path:
    return workspace.root / "running"


def _read(path: Path) -> Presence | None:
    """Read who a file is of; None, and it is gone, where nobody holds its lock any more."""
    lock = FileLock(path.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Presence(**json.loads(path.read_text()))
        return None
    except OSError:
        return None
    lock.release()
    _forget(path)
    return None


def _forget(place: Path) -> None:
    for end in (".json", ".lock"):
        with contextlib.suppress(OSError):
            place.with_suffix(end).unlink(missing_ok=True)
