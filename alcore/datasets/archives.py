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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from alcore import names
from alcore.datasets import label_table, pages, zip_names
from alcore.datasets.decoding import MOST_BYTES, too_many_bytes
from alcore.datasets.entries import (
    Entry,
    ImageFile,
    Listing,
    Table,
    arrange,
    is_hidden,
    is_image_name,
)
from alcore.errors import ImportRefused, UnreadableImage
from alcore.records import SkippedFile

DEFAULT_LIMIT_MB = 2_000
MOST_ENTRIES = 500_000
MOST_RATIO = 200
HARMLESS_BYTES = 1_000_000_000
"""Up to here an archive may expand as it likes: blank scans and masks pack a thousandfold."""
MOST_EXPANSION = 8
"""Images are compressed already: all together are at most this many times the limit."""

_DRIVE = re.compile(r"^[A-Za-z]:/")
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".rar", ".7z")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
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


@dataclass(frozen=True)
class _Page:
    """One page of an entry: where its directory stands in the unpacked file."""

    place: _Place
    at: int


@dataclass
class ArchiveSource:
    """A zip file on this machine."""

    path: Path
    name: str
    """File name as the user had it; an upload may lie under another."""
    limit_mb: float = DEFAULT_LIMIT_MB
    least: int = 2
    """Images that it must hold."""
    kind: str = "archive"
    in_place: bool = False
    inline_below: float = 0
    _file: int | None = field(default=None, repr=False)
    _last: tuple[_Place, bytes] | None = field(default=None, repr=False)
    """What was unpacked last: the pages of a file come one after another."""

    def listing(self) -> Listing:
        """Check the whole directory of the archive, then list its images.

        Raises ImportRefused for what is no archive, or an attack. What cannot be used of an
        archive otherwise is left out, with the reason.
        """
        images, skipped, tables, inner, ignored = [], [], [], [], 0
        for info, path in self._directory():
            if info.orig_filename.endswith(("/", "\\")):
                continue
            if is_hidden(path) and not _leads_out(path):
                continue
            if not is_image_name(path):
                if label_table.is_table(path) and info.file_size <= label_table.MOST_BYTES:
                    tables.append((path, info))
                else:
                    ignored += 1
                if path.lower().endswith(_ARCHIVE_SUFFIXES):
                    inner.append(path)
                continue
            reason = _unusable(info, path)
            if reason is not None:
                skipped.append(SkippedFile(names.of_file(path), reason))
                continue
            try:
                images += self._pages(path, _place(info))
            except UnreadableImage as error:
                skipped.append(SkippedFile(names.of_file(path), str(error)))
        if inner and not images and not skipped:
            raise ImportRefused(
                f"{self.name} holds another archive, {names.of_file(inner[0])}, and no images; "
                "unpack it first"
            )
        self._check_expansion(sum(file.size for file in images))
        listing = arrange(
            images,
            where=self.name,
            skipped=skipped,
            ignored=ignored,
            wrapper=names.shown(without_zip(self.name)),
            table=self._table(tables),
            least=self.least,
        )
        if not inner:
            return listing
        note = f"{names.of_file(inner[0])} is another archive, into which nobody looked"
        return replace(listing, notes=(*listing.notes, note))

    def _pages(self, path: str, place: _Place) -> list[ImageFile]:
        """List the pages of an entry, or just itself; raises UnreadableImage for too many."""
        if not pages.may_be_several(path):
            return [ImageFile(path, place, place.size)]
        try:
            data = self._read(place)
        except UnreadableImage:  # said when its turn comes
            return [ImageFile(path, place, place.size)]
        starts = pages.starts(pages.of_bytes(data))
        if len(starts) < 2:
            return [ImageFile(path, place, place.size)]
        return [
            ImageFile(names.of_page(path, n), _Page(place, at), place.size // len(starts))
            for n, at in enumerate(starts, 1)
        ]

    def _table(self, tables: list[tuple[str, zipfile.ZipInfo]]) -> Table | None:
        if not tables:
            return None
        path, info = min(tables, key=lambda table: (table[0].count("/"), table[0]))
        if _unusable(info, path) is not None:
            return None
        try:
            return Table(path, self._read(_place(info)))
        except UnreadableImage:
            return None

    def entries(self) -> list[Entry]:
        return self.listing().entries

    def read(self, entry: Entry) -> bytes:
        """Bytes of one entry, as many as the directory promised and with its checksum."""
        if not isinstance(entry.handle, _Page):
            return self._read(entry.handle)
        place = entry.handle.place
        if self._last is None or self._last[0] != place:
            self._last = (place, self._read(place))
        return pages.page(pages.of_bytes(self._last[1]), entry.handle.at, MOST_BYTES)

    def _read(self, place: _Place) -> bytes:
        try:
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
        return {**self.__dict__, "_file": None, "_last": None}

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def _at(self, offset: int, length: int) -> bytes:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        if hasattr(os, "pread"):
            return os.pread(self._file, length, offset)
        os.lseek(self._file, offset, os.SEEK_SET)
        return os.read(self._file, length)

    def _size(self) -> int:
        """Return the bytes of the whole archive. Raises ImportRefused for what is no file."""
        if not self.path.exists():
            raise ImportRefused(f"{self.path} does not exist; name a .zip file of images")
        if not self.path.is_file():
            raise ImportRefused(f"{self.path} is not a file; name a .zip file of images")
        return self.path.stat().st_size

    def _file_of_all(self) -> Path | IO[bytes]:
        """Return what the directory of the archive is read from."""
        return self.path

    def _directory(self) -> list[tuple[zipfile.ZipInfo, str]]:
        """List the entries with their paths, and check that they can be read one by one."""
        size = self._size()
        if size > self.limit_mb * 1e6:
            raise ImportRefused(
                f"{self.name} has {size / 1e6:,.1f} MB, more than the {self.limit_mb:,g} MB "
                "allowed; raise the limit, or import it as a folder"
            )
        try:
            with zipfile.ZipFile(self._file_of_all()) as archive:
                infos, end = archive.infolist(), archive.start_dir
        except OSError as error:
            raise ImportRefused(f"{self.name} cannot be read: {error.strerror}") from error
        except _ZIP_ERRORS as error:
            raise ImportRefused(
                f"{self.name} is not a zip archive, or a damaged one; make a new .zip, "
                "or import the folder itself"
            ) from error
        if len(infos) > MOST_ENTRIES:
            raise ImportRefused(
                f"{self.name} has {len(infos):,} entries, more than the {MOST_ENTRIES:,} allowed"
            )
        paths = [_path(name) for name in zip_names.names(infos)]
        listed = list(zip(infos, paths, strict=True))
        self._check_places([info for info, path in listed if is_image_name(path)], end)
        return listed

    def _check_places(self, infos: list[zipfile.ZipInfo], end: int) -> None:
        # Entries that share bytes are the trick of the densest zip bombs.
        by_place = sorted(infos, key=lambda info: info.header_offset)
        starts = [*(info.header_offset for info in by_place), end]
        for info, following in zip(by_place, starts[1:], strict=True):
            least = info.header_offset + _LOCAL_HEADER.size + info.compress_size
            if info.header_offset < 0 or least > following:
                raise ImportRefused(
                    f"{self.name} has entries that overlap ({names.shown(info.filename)!r}); "
                    "make a new .zip"
                )

    def _check_expansion(self, total: int) -> None:
        most = self.limit_mb * 1e6 * MOST_EXPANSION
        if total > most:
            raise ImportRefused(
                f"{self.name} expands to {total / 1e6:,.0f} MB, more than the "
                f"{most / 1e6:,.0f} MB allowed"
            )
        size = max(self._size(), 1)
        if total > max(HARMLESS_BYTES, MOST_RATIO * size):
            raise ImportRefused(
                f"{self.name} expands {total / size:,.0f} times, more than the "
                f"{MOST_RATIO} times allowed"
            )


def without_zip(name: str) -> str:
    """Name of an archive without its ending.

    >>> without_zip("birds.2023.ZIP"), without_zip("birds.2023")
    ('birds.2023', 'birds.2023')
    """
    return name[:-4] if name.lower().endswith(".zip") else name


def _path(name: str) -> str:
    """Name of an entry with "/" between its parts, whatever system made the archive.

    A slash before the first part is dropped, as unzip does.
    """
    parts = name.split("\0", 1)[0].replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _leads_out(path: str) -> bool:
    return ".." in path.split("/") or _DRIVE.match(path) is not None


def _place(info: zipfile.ZipInfo) -> _Place:
    return _Place(
        info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC
    )


def _unusable(info: zipfile.ZipInfo, path: str) -> str | None:
    """Say why an entry cannot be read; None where it can."""
    if _leads_out(path):
        return "its name leads out of the archive"
    if info.flag_bits & 0x1:
        return "encrypted; make a .zip without a password"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link; put the file itself there"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return (
            f"compressed by method {info.compress_type}; "
            "make a .zip with the usual method (deflate)"
        )
    most = max(info.file_size, info.compress_size)
    return too_many_bytes(most) if most > MOST_BYTES else None
