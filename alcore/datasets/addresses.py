"""Owns lists of addresses as a source: what they name, and what of it has been fetched.

The lists of a project wait in a folder of its own, and beside them what came, until it is in.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from alcore import disk, names, outgoing
from alcore.datasets import label_table
from alcore.datasets.entries import Entry, Listing, is_image_name
from alcore.datasets.folders import pages_under, read_image
from alcore.errors import AddressRefused, ImportRefused, UnreadableImage
from alcore.records import SkippedFile
from alcore.spreadsheets import without_guard

MOST = 100_000
"""Addresses of one list."""
MOST_BYTES = 20_000_000
COLUMNS = ("address", "url", "uri", "link", "href", "image url", "image address", "file url",
           "image link", "src", "source")  # fmt: skip
FETCHED = "fetched"
LIST = ".list"


@dataclass(frozen=True)
class Address:
    """Where an image is."""

    text: str
    """In plain letters."""
    class_name: str | None = None

    @property
    def name(self) -> str:
        """What the image is called: server and path, and what tells apart what follows them.

        >>> Address("https://birds.example/2024/tit%201.jpg").name
        'birds.example/2024/tit 1.jpg'
        >>> Address("https://birds.example/show?id=7").name
        'birds.example/show-af44ec'
        """
        parts = urlsplit(self.text)
        path = unquote(parts.path).strip("/") or "image"
        if parts.query:
            stem, dot, ending = path.rpartition(".")
            mark = hashlib.blake2b(parts.query.encode(), digest_size=3).hexdigest()
            whole = not dot or "/" in ending
            path = f"{path}-{mark}" if whole else f"{stem}-{mark}.{ending}"
        return names.of_file(f"{parts.netloc}/{path}")

    @property
    def file(self) -> str:
        """What it is called once fetched."""
        digest = hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()
        path = urlsplit(self.text).path
        return digest + (Path(path).suffix.lower() if is_image_name(path) else "")


@dataclass(frozen=True)
class AddressList:
    """What a text or a table names."""

    addresses: tuple[Address, ...]
    problems: tuple[SkippedFile, ...]
    """Lines that name none, and why."""


def read(data: bytes) -> AddressList:
    """Read addresses, one a line, or a table with a column of them and maybe one of classes.

    Raises ImportRefused for what holds none, or too many.
    """
    if len(data) > MOST_BYTES:
        raise ImportRefused(f"a list of addresses has at most {MOST_BYTES // 1_000_000} MB")
    try:
        rows = list(label_table.rows(data))
        columns = _columns(rows)
        cells = list(_cells(rows[1:], columns)) if columns else list(_lines(data))
    except (csv.Error, UnicodeError) as error:
        raise ImportRefused(f"the list of addresses cannot be read: {error}") from error
    addresses: dict[str, Address] = {}
    problems = []
    for number, text, class_name in cells:
        address = outgoing.plain(text)
        try:
            check(address)
        except AddressRefused as error:
            problems.append(SkippedFile(f"line {number:,}", str(error)))
        else:
            addresses.setdefault(address, Address(address, class_name))
    if not addresses:
        first = f"; {problems[0].name}: {problems[0].reason}" if problems else ""
        raise ImportRefused(
            f"there is no address in the list{first}; write one a line, such as "
            "https://birds.example/1.jpg, or a table with a column “address”"
        )
    if len(addresses) > MOST:
        raise ImportRefused(
            f"the list has {len(addresses):,} addresses; at most {MOST:,} are possible"
        )
    return AddressList(tuple(addresses.values()), tuple(problems))


def of_list(path: Path) -> AddressList:
    """Read a list from a file. Raises ImportRefused."""
    try:
        with path.open("rb") as file:
            return read(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise ImportRefused(f"the list {path} cannot be read: {error.strerror}") from error


def check(address: str) -> None:
    """Raise AddressRefused for what cannot be the address of an image."""
    try:
        outgoing.check(address, outgoing.LONGEST)
    except AddressRefused as error:
        raise AddressRefused(
            str(error).replace("hooks.example/alcore", "birds.example/1.jpg")
        ) from None
    if ".." in unquote(urlsplit(address).path).split("/"):
        raise AddressRefused(f"{address[:80]!r} leads upwards; write the path without “..”")


def _columns(rows: Sequence[Sequence[str]]) -> tuple[int, int | None] | None:
    """Tell which columns hold address and class, by their names; None where there is no head."""
    head = [" ".join(cell.casefold().replace("_", " ").split()) for cell in rows[0]] if rows else []
    address = next((head.index(name) for name in COLUMNS if name in head), None)
    if address is None:
        return None
    return address, next((head.index(n) for n in label_table.CLASS_NAMES if n in head), None)


def _cells(
    rows: Sequence[Sequence[str]], columns: tuple[int, int | None]
) -> Iterator[tuple[int, str, str | None]]:
    at, named = columns
    for number, row in enumerate(rows, 2):
        text = without_guard(row[at]).strip() if at < len(row) else ""
        name = without_guard(row[named]).strip() if named is not None and named < len(row) else ""
        if text:
            yield number, text, names.shown(name) or None


def _lines(data: bytes) -> Iterator[tuple[int, str, None]]:
    for number, line in enumerate(label_table.decoded(data).splitlines(), 1):
        text = line.strip().strip("<>\"'")
        if text and not text.startswith("#"):
            yield number, text, None


@dataclass(frozen=True)
class AddressSource:
    """The folder of a project in which lists wait, with what was fetched of them."""

    root: Path
    name: str = ""
    """What the list is called that a project is made from."""
    kind: str = "addresses"
    in_place: bool = False
    inline_below: float = 0

    @property
    def fetched(self) -> Path:
        """Folder of what was fetched."""
        return self.root / FETCHED

    def lists(self) -> list[Path]:
        """Name the lists that wait, the oldest first."""
        if not self.root.is_dir():
            return []
        return sorted(self.root.glob(f"*{LIST}"), key=lambda path: (path.stat().st_mtime, path))

    def keep(self, data: bytes) -> None:
        """Let a list wait. Raises NoRoom, WorkspaceUnusable."""
        digest = hashlib.blake2b(data, digest_size=8).hexdigest()
        disk.check_room(self.root, len(data))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with disk.whole_file(self.root / f"{digest}{LIST}") as file:
                file.write(data)
            disk.sync_names(self.root)
        except OSError as error:
            raise disk.unusable(self.root, error) from error

    def wanted(self, lists: Sequence[Path]) -> list[Address]:
        """List what lists name, each image once."""
        known: dict[str, Address] = {}
        for path in lists:
            for address in read(path.read_bytes()).addresses:
                known.setdefault(address.name, address)
        return list(known.values())

    def listing(self) -> Listing:
        """List what was fetched, in the order of the lists."""
        entries, skipped = [], []
        for address in self.wanted(self.lists()):
            path = self.fetched / address.file
            if not path.is_file():
                continue
            try:
                pages = pages_under(self.fetched, address.file)
            except UnreadableImage as error:
                skipped.append(SkippedFile(address.name, str(error)))
                continue
            size = path.stat().st_size // pages
            for page in range(1, pages + 1):
                name, handle = (
                    (names.of_page(address.name, page), names.of_page(address.file, page))
                    if pages > 1
                    else (address.name, address.file)
                )
                entries.append(Entry(name, address.class_name, None, handle, size))
        return Listing(entries, "addresses", tuple(skipped))

    def entries(self) -> list[Entry]:
        return self.listing().entries

    def read(self, entry: Entry) -> bytes:
        return read_image(self.fetched, entry.handle)

    def path_of(self, entry: Entry) -> None:
        return None

    def forget(self, listing: Listing) -> None:
        """Delete what was fetched, which the project has by now."""
        for entry in listing.entries:
            (self.fetched / names.page_of(entry.handle)[0]).unlink(missing_ok=True)
