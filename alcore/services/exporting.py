"""Owns what leaves alcore: labels as spreadsheet-safe CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from alcore.store import Store, labels, projects

COLUMNS = ("item", "file", "class", "annotator", "time", "seconds", "source", "model", "instant")


def safe(value: Any) -> Any:
    """Keep a spreadsheet from running text as a formula.

    >>> safe("=1+1"), safe("cat"), safe(-3)
    ("'=1+1", 'cat', -3)
    """
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


def write_csv(out: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as CSV that is safe to open in a spreadsheet; return how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    written = 0
    for row in rows:
        writer.writerow(["" if row[c] is None else safe(row[c]) for c in columns])
        written += 1
    return written


def label_rows(store: Store, project_id: int) -> list[dict[str, Any]]:
    """Read the current labels as rows of COLUMNS; times in ISO 8601, UTC."""
    with store.read() as connection:
        names = {c.id: c.name for c in projects.classes(connection, project_id)}
        found = labels.current_labels(connection, project_id)
    return [
        {
            "item": label.item_id,
            "file": file,
            "class": names[label.class_id],
            "annotator": label.annotator,
            "time": datetime.fromtimestamp(label.created_at, UTC).isoformat(),
            "seconds": None if label.seconds is None else round(label.seconds, 2),
            "source": label.origin,
            "model": label.round_number,
            "instant": label.instant,
        }
        for label, file in found
    ]
