"""Owns labels as CSV, safe to open in a spreadsheet: a row per label, or per vote where asked."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from alcore.datasets.code_pages import encoding_of
from alcore.errors import UnreadableLabels
from alcore.label_formats.contract import Columns, ForeignLabel, Format, Header, LabelRow, Table
from alcore.label_formats.tables import BASE, BLOCK, guess
from alcore.spreadsheets import safe, without_guard

_VOTES = ("vote", "vote by", "vote time", "vote seconds")
_SAMPLE = 1_000_000
"""Bytes that tell encoding and separator."""
_LONGEST_LINE = 1_000_000
_EXAMPLES = 5


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    try:
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*BASE, *header.columns, *(_VOTES if header.votes else ())])
        written, all_rows = 0, iter(rows)
        while block := list(islice(all_rows, BLOCK)):
            table.writerows(line for row in block for line in _lines(header, row))
            written += len(block)
            yield written
    finally:
        text.detach()


def _lines(header: Header, row: LabelRow) -> Iterator[list[Any]]:
    one = [row.item, safe(row.file), safe(header.classes[row.place])]
    one += map(_cell, header.all(row).values())
    if not header.votes:
        yield one
    elif not row.votes:  # the model's, or an owner's word alone
        yield [*one, *[""] * len(_VOTES)]
    for vote in row.votes:
        seconds = "" if vote.seconds is None else vote.seconds
        yield [*one, safe(vote.class_name or ""), safe(vote.annotator), vote.created_at, seconds]


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else safe(value)


def columns(path: Path) -> Table:
    """Name the columns of a CSV. Raises UnreadableLabels."""
    lines = rows(path)
    names = tuple(cell.strip() for cell in next(lines, (1, []))[1])
    if not names:
        raise UnreadableLabels(f"{path.name} is empty; its first line must name the columns")
    examples = tuple(dict(zip(names, row, strict=False)) for _, row in islice(lines, _EXAMPLES))
    return Table(names, guess(names), examples)


def read(path: Path, chosen: Columns | None) -> Iterator[ForeignLabel]:
    """Read labels of a CSV of any separator and encoding, line by line."""
    names = columns(path).names
    chosen = chosen or guess(names)
    if chosen is None or not {chosen.file, chosen.label} <= set(names):
        raise UnreadableLabels(
            f"{path.name} has the columns {', '.join(names[:20])}; say which holds the image and "
            "which its class"
        )
    file, label = names.index(chosen.file), names.index(chosen.label)
    for number, row in islice(rows(path), 1, None):
        if len(row) > max(file, label):
            yield ForeignLabel(number, without_guard(row[file]), without_guard(row[label]))
        elif any(cell.strip() for cell in row):
            yield ForeignLabel(number, "", "")


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's cells, and the number of its last line."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
        encoding = _encoding(sample)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding, newline="")
        first = sample.decode(encoding, "ignore").split("\n", 1)[0]
        separator = max(",;\t", key=first.count)
        reader = csv.reader(_lines_of(text, path.name), delimiter=separator)
        try:
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeError) as error:
            raise UnreadableLabels(
                f"{path.name} cannot be read beyond line {reader.line_num}: {error}"
            ) from error


def _encoding(sample: bytes) -> str:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in sample[:2]:
        return "utf-16-be" if sample[0] == 0 else "utf-16-le"
    whole = sample if len(sample) < _SAMPLE else sample.rpartition(b"\n")[0]
    encoding = encoding_of(whole.splitlines())
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _lines_of(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    """Yield lines; a file without line ends must not fill the memory."""
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise UnreadableLabels(
                f"{name} is no table: it has a line of more than {_LONGEST_LINE:,} characters"
            )
        yield line


FORMAT = Format(
    name="csv",
    title="CSV",
    sentence="A table for spreadsheets and scripts, a row per label.",
    suffix=".csv",
    mime="text/csv",
    content="labels",
    write=write,
    read=read,
    columns=columns,
)
