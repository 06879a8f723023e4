"""Owns what leaves alcore: labels as spreadsheet-safe CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from alcore.store import Store, comments, labels, projects, review

COLUMNS = (
    "item",
    "file",
    "class",
    "annotator",
    "time",
    "seconds",
    "source",
    "model",
    "instant",
    "suggestion shown",
    "suggested class",
    "suggesting model",
    "note",
    "comments",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
REMARKS = ("item", "file", "class", "kind", "annotator", "time", "text")


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
        current = labels.current_labels(connection, project_id)
        comments_of: dict[int, list[str]] = {}
        for comment in comments.all_comments(connection, project_id):
            comments_of.setdefault(comment.item_id, []).append(
                f"{comment.annotator}: {comment.text}"
            )
    return [
        {
            "item": label.item_id,
            "file": file,
            "class": names[label.class_id],
            "annotator": label.annotator,
            "time": _iso(label.created_at),
            "seconds": None if label.seconds is None else round(label.seconds, 2),
            "source": label.origin,
            "model": label.round_number,
            "instant": label.head_labels,
            "suggestion shown": "yes" if label.suggestion_shown else "no",
            "suggested class": label.suggestion and names[label.suggestion.class_id],
            "suggesting model": label.suggestion and label.suggestion.model,
            "note": label.note,
            "comments": " | ".join(comments_of.get(label.item_id, [])) or None,
        }
        for label, file in current
    ]


def remark_rows(store: Store, project_id: int) -> list[dict[str, Any]]:
    """Read comments and the notes of unsure answers as rows of REMARKS, item by item.

    They may be on items without a label, which `label_rows` leaves out.
    """
    with store.read() as connection:
        names: dict[int | None, str] = {
            c.id: c.name for c in projects.classes(connection, project_id)
        }
        remarks: list[tuple[str, int, str | None, float, str | None]] = [
            ("comment", c.item_id, c.annotator, c.created_at, c.text)
            for c in comments.all_comments(connection, project_id)
        ]
        unsure = review.Filter("unsure")
        everything = review.count(connection, project_id, 0, unsure)
        for row in review.page(connection, project_id, 0, unsure, 0, everything):
            if row.created_at is not None:
                remarks.append(("unsure", row.item_id, row.annotator, row.created_at, row.note))
        rows = {r.item_id: r for r in review.rows(connection, sorted({f[1] for f in remarks}))}
    return [
        {
            "item": item_id,
            "file": rows[item_id].name,
            "class": names.get(rows[item_id].class_id),
            "kind": kind,
            "annotator": who,
            "time": _iso(at),
            "text": text,
        }
        for kind, item_id, who, at, text in sorted(remarks, key=lambda f: (f[1], f[3]))
    ]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
