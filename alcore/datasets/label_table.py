"""Owns the table of labels that may lie beside images: labels.csv, with a file and a class a row.

Written by a spreadsheet, a script or `python -m alcore export`, so separators, encodings and the
names of the columns vary.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alcore import names
from alcore.datasets.code_pages import encoding_of
from alcore.spreadsheets import without_guard

NAMES = ("labels.csv", "labels.tsv")
MOST_BYTES = 100_000_000
FILE_NAMES = ("file", "filename", "file name", "image", "image name", "path", "file path",
              "filepath", "image path", "image id", "img", "name", "id")  # fmt: skip
CLASS_NAMES = ("class", "label", "class name", "category", "labels", "target", "tag", "species",
               "breed", "annotation", "answer", "class id")  # fmt: skip


@dataclass(frozen=True)
class Labels:
    """What a table says of the files beside it."""

    classes: dict[str, str]
    """Class by path, of the files that are there."""
    note: str
    """What was read, or why nothing was."""


def is_table(path: str) -> bool:
    """Tell whether a file may be a table of labels: by its name, at most one folder down."""
    parts = path.lower().split("/")
    return parts[-1] in NAMES and len(parts) <= 2


def read(name: str, data: bytes, paths: Sequence[str]) -> Labels:
    """Read a table of labels for the files at these paths.

    A row may name one page of a file, or the file and by it all pages that no row names.
    """
    try:
        lines = [row for row in rows(data) if any(cell.strip() for cell in row)]
    except (csv.Error, UnicodeError) as error:
        return Labels({}, f"{name} was not read: {error}")
    several = {path: names.page_of(path)[0] for path in paths if names.page_of(path)[1]}
    index = _index([*paths, *dict.fromkeys(several.values())])
    columns = _columns(lines, index)
    if columns is None:
        head = ", ".join(cell.strip() for cell in lines[0][:8]) if lines else "nothing"
        return Labels(
            {}, f"{name} was not read: it begins with {head!r}; call two columns file and class"
        )
    classes, strangers = {}, []
    for row in lines:
        if max(columns) >= len(row):
            continue
        file, label = (without_guard(row[column]).strip() for column in columns)
        path = _find(file, index)
        if path is None:
            strangers.append(file)
        elif label:
            classes[path] = names.shown(label)
    for page, whole in several.items():
        if whole in classes:
            classes.setdefault(page, classes[whole])
    for whole in set(several.values()):
        classes.pop(whole, None)
    if not classes:
        example = f", such as {strangers[-1]}" if strangers else ""
        return Labels({}, f"{name} was not read: none of its files is here{example}")
    return Labels(classes, f"{name} gives the classes of {len(classes):,} of {len(paths):,} images")


def rows(data: bytes) -> Iterator[list[str]]:
    """Read the rows of a table, whatever its separator and its encoding. Raises csv.Error."""
    text = decoded(data)
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def decoded(data: bytes) -> str:
    """Read a text that is UTF-8, UTF-16 or of a Windows code page. Raises UnicodeError."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    if b"\0" in data[:2]:
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le")
    return data.decode(encoding_of(data.splitlines())).removeprefix("\ufeff")


def _columns(rows: list[list[str]], index: dict[str, set[str]]) -> tuple[int, int] | None:
    """Tell which columns hold the file and the class: by their names, else by what they hold."""
    if not rows:
        return None
    head = [" ".join(cell.casefold().replace("_", " ").split()) for cell in rows[0]]
    file, name = (
        next((head.index(known) for known in several if known in head), None)
        for several in (FILE_NAMES, CLASS_NAMES)
    )
    if file is not None and name is not None:
        return file, name
    row = rows[min(1, len(rows) - 1)]
    files = [place for place, cell in enumerate(row) if _find(cell.strip(), index)]
    return (files[0], 1 - files[0]) if len(row) == 2 and len(files) == 1 else None


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _index(paths: Sequence[str]) -> dict[str, set[str]]:
    """List the paths by all of their ends: in folders, alone, and without the extension."""
    index: dict[str, set[str]] = {}
    for path in paths:
        parts = _key(path).split("/")
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            stem = end if names.page_of(end)[1] else end.rpartition(".")[0]
            for key in {end, stem}:
                index.setdefault(key, set()).add(path)
    return index


def _find(file: str, index: dict[str, set[str]]) -> str | None:
    """Find the one file that a table means; it may name folders that are not there."""
    for text in (names.path_of(file), file.replace("\\", "/")):
        parts = [part for part in _key(text).split("/") if part not in ("", ".")]
        for start in range(len(parts)):
            known = index.get("/".join(parts[start:]), set())
            exact = [path for path in known if _key(path) == "/".join(parts[start:])]
            if len(exact) == 1 or len(known) == 1:
                return (exact or list(known))[0]
    return None
