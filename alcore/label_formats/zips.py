"""Owns archives of images: names that every system can unpack, and writing in steps."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from alcore.datasets.entries import is_image_name
from alcore.datasets.kinds import kind_of
from alcore.datasets.sources import open_source
from alcore.errors import ImportRefused, UnreadableImage, UnreadableLabels
from alcore.label_formats.contract import ForeignLabel, Header, LabelRow
from alcore.names import of_file

CLASSES = "classes.json"
"""Folder to class, for names that cannot be folders as they are."""
_STEP = 4_000_000
"""Bytes between two looks at what was written."""
_MANY = 500
_SPOOLED = 10_000_000
_LONGEST = 150
"""Bytes of a part of a path; file systems take 255, and some escape each letter."""
_UNFIT = re.compile(r'[\x00-\x1f<>:"/\\|?*%\x7f]')
_MOST_MB = 1_000_000


def part(text: str) -> str:
    """Write a text as one part of a path, on every system, so that different ones stay so.

    >>> part("a/b"), part(".."), part("50 %"), part("ok")
    ('a%2Fb', '%2E%2E', '50 %25', 'ok')
    """
    fit = _UNFIT.sub(lambda match: f"%{ord(match[0]):02X}", text)
    if fit.startswith("."):
        fit = f"%2E{fit[1:]}"
    if fit.endswith((" ", ".")):
        fit = f"{fit[:-1]}%{ord(fit[-1]):02X}"
    raw = fit.encode()
    if len(raw) <= _LONGEST:
        return fit
    _, dot, ending = fit.rpartition(".")
    ending = f"{dot}{ending}" if dot and len(ending) <= 5 else ""
    digest = hashlib.blake2b(raw, digest_size=4).hexdigest()
    room = _LONGEST - len(ending.encode()) - len(digest) - 1
    return f"{raw[:room].decode(errors='ignore')}~{digest}{ending}"


def place(file: str, data: bytes) -> str:
    """Write the name of an image as a path below a folder, with the ending of its kind."""
    path = "/".join(part(p) for p in file.split("/") if p) or "image"
    return path if is_image_name(path) else f"{path}.{kind_of(data).lower()}"


def folders(classes: Sequence[str]) -> list[str]:
    """Name a folder for each class; they differ in more than upper and lower case."""
    used: set[str] = set()
    made = []
    for name in classes:
        folder, n = part(name), 2
        while folder.casefold() in used:
            folder, n = f"{part(name)}~{n}", n + 1
        used.add(folder.casefold())
        made.append(folder)
    return made


def write_folders(
    out: IO[bytes], header: Header, rows: Iterable[LabelRow], holdout: str
) -> Iterator[int]:
    """Write images as train/class/name and holdout/class/name, and what the folders mean."""
    of_class = folders(header.classes)

    def name(row: LabelRow, path: str) -> str:
        return f"{_folder(row, of_class, holdout)}/{path}"

    with zipfile.ZipFile(out, "w") as archive:
        written = yield from write_images(archive, header, rows, name)
        archive.writestr(zipfile.ZipInfo(CLASSES), _meanings(header, of_class))
    yield written


def lay_out(
    root: Path, header: Header, rows: Iterable[LabelRow], holdout: str, originals: Path | None
) -> Iterator[int]:
    """Write the same below a folder on disk; yield how many images so far.

    originals: images are links to the files below it that rows name; None: all are copied, as are
    those that lie elsewhere, and pages of a file.
    """
    of_class = folders(header.classes)
    written = 0
    for row in rows:
        file, original = row.file, None
        if originals is not None and Path(file).is_relative_to(originals):
            original = Path(file) if Path(file).is_file() else None
            file = of_file(Path(file).relative_to(originals).as_posix())
        data = None if original is not None and is_image_name(file) else header.read(row)
        if data is None and original is None:
            continue
        path = root / _folder(row, of_class, holdout) / place(file, data or b"")
        path.parent.mkdir(parents=True, exist_ok=True)
        if original is not None:
            path.symlink_to(original)
        else:
            path.write_bytes(data or b"")
        written += 1
        yield written
    (root / CLASSES).write_bytes(_meanings(header, of_class))


def _folder(row: LabelRow, of_class: Sequence[str], holdout: str) -> str:
    return f"{holdout if row.split == 'holdout' else 'train'}/{of_class[row.place]}"


def _meanings(header: Header, of_class: Sequence[str]) -> bytes:
    meaning = dict(zip(of_class, header.classes, strict=True))
    return json.dumps(meaning, ensure_ascii=False, indent=1).encode()


def write_images(
    archive: zipfile.ZipFile,
    header: Header,
    rows: Iterable[LabelRow],
    name: Callable[[LabelRow, str], str],
) -> Generator[int, None, int]:
    """Write the originals where `name` puts their paths; yield, and return, how many.

    An image whose original is gone is left out.
    """
    written, since, size = 0, 0, 0
    for row in rows:
        data = header.read(row)
        if data is None:
            continue
        archive.writestr(zipfile.ZipInfo(name(row, place(row.file, data))), data)
        written, since, size = written + 1, since + 1, size + len(data)
        if since >= _MANY or size >= _STEP:
            since, size = 0, 0
            yield written
    yield written
    return written


def spooled() -> IO[bytes]:
    """Open a place for what is written while something else is: in memory first, then on disk."""
    return tempfile.SpooledTemporaryFile(_SPOOLED)


def add_spooled(archive: zipfile.ZipFile, name: str, content: IO[bytes]) -> None:
    """Put what was spooled into an archive, compressed."""
    content.seek(0)
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as entry:
        while block := content.read(_STEP):
            entry.write(block)


def read_folders(path: Path, _columns: object = None) -> Iterator[ForeignLabel]:
    """Read the classes of images that lie in folders, of a zip or on disk; images by content."""
    spec = (
        {"kind": "folder", "path": str(path)}
        if path.is_dir()
        else {"kind": "archive", "path": str(path), "limit_mb": _MOST_MB}
    )
    meaning = _meaning(path)
    try:
        source = open_source(spec)
        for number, entry in enumerate(source.listing().entries, 1):
            try:
                digest = hashlib.blake2b(source.read(entry), digest_size=16).hexdigest()
            except UnreadableImage:
                digest = None
            name = entry.class_name or ""
            yield ForeignLabel(number, entry.name, meaning.get(name, name), digest)
    except ImportRefused as error:
        raise UnreadableLabels(str(error)) from error


def _meaning(path: Path) -> dict[str, str]:
    """Read which folder means which class, where an export of ours says so."""
    try:
        if path.is_dir():
            text = (path / CLASSES).read_text("utf-8")
        else:
            with zipfile.ZipFile(path) as archive, archive.open(CLASSES) as file:
                text = file.read(_STEP).decode()
        meaning = json.loads(text)
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile):
        return {}
    if not isinstance(meaning, dict):
        return {}
    return {k: v for k, v in meaning.items() if isinstance(v, str)}
