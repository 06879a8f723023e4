"""Owns how a project's holdout falls into slices by what is known of its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alcore.slices import divide
from alcore.store import Connection, metadata_values
from alcore.store.metadata_values import MetadataColumn


@dataclass(frozen=True)
class Division:
    """Which slice of a column each of M images belongs to."""

    column: str
    places: np.ndarray
    """(M,) int64."""
    names: tuple[str, ...]
    """Of the slices, by place."""


def divisions(
    connection: Connection,
    project_id: int,
    item_ids: np.ndarray,
    columns: Sequence[MetadataColumn],
) -> list[Division]:
    """Divide images (M,) by each of some columns."""
    ids = item_ids.tolist()
    known = metadata_values.of_items(connection, project_id, ids, columns)
    result = []
    for column in columns:
        values = [known.get(i, {}).get(column.id) for i in ids]
        places, names = divide(column.kind, values)
        result.append(Division(column.name, places, tuple(names)))
    return result
