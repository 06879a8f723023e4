"""Owns tables of any columns, read row by row: CSV of any separator, JSON Lines, Parquet.

However large the file, no more than a block of it is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from alcore.datasets.label_table import FILE_NAMES
from alcore.errors import UnreadableLabels
from alcore.label_formats import csv_table, json_lines, parquet
from alcore.label_formats.contract import Format
from alcore.label_formats.tables import BLOCK, text_of
from alcore.spreadsheets import without_guard

_EXAMPLES = 5


@dataclass(frozen=True)
class WideTable:
    """A table that lies on disk."""

    path: Path
    form: Format
    names: tuple[str, ...]
    """Of its columns."""
    file_column: str | None
    """The column whose name says that it names the image; None where none does."""
    examples: tuple[dict[str, str], ...]

    def rows(self, wanted: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield each row's number in the file, from 1 on, and the texts of some columns.

        Raises UnreadableLabels for a column that the table does not have.
        """
        missing = next((name for name in wanted if name not in self.names), None)
        if missing is not None:
            raise UnreadableLabels(
                f"{self.path.name} has no column {missing!r}, but {', '.join(self.names[:20])}"
            )
        reader = {"csv": _csv_rows, "jsonl": _json_rows, "parquet": _parquet_rows}
        return reader[self.form.name](self.path, self.names, wanted)


def open_table(path: Path, form: Format) -> WideTable:
    """Read what a table's columns are called. Raises UnreadableLabels."""
    if form.name not in ("csv", "jsonl", "parquet"):
        raise UnreadableLabels(
            f"{path.name} is {form.title}; what is known of images is read of CSV, JSON Lines and "
            "Parquet"
        )
    assert form.columns is not None
    names = form.columns(path).names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnreadableLabels(f"{path.name} has two columns called {twice!r}; rename one of them")
    plain = {" ".join(n.casefold().replace("_", " ").split()): n for n in reversed(names)}
    file_column = next((plain[name] for name in FILE_NAMES if name in plain), None)
    table = WideTable(path, form, names, file_column, ())
    first = islice(table.rows(names), _EXAMPLES)
    examples = tuple(
        dict(zip(names, (cell[:200] for cell in row), strict=True)) for _, row in first
    )
    return WideTable(path, form, names, file_column, examples)


def _csv_rows(
    path: Path, names: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    places = [names.index(name) for name in wanted]
    for number, row in islice(csv_table.rows(path), 1, None):
        if any(cell.strip() for cell in row):
            yield number, [without_guard(row[i]).strip() if i < len(row) else "" for i in places]


def _json_rows(
    path: Path, names: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    for number, value in json_lines.objects(path):
        yield number, [_cell(value.get(name)) for name in wanted]


def _parquet_rows(
    path: Path, names: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    with parquet.opened(path) as file:
        number = 0
        for block in parquet.batches(file, path, BLOCK, list(dict.fromkeys(wanted))):
            for row in zip(*(block[name] for name in wanted), strict=True):
                number += 1
                yield number, [_cell(value) for value in row]


def _cell(value: Any) -> str:
    """Write a value as its text; nothing, not-a-number and bytes are no values."""
    if value is None or value != value or isinstance(value, bytes):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return text_of(value).strip()
