"""Owns zip archives as a source: read entry by entry with limits, never extracted.

Sizes and offsets in bytes; 1 MB is 1,000,000 bytes.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from alcore.datasets.decoding import MOST_BYTES, too_many_bytes
from alcore.datasets.entries import (
    Entry,
    Found,
    Listing,
    arrange,
    clean_text,
    is_hidden,
    is_image_name,
)
from alcore.errors import ImportRefused, UnreadableImage
from alcore.records import SkippedFile

DEFAULT_LIMIT_MB = 500
MOST_ENTRIES = 500_000
MOST_RATIO = 200
MOST_EXPANSION = 8
"""Images are compressed already: all entries together are at most this many times the limit."""

_OUTSIDE = re.compile(r"^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".rar", ".7z")
# What zipfile raises on damaged archives.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    struct.error,
    ValueError,
    LookupError,
    OverflowError,
    EOFError,
    RuntimeError,
    MemoryError,
)


@dataclass(frozen=True)
class _Place:
    """Where an entry lies in the archive."""

    offset: int
    packed: int
    size: int
    method: int
    crc: int


@dataclass
class ArchiveSource:
    """A zip file on this machine."""

    path: Path
    name: str
    """File name as the user had it; an upload may lie under another."""
    limit_mb: float = DEFAULT_LIMIT_MB
    kind: str = "archive"
    in_place: bool = False
    inline_below: float = 0
    _file: int | None = field(default=None, repr=False)

    def listing(self) -> Listing:
        """Check the whole directory of the archive, then list its images.

        Raises ImportRefused, naming the entry that is not allowed.
        """
        infos = self._directory()
        found, skipped, ignored = [], [], 0
        for info in infos:
            path = _path(info)
            if info.filename.endswith(("/", "\\")) or is_hidden(path):
                continue
            if not is_image_name(path):
                ignored += 1
            elif (most := max(info.file_size, info.compress_size)) > MOST_BYTES:
                skipped.append(SkippedFile(clean_text(path), too_many_bytes(most)))
            elif info.file_size > MOST_RATIO * max(info.compress_size, 1):
                reason = f"expands more than the {MOST_RATIO} times allowed"
                skipped.append(SkippedFile(clean_text(path), reason))
            else:
                place = _Place(
                    info.header_offset,
                    info.compress_size,
                    info.file_size,
                    info.compress_type,
                    info.CRC,
                )
                found.append(Found(path, place, info.file_size))
        return arrange(
            found,
            where=self.name,
            skipped=skipped,
            ignored=ignored,
            wrapper=PurePosixPath(self.name).stem,
        )

    def entries(self) -> list[Entry]:
        return self.listing().entries

    def read(self, entry: Entry) -> bytes:
        """Bytes of one entry, as many as the directory promised and with its checksum."""
        place: _Place = entry.handle
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            header = self._at(place.offset, _LOCAL_HEADER.size)
            magic, *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
            start = place.offset + _LOCAL_HEADER.size + name_length + extra_length
            data = self._at(start, place.packed)
            if place.method == zipfile.ZIP_DEFLATED:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, place.size + 1)
        except (OSError, struct.error, zlib.error) as error:
            raise UnreadableImage("damaged in the archive") from error
        right = magic == b"PK\3\4" and len(data) == place.size and zlib.crc32(data) == place.crc
        if not right:
            raise UnreadableImage("damaged in the archive: its checksum or size is wrong")
        return data

    def path_of(self, entry: Entry) -> None:
        return None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_file": None}

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def _at(self, offset: int, length: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file, length, offset)
        os.lseek(self._file, offset, os.SEEK_SET)
        return os.read(self._file, length)

    def _directory(self) -> list[zipfile.ZipInfo]:
        if not self.path.exists():
            raise ImportRefused(f"{self.path} does not exist; name a .zip file of images")
        if not self.path.is_file():
            raise ImportRefused(f"{self.path} is not a file; name a .zip file of images")
        size = self.path.stat().st_size
        if size > self.limit_mb * 1e6:
            raise ImportRefused(
                f"{self.name} has {size / 1e6:,.1f} MB, more than the {self.limit_mb:,g} MB "
                "allowed; raise the limit, or import it as a folder"
            )
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos, end = archive.infolist(), archive.start_dir
        except OSError as error:
            raise ImportRefused(f"{self.path} cannot be read: {error.strerror}") from error
        except _ZIP_ERRORS as error:
            raise ImportRefused(
                f"{self.name} is not a zip archive, or a damaged one; make a new .zip, "
                "or import the folder itself"
            ) from error
        self._check(infos, end)
        return infos

    def _check(self, infos: list[zipfile.ZipInfo], end: int) -> None:
        if len(infos) > MOST_ENTRIES:
            raise ImportRefused(
                f"{self.name} has {len(infos):,} entries, more than the {MOST_ENTRIES:,} allowed"
            )
        for info in infos:
            _check_entry(info, self.name)
        total = sum(info.file_size for info in infos)
        packed = sum(info.compress_size for info in infos)
        most = self.limit_mb * 1e6 * MOST_EXPANSION
        if total > most:
            raise ImportRefused(
                f"{self.name} expands to {total / 1e6:,.0f} MB, more than the "
                f"{most / 1e6:,.0f} MB allowed"
            )
        if total > MOST_RATIO * max(packed, 1):
            raise ImportRefused(
                f"{self.name} expands {total / max(packed, 1):,.0f} times, more than the "
                f"{MOST_RATIO} times allowed"
            )
        # Entries that share bytes are the trick of the densest zip bombs.
        by_place = sorted(infos, key=lambda info: info.header_offset)
        starts = [*(info.header_offset for info in by_place), end]
        for info, following in zip(by_place, starts[1:], strict=True):
            least = info.header_offset + _LOCAL_HEADER.size + info.compress_size
            if info.header_offset < 0 or least > following:
                raise ImportRefused(
                    f"{self.name} has entries that overlap ({clean_text(info.filename)!r}); "
                    "make a new .zip"
                )


def _path(info: zipfile.ZipInfo) -> str:
    """Name of an entry with "/" between its parts, whatever system made the archive."""
    parts = info.filename.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


class _Shown:
    """A name as messages show it; made only when one is written."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return repr(clean_text(self._name))


def _check_entry(info: zipfile.ZipInfo, archive: str) -> None:
    path = _path(info)
    shown = _Shown(info.filename)
    if _OUTSIDE.search(info.filename):
        raise ImportRefused(
            f"{archive} holds {shown}, a name that leads out of the archive; "
            "make a .zip with names below one folder"
        )
    if info.flag_bits & 0x1:
        raise ImportRefused(f"{archive} is encrypted ({shown}); make a .zip without a password")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ImportRefused(f"{archive} holds a link, {shown}; put the file itself there")
    if is_hidden(path):
        return
    if path.lower().endswith(_ARCHIVE_SUFFIXES):
        raise ImportRefused(f"{archive} holds another archive, {shown}; unpack it first")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ImportRefused(
            f"{archive} holds {shown} compressed by method {info.compress_type}; "
            "make a .zip with the usual method (deflate)"
        )
