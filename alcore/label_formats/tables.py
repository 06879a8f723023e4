"""Owns what tables of labels share: usual names of columns, and values as JSON holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from alcore.datasets.label_table import CLASS_NAMES, FILE_NAMES
from alcore.label_formats.contract import Columns, Header, LabelRow

BASE = ("item", "file", "class")
BLOCK = 2_000
"""Rows that are written at once."""


def guess(columns: Sequence[str]) -> Columns | None:
    """Tell by their names which columns hold the image and its class; None for unusual names.

    >>> guess(["Image ID", "species"])
    Columns(file='Image ID', label='species')
    """
    plain = {" ".join(c.casefold().replace("_", " ").split()): c for c in reversed(columns)}
    file, label = (
        next((plain[name] for name in usual if name in plain), None)
        for usual in (FILE_NAMES, CLASS_NAMES)
    )
    return Columns(file, label) if file is not None and label is not None else None


def values(header: Header, row: LabelRow) -> dict[str, Any]:
    """Write a row as a JSON object of all columns."""
    return {
        "item": row.item,
        "file": row.file,
        "class": header.classes[row.place],
        **header.all(row),
    }


def text_of(value: Any) -> str:
    """Write what a cell holds as a name: whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping) and isinstance(value.get("path"), str):
        return str(value["path"])  # an image as Hugging Face's data sets hold it
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
