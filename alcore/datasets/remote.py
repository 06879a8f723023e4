"""Owns images in buckets and on servers as a source: whatever fsspec speaks, fetched one by one.

Originals are copied into the workspace as they come, so that nothing later asks the network again.
Credentials come from the environment and the usual files of each service, never from an address; no
message repeats what a service answered word for word. Sizes in bytes, times in seconds.
"""

from __future__ import annotations

import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from alcore import names
from alcore.datasets import label_table, pages
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
from alcore.errors import (
    DatasetUnavailable,
    ImportRefused,
    InvalidSettings,
    SourceUnreachable,
    UnreadableImage,
)
from alcore.filesystems import open_filesystem, protocol_of
from alcore.records import SkippedFile

TRIES = 3
PAUSE = 1.0
"""Before the second try; each further one waits twice as long."""
LOOKS_AT_ONCE = 16
"""Files in which pages are looked for at once."""
LOOK = 64_000
"""Bytes that are fetched for it; most directories stand at the beginning or the end."""
REFUSED = frozenset(
    {
        *("arrow_hdfs", "async_wrapper", "asynclocal", "asyncwrapper", "blockcache", "cached"),
        *("dask", "data", "dir", "file", "filecache", "generic", "git", "jlab", "jupyter"),
        *("libarchive", "local", "memory", "pyscript", "reference", "simplecache", "tar", "zip"),
    }
)
"""What fsspec calls so leads to this computer, or to whatever another address says."""
_RIGHTS = {
    "s3": ("s3:ListBucket", "s3:GetObject"),
    "gs": ("storage.objects.list", "storage.objects.get"),
}
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"max_concurrency": 1},  # parts of one file at once would take a request more for each
    "http": {"allow_redirects": False},
    "https": {"allow_redirects": False},
}
_MD5 = re.compile(r"[0-9a-f]{32}")


def is_remote(text: str) -> bool:
    """Tell whether somebody means an address rather than a path.

    >>> is_remote("s3://birds/2024"), is_remote("C:/birds"), is_remote("~/birds")
    (True, False, False)
    """
    return re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE) is not None


def check(address: str) -> str:
    """Return an address as it is kept; raises InvalidSettings for what is none of a bucket.

    >>> check("S3://birds/2024/")
    's3://birds/2024'
    """
    try:
        parts = urlsplit(address.strip())
        secret = "@" in parts.netloc or parts.query or parts.fragment
        protocol = parts.scheme.casefold()
        place = f"{parts.netloc}{parts.path}".rstrip("/")
    except ValueError:
        secret, protocol, place = "", "", ""
    if secret:
        raise InvalidSettings(
            "an address has no name, password or signature in it; give those by the environment, "
            "and the address such as s3://bucket/folder"
        )
    if not place or not address.isprintable() or "::" in address or ".." in place.split("/"):
        raise InvalidSettings(f"{address[:80]!r} is no address; it is such as s3://bucket/folder")
    if protocol in REFUSED:
        raise InvalidSettings(f"{protocol}:// leads to this computer; name the folder by its path")
    return f"{protocol}://{place}"


@dataclass(frozen=True)
class _Handle:
    path: str
    size: int
    checksum: str
    """MD5 in hexadecimal digits, as far as the service names one; else empty."""


@dataclass(frozen=True)
class _Page:
    """One page of a file: where its directory stands."""

    file: _Handle
    at: int


def _of(file: ImageFile, starts: list[int]) -> list[ImageFile]:
    if len(starts) < 2:
        return [file]
    return [
        ImageFile(names.of_page(file.path, n), _Page(file.handle, at), file.size // len(starts))
        for n, at in enumerate(starts, 1)
    ]


@dataclass
class RemoteSource:
    """A folder of a bucket, or of a server."""

    address: str
    kind: str = "remote"
    in_place: bool = False
    inline_below: float = 0
    _opened: Any = field(default=None, repr=False)
    """What fsspec has for the protocol, with the credentials of this moment."""

    _last: tuple[_Handle, bytes] | None = field(default=None, repr=False)
    """What was fetched last: the pages of a file come one after another."""

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": None, "_last": None}

    def listing(self) -> Listing:
        """List the images in a fixed order.

        Raises ImportRefused, DatasetUnavailable where a library is missing, SourceUnreachable.
        """
        files, root = self._files()
        images, skipped, tables, ignored = [], [], [], 0
        for path, about in sorted(files.items()):
            below = path[len(root) :].strip("/")
            size = int(about.get("size") or 0)
            if about.get("type") == "directory" or not below or is_hidden(below):
                continue
            if label_table.is_table(below) and size <= label_table.MOST_BYTES:
                tables.append((below.count("/"), below, _handle(path, size, about)))
            elif not is_image_name(below):
                ignored += 1
            elif size > MOST_BYTES:
                skipped.append(SkippedFile(names.of_file(below), too_many_bytes(size)))
            else:
                images.append(ImageFile(below, _handle(path, size, about), size))
        return arrange(
            self._pages(images),
            where=self.address,
            skipped=skipped,
            ignored=ignored,
            table=self._table(min(tables)) if tables else None,
        )

    def entries(self) -> list[Entry]:
        return self.listing().entries

    def read(self, entry: Entry) -> bytes:
        """Fetch one file, or a page of one; raises UnreadableImage, SourceUnreachable."""
        if not isinstance(entry.handle, _Page):
            return self._read(entry.handle)
        file = entry.handle.file
        if self._last is None or self._last[0] != file:
            self._last = (file, self._read(file))
        data = self._last[1]
        return pages.page(pages.of_bytes(data), entry.handle.at, MOST_BYTES)

    def path_of(self, entry: Entry) -> None:
        return None

    def _table(self, table: tuple[int, str, _Handle]) -> Table | None:
        try:
            return Table(table[1], self._read(table[2]))
        except UnreadableImage:
            return None

    @property
    def protocol(self) -> str:
        return protocol_of(self.address)

    @property
    def where(self) -> str:
        """The bucket or server, as messages name it."""
        place = self.address.partition("://")[2].partition("/")[0]
        return f"{'server' if self._is_web else 'bucket'} {place!r}"

    @property
    def _is_web(self) -> bool:
        return self.protocol in ("http", "https")

    def _files(self) -> tuple[dict[str, dict[str, Any]], str]:
        """List all files below the address, and the part of their paths that is above them."""
        disk = self._disk()
        root: str = disk._strip_protocol(self.address)
        page = "/" if self._is_web else ""  # an index of files, below which the others are
        try:
            files: dict[str, dict[str, Any]] = disk.find(root + page, detail=True)
        except Exception as error:  # each service raises errors of its own
            raise self._listing_failed(error) from error
        if not files:
            raise ImportRefused(
                f"there is nothing at {self.address}; name a bucket or a folder with images"
            )
        return files, root

    def size(self) -> int:
        """Return the bytes of the one file at the address.

        Raises ImportRefused, DatasetUnavailable where a library is missing, SourceUnreachable.
        """
        disk = self._disk()
        try:
            about: dict[str, Any] = disk.info(disk._strip_protocol(self.address))
        except Exception as error:  # each service raises errors of its own
            raise self._listing_failed(error) from error
        if about.get("type") == "directory" or about.get("size") is None:
            raise ImportRefused(f"{self.address} is no file whose size is said; name another place")
        return int(about["size"])

    def part(self, start: int, length: int, path: str = "") -> bytes:
        """Fetch a part of the file at the address, or of another that was listed.

        Raises UnreadableImage, SourceUnreachable.
        """
        disk = self._disk()
        path = path or disk._strip_protocol(self.address)
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                data: bytes = disk.cat_file(path, start=start, end=start + length)
            except Exception as error:  # each service raises errors of its own
                self._refuse(error)
                if attempt == TRIES - 1:
                    raise self._unreachable(error) from error
                continue
            if len(data) > length:
                raise UnreadableImage(f"the {self.where} hands out no parts of files")
            if len(data) == length or attempt == TRIES - 1:
                break
        return data

    def _pages(self, images: list[ImageFile]) -> list[ImageFile]:
        """List each page of those that have several; how many, only the files themselves say."""
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as threads:
            starts = threads.map(self._starts, images)
            return [page for file, at in zip(images, starts, strict=True) for page in _of(file, at)]

    def _starts(self, file: ImageFile) -> list[int]:
        """Say where the pages of a file stand, as far as it has several."""
        if not pages.may_be_several(file.path):
            return []
        blocks: dict[int, bytes] = {}

        def read(at: int, length: int) -> bytes:
            got = b""
            while len(got) < length and at + len(got) < file.size:
                number, skip = divmod(at + len(got), LOOK)
                if number not in blocks:
                    most = min(LOOK, file.size - number * LOOK)
                    blocks[number] = self.part(number * LOOK, most, file.handle.path)
                piece = blocks[number][skip : skip + length - len(got)]
                if not piece:
                    break
                got += piece
            return got

        try:
            return pages.starts(read)
        except (UnreadableImage, SourceUnreachable):  # said when its turn comes
            return []

    def _disk(self) -> Any:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> Any:
        try:
            options = _OPTIONS.get(self.protocol, {})
            return open_filesystem(self.protocol, DatasetUnavailable, **options)
        except (DatasetUnavailable, InvalidSettings):
            raise
        except Exception as error:  # gcsfs looks for credentials here
            raise self._listing_failed(error) from error

    def _listing_failed(self, error: Exception) -> Exception:
        right = _RIGHTS.get(self.protocol, ("list it", ""))[0]
        if _is(error, PermissionError, "Forbidden") or _status(error) in (401, 403):
            return ImportRefused(
                f"the {self.where} may not be listed with these credentials: the right {right} is "
                "missing"
            )
        if _is(error, FileNotFoundError, "NoSuchBucket") or _status(error) in (404, 410):
            return ImportRefused(
                f"there is no {self.where}, or nothing at {self.address}; look at its spelling"
            )
        if _is(error, None, "NoCredentialsError", "DefaultCredentialsError", "PartialCredentials"):
            usual = _CREDENTIALS.get(self.protocol, "the environment")
            return ImportRefused(f"there are no credentials for the {self.where}; give {usual}")
        return self._unreachable(error)

    def _unreachable(self, error: Exception) -> SourceUnreachable:
        return SourceUnreachable(
            f"the {self.where} does not answer as it should ({type(error).__name__}); what is in "
            "stays, and the import can be gone on with"
        )

    def _read(self, handle: _Handle) -> bytes:
        """Fetch a file; what comes short, or otherwise than its checksum says, is fetched again."""
        disk, problem = self._disk(), ""
        before: bytes | None = None
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                data: bytes = disk.cat_file(handle.path)
            except Exception as error:  # each service raises errors of its own
                self._refuse(error)
                if attempt == TRIES - 1:
                    raise self._unreachable(error) from error
                continue
            if not data and self._is_web:
                problem = "nothing came: the server leads elsewhere, and nobody follows"
            elif handle.size and len(data) != handle.size:
                problem = f"{len(data):,} of {handle.size:,} bytes came"
            elif handle.checksum in ("", hashlib.md5(data).hexdigest()) or data == before:
                return data  # a checksum of what is encrypted is of something else, each time
            else:
                problem = "it comes otherwise than its checksum says"
            before = data
        raise UnreadableImage(f"the file cannot be fetched: {problem}")

    def _refuse(self, error: Exception) -> None:
        """Raise UnreadableImage for what no further try would mend."""
        right = _RIGHTS.get(self.protocol, ("", "to read it"))[1]
        if _is(error, PermissionError, "Forbidden") or _status(error) in (401, 403):
            raise UnreadableImage(
                f"the {self.where} does not hand it out: the right {right} is missing"
            ) from error
        if _is(error, FileNotFoundError, "NoSuchKey") or _status(error) in (404, 410):
            raise UnreadableImage("the file is no longer there") from error


def _handle(path: str, size: int, about: dict[str, Any]) -> _Handle:
    tag = str(about.get("ETag") or about.get("etag") or "").strip('"').lower()
    return _Handle(path, size, tag if _MD5.fullmatch(tag) else "")


def _is(error: BaseException | None, kind: type[Exception] | None, *called: str) -> bool:
    """Tell whether an error, or one that caused it, is of a kind or is called so."""
    while error is not None:
        if kind is not None and isinstance(error, kind):
            return True
        if any(name in type(error).__name__ for name in called):
            return True
        error = error.__cause__
    return False


def _status(error: Exception) -> int | None:
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None
