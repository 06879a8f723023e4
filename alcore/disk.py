"""Owns how files are made to survive a power cut, and how much room is left for them.

What is large, such as an import or a model, leaves a reserve: labels are small, and must not find
the disk full. Sizes in bytes.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from alcore.config import reserve
from alcore.errors import ExportFailed, NoRoom, WorkspaceUnusable

_FULL = (errno.ENOSPC, errno.EDQUOT)


def sync(file: IO[bytes]) -> None:
    """Wait until all that was written to a file is on the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def sync_names(folder: Path) -> None:
    """Wait until new names and renamings in a folder are on the disk; Windows has no such call.

    Raises OSError.
    """
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def free(folder: Path) -> int:
    """Return how many bytes the disk of a folder, which need not be there yet, still takes."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def check_room(folder: Path, needed: int = 0) -> None:
    """Raise NoRoom where so many bytes more would leave less than the reserve."""
    left, kept = free(folder), reserve()
    if left >= needed + kept:
        return
    more = f"{_size(needed)} are needed, and " if needed else ""
    raise NoRoom(
        f"the disk of {folder} has {_size(left)} left; {more}{_size(kept)} are kept for labels: "
        f"make room for {_size(needed + kept - left)} on it"
    )


def unusable(path: object, error: OSError) -> WorkspaceUnusable:
    """Say that a file cannot be written: NoRoom where the disk is full."""
    kind = NoRoom if error.errno in _FULL else WorkspaceUnusable
    return kind(
        f"cannot write {path}: {error.strerror}; make room or give the right to write there"
    )


def _size(n: int) -> str:
    return f"{n / 1e9:,.1f} GB" if n >= 1e9 else f"{-(-max(0, n) // 10**6):,} MB"


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that takes its name at the end; whatever happens, no half of it is there.

    Raises ExportFailed where the disk is full or the place cannot be written.
    """
    beside = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as file:
            yield file
            sync(file)
        os.replace(beside, path)
    except OSError as error:
        raise ExportFailed(
            f"cannot write {path}: {error.strerror or error}; nothing of it was left there. Make "
            "room, or choose another place"
        ) from error
    finally:
        with suppress(OSError):  # there is nothing left after the renaming
            beside.unlink()
