"""Owns how an image that was read becomes a row, and how much room many of them take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from alcore.datasets.entries import Entry, Source
from alcore.datasets.ingest import NewItem
from alcore.records import KnownClasses

ROW = 500
"""Bytes that an item takes in the database, indices included."""


def room(source: Source, todo: Sequence[Entry], resolution: int) -> int:
    """Return the bytes that an import writes: pixels, rows and, where they are copied, files."""
    copied = 0 if source.in_place else sum(entry.size for entry in todo)
    return copied + len(todo) * (3 * resolution**2 + ROW)


def row_of(
    project_id: int, new: NewItem, class_ids: Mapping[str, int], known_classes: KnownClasses
) -> dict[str, object]:
    """Return the columns of an item; a test folder is the holdout where classes are known."""
    class_id = class_ids.get(new.class_name) if known_classes != "none" and new.class_name else None
    return {
        "project_id": project_id,
        "position": new.position,
        "name": new.name,
        "content_hash": new.content_hash,
        "width": new.width,
        "height": new.height,
        "split": "holdout" if new.given_split == "test" and class_id else "pool",
        "true_class": class_id,
        "offset": new.offset,
        "length": new.length,
        "path": new.path,
    }


def natural(name: str) -> tuple[object, ...]:
    """Sort key under which "class 10" comes after "class 9".

    >>> sorted(["10", "9", "a"], key=natural)
    ['9', '10', 'a']
    """
    # At most 18 digits at a time: Python reads no number of thousands of digits.
    parts = re.split(r"(\d{1,18})", name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (10**18, part) for part in parts if part)
