"""Owns folders of image files as a source, copied or left in place. Sizes in bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from pathlib import Path

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
from alcore.datasets.kinds import is_dicom
from alcore.errors import ImportRefused, UnreadableImage
from alcore.records import SkippedFile


@dataclass(frozen=True)
class FolderSource:
    """A folder on this machine."""

    root: Path
    in_place: bool
    least: int = 2
    """Images that it must hold."""
    kind: str = "folder"
    inline_below: float = 0

    def listing(self) -> Listing:
        """List the images in a fixed order; raises ImportRefused."""
        if not self.root.exists():
            raise ImportRefused(f"{self.root} does not exist; name a folder of images")
        if not self.root.is_dir():
            raise ImportRefused(f"{self.root} is not a folder; name a folder of images or a .zip")
        walk = _Walk(self.root.resolve(), self.in_place)
        walk.run()
        if not (walk.images or walk.tables or walk.ignored or walk.skipped):
            raise ImportRefused(f"{self.root} is an empty folder; put images in it")
        return arrange(
            walk.images,
            where=str(self.root),
            skipped=walk.skipped,
            ignored=walk.ignored,
            table=self._table(walk.tables),
            least=self.least,
        )

    def _table(self, paths: list[str]) -> Table | None:
        if not paths:
            return None
        path = min(paths, key=lambda path: (path.count("/"), path))
        try:
            return Table(path, read_under(self.root, path, label_table.MOST_BYTES))
        except UnreadableImage:
            return None

    def entries(self) -> list[Entry]:
        return self.listing().entries

    def read(self, entry: Entry) -> bytes:
        return read_image(self.root, entry.handle)

    def path_of(self, entry: Entry) -> str | None:
        return entry.handle if self.in_place else None


def images_below(root: Path) -> tuple[list[ImageFile], list[SkippedFile]]:
    """List the image files of a folder, in order of their paths, and what cannot be one."""
    walk = _Walk(root.resolve(), in_place=False)
    walk.run()
    return sorted(walk.images, key=lambda file: file.path), walk.skipped


def check_under(root: Path, path: str) -> str | None:
    """Say why a file below a folder cannot be read; None where nothing speaks against it."""
    full = root / names.page_of(path)[0]
    try:
        return None if full.is_file() else _gone(root, full)
    except OSError as error:
        return f"{names.of_file(str(full))} cannot be read: {error.strerror}"


def read_under(root: Path, path: str, most: int = MOST_BYTES) -> bytes:
    """Read a file of at most so many bytes below a folder, never one outside it.

    Raises UnreadableImage when it is missing, outside, not a file, or too large.
    """
    with _opened_under(root, path) as (file, info):
        if info.st_size > most:
            raise UnreadableImage(too_many_bytes(info.st_size))
        return file.read(info.st_size + 1)  # a buffer of what may be read would be huge


def read_image(root: Path, path: str) -> bytes:
    """Read an image file below a folder, or one page of a file of several.

    Raises UnreadableImage.
    """
    name, page = names.page_of(path)
    if page is None:
        return read_under(root, path)
    with _opened_under(root, name) as (file, info):
        places = _pages(str(root / name), info.st_mtime_ns, info.st_size)
        if page > len(places):
            raise UnreadableImage(f"the file has {len(places):,} pages; there is no page {page:,}")
        return pages.page(_reader(file), places[page - 1], MOST_BYTES)


def pages_under(root: Path, path: str) -> int:
    """Count the pages of an image file; 1 for every kind that has no pages.

    Raises UnreadableImage where there are too many.
    """
    if not pages.may_be_several(path):
        return 1
    with _opened_under(root, path) as (_, info):
        return max(1, len(_pages(str(root / path), info.st_mtime_ns, info.st_size)))


@lru_cache(maxsize=64)
def _pages(full: str, changed: int, size: int) -> list[int]:
    """List where the pages of a file stand; what it was changed at and its size tell it apart."""
    with open(full, "rb", opener=_open_without_waiting) as file:
        return pages.starts(_reader(file))


def _reader(file: BufferedReader) -> pages.Read:
    def read(at: int, length: int) -> bytes:
        file.seek(at)
        return file.read(length)

    return read


@contextmanager
def _opened_under(root: Path, path: str) -> Iterator[tuple[BufferedReader, os.stat_result]]:
    full = root / path
    try:
        real = full.resolve(strict=True)
        if not real.is_relative_to(root.resolve()):
            raise UnreadableImage("the file lies outside the folder")
        with open(real, "rb", opener=_open_without_waiting) as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise UnreadableImage("not a regular file")
            yield file, info
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableImage(_gone(root, full)) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImage(f"the file cannot be read: {reason}") from error


def _gone(root: Path, full: Path) -> str:
    """Name what is missing: the file, or the highest folder above it that is no longer there."""
    if full.parent.is_dir():
        return f"the file {names.of_file(str(full))} is no longer there"
    missing = root if not root.is_dir() else full.parent
    while missing != missing.parent and not missing.parent.is_dir():
        missing = missing.parent
    return (
        f"the folder {names.of_file(str(missing))} is no longer there: it was moved or renamed, "
        "or its disk is not connected"
    )


def _open_without_waiting(path: str, flags: int) -> int:
    # A pipe named like an image would wait for a writer for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


class _Walk:
    """Collects the files of a folder."""

    def __init__(self, root: Path, in_place: bool) -> None:
        self.root = root
        self.in_place = in_place
        self.images: list[ImageFile] = []
        self.skipped: list[SkippedFile] = []
        self.tables: list[str] = []
        self.ignored = 0
        self._folders = [""]

    def run(self) -> None:
        # A list, not recursion: folders may be nested deeper than Python's stack.
        while self._folders:
            self._folder(self._folders.pop())

    def _folder(self, path: str) -> None:
        try:
            with os.scandir(self.root / path) as scan:
                items = sorted(scan, key=lambda item: item.name)
        except OSError as error:
            if not path:
                raise ImportRefused(f"{self.root} cannot be read: {error.strerror}") from error
            self.skipped.append(
                SkippedFile(names.of_file(path), f"the folder cannot be read: {error.strerror}")
            )
            return
        for item in items:
            below = f"{path}/{item.name}" if path else item.name
            if is_hidden(item.name):
                continue
            if item.is_symlink():
                self._link(item, below)
            elif item.is_dir():
                self._folders.append(below)
            elif is_image_name(item.name) or self._is_dicom(item):
                self._file(item, below)
            elif label_table.is_table(below):
                self.tables.append(below)
            else:
                self.ignored += 1

    def _file(self, item: os.DirEntry[str], path: str) -> None:
        if not item.is_file():
            self.skipped.append(SkippedFile(names.of_file(path), "not a regular file"))
        elif self.in_place and not _is_unicode(path):
            self.skipped.append(
                SkippedFile(names.of_file(path), "its name is not valid Unicode; rename or copy it")
            )
        else:
            self._pages(path, item.stat().st_size)

    def _is_dicom(self, item: os.DirEntry[str]) -> bool:
        """Look into a file whose name has no ending, or a number for one."""
        ending = item.name.rpartition(".")[2] if "." in item.name else ""
        if (ending and not ending.isdigit()) or not item.is_file():
            return False
        try:
            with open(item.path, "rb", opener=_open_without_waiting) as file:
                return is_dicom(file.read(132))
        except OSError:
            return False

    def _pages(self, path: str, size: int) -> None:
        try:
            count = pages_under(self.root, path)
        except UnreadableImage as error:
            self.skipped.append(SkippedFile(names.of_file(path), str(error)))
            return
        if count == 1:
            self.images.append(ImageFile(path, path, size))
            return
        for number in range(1, count + 1):
            page = names.of_page(path, number)
            self.images.append(ImageFile(page, page, size // count))

    def _link(self, item: os.DirEntry[str], path: str) -> None:
        try:
            inside = Path(item.path).resolve(strict=True).is_relative_to(self.root)
            folder = item.is_dir()
        except (OSError, RuntimeError):
            self.skipped.append(SkippedFile(names.of_file(path), "a link that leads nowhere"))
            return
        if not inside:
            self.skipped.append(
                SkippedFile(names.of_file(path), "a link that leads out of the folder")
            )
        elif not folder and is_image_name(item.name):
            self._file(item, path)
        # A linked folder inside the root is visited under its own name.


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
