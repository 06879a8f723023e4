"""Owns zip archives in buckets and on servers, which are read in parts where they are."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from alcore.datasets.archives import ArchiveSource
from alcore.datasets.remote import RemoteSource

BLOCK = 4_000_000
"""Bytes that are fetched at once; images mostly lie in the order in which they are read."""


@dataclass
class RemoteArchive(ArchiveSource):
    """A zip file in a bucket or on a server."""

    kind: str = "remote"
    place: RemoteSource = field(default_factory=lambda: RemoteSource(""))
    _length: int | None = field(default=None, repr=False)
    _block: tuple[int, bytes] = field(default=(0, b""), repr=False)
    """Where what was fetched last begins, and its bytes."""

    @classmethod
    def at(cls, address: str, limit_mb: float) -> RemoteArchive:
        """Make a source of an address that was checked."""
        name = address.rpartition("/")[2]
        return cls(Path(name), name, limit_mb, place=RemoteSource(address))

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_block": (0, b"")}

    def _size(self) -> int:
        if self._length is None:
            self._length = self.place.size()
        return self._length

    def _file_of_all(self) -> IO[bytes]:
        return io.BufferedReader(_Parts(self))

    def _at(self, offset: int, length: int) -> bytes:
        start, data = self._block
        if not start <= offset <= offset + length <= start + len(data):
            most = min(max(length, BLOCK), self._size() - offset)
            if most <= 0:
                return b""
            start, data = self._block = (offset, self.place.part(offset, most))
        return data[offset - start : offset - start + length]


class _Parts(io.RawIOBase):
    """An archive as a file that is read where it is."""

    def __init__(self, archive: RemoteArchive) -> None:
        self._archive = archive
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._archive._size()}
        self._place = max(0, base[whence] + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        data = self._archive._at(self._place, len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)
