"""Owns CSV that a spreadsheet may open: no text in it is run, and all of it can be read back."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def safe(value: Any) -> Any:
    """Keep a spreadsheet from running text as a formula: an apostrophe is put before it.

    Plain numbers are no formulas. Taking one apostrophe away gives the text back, also where it
    began with one.

    >>> safe("=1+1"), safe("cat"), safe("-1"), safe(-3), safe("'=x")
    ("'=1+1", 'cat', '-1', -3, "''=x")
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return "'" + value if value.lstrip("'").startswith(_FORMULA) else value


def without_guard(text: str) -> str:
    """Take away the apostrophe that keeps spreadsheets from running a text as a formula.

    >>> without_guard("'=x"), without_guard("''=x"), without_guard("'tis")
    ('=x', "'=x", "'tis")
    """
    plain = text.lstrip("'")
    return text[1:] if plain != text and plain.startswith(_FORMULA) else text


def write_csv(out: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as CSV that is safe to open in a spreadsheet; return how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    written = 0
    for row in rows:
        writer.writerow(["" if row[c] is None else safe(row[c]) for c in columns])
        written += 1
    return written
