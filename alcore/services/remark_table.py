"""Owns comments and the notes of unsure answers on their way out of alcore."""

from __future__ import annotations

from typing import Any

from alcore.services.export_rows import iso
from alcore.store import Store, comments, projects, review

COLUMNS = ("item", "file", "class", "kind", "annotator", "time", "text")


def rows(store: Store, project_id: int) -> list[dict[str, Any]]:
    """Read comments and the notes of unsure answers as rows of COLUMNS, item by item.

    They may be on items without a label, which an export of labels leaves out.
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
        items = {r.item_id: r for r in review.rows(connection, sorted({r[1] for r in remarks}))}
    return [
        {
            "item": item_id,
            "file": items[item_id].name,
            "class": names.get(items[item_id].class_id),
            "kind": kind,
            "annotator": who,
            "time": iso(at),
            "text": text,
        }
        for kind, item_id, who, at, text in sorted(remarks, key=lambda r: (r[1], r[3]))
    ]
