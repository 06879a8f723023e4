"""Owns pictures that were encoded for a browser, kept on disk up to a number of bytes.

A rendition is named by all that it was made of, so that none is ever wrong; what was looked at
longest ago goes first. All of them may be deleted at any time. Sizes in bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from alcore import disk
from alcore.errors import NoRoom

ENCODING = 1
"""Counts up when pictures are encoded otherwise, so that old ones are made anew."""
_KINDS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "application/json": "json",
    "application/octet-stream": "npz",
}
_LOOK = 20
"""The folder is measured again after so many new parts of its limit: several may write there."""


@dataclass(frozen=True)
class Rendition:
    """An encoded picture; whoever reads it closes it."""

    file: BinaryIO
    mime: str
    size: int

    @classmethod
    def of(cls, data: bytes, mime: str) -> Self:
        """Return one that is kept nowhere."""
        return cls(io.BytesIO(data), mime, len(data))

    def read(self) -> bytes:
        """Read all of it."""
        with self.file:
            return self.file.read()


class Renditions:
    """The renditions in one folder; several processes may share it."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.most = most
        self._lock = threading.Lock()
        self._new = most
        """Bytes that came since the folder was measured."""

    def name(self, project_id: int, content_hash: str, largest: int | None, scale: object) -> Path:
        """Name the rendition of an image in a size, without its ending."""
        made_of = f"{ENCODING} {content_hash} {largest} {scale}".encode()
        digest = hashlib.blake2b(made_of, digest_size=16).hexdigest()
        return self.folder / str(project_id) / digest

    def find(self, name: Path) -> Rendition | None:
        """Open a rendition; None where there is none."""
        for mime, kind in _KINDS.items():
            path = name.with_suffix(f".{kind}")
            with contextlib.suppress(OSError):
                file = path.open("rb")
                info = os.fstat(file.fileno())
                if time.time() - info.st_mtime > 60:
                    with contextlib.suppress(OSError):  # a folder that is only read
                        os.utime(path)
                return Rendition(file, mime, info.st_size)
        return None

    def keep(self, name: Path, data: bytes, mime: str) -> None:
        """Keep a rendition, and let old ones go; a disk that takes none keeps none."""
        part = name.with_name(f".{name.name}-{os.getpid()}-{threading.get_ident()}")
        try:
            disk.check_room(self.folder, len(data))
            name.parent.mkdir(parents=True, exist_ok=True)
            with part.open("xb") as file:
                file.write(data)
            part.replace(name.with_suffix(f".{_KINDS[mime]}"))
        except (OSError, NoRoom):
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return
        with self._lock:
            self._new += len(data)
            if self._new >= self.most / _LOOK:
                self._new = 0
                self._let_go()

    def _let_go(self) -> None:
        """Delete what was looked at longest ago until there is room for some more."""
        files = sorted(self._files())
        size = sum(length for _, length, _ in files)
        for _, length, path in files:
            if size <= self.most * (1 - 1 / _LOOK):
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                size -= length

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """Yield time, size and path of each file."""
        with contextlib.suppress(OSError), os.scandir(self.folder) as projects:
            for project in projects:
                with contextlib.suppress(OSError), os.scandir(project) as files:
                    for file in files:
                        with contextlib.suppress(OSError):
                            info = file.stat()
                            yield info.st_mtime, info.st_size, file.path
