"""Owns what the dashboard asks about slices: accuracy by what is known of images."""

from __future__ import annotations

import numpy as np

from alcore.errors import UnknownItem
from alcore.folding import fold_of
from alcore.loop.round_files import round_arrays
from alcore.loop.slicing import divisions
from alcore.records import Slicing
from alcore.services import metadata
from alcore.slices import accuracy_by
from alcore.store import Store, projects, rounds


def columns(store: Store, project_id: int, by: int | None = None) -> list[str]:
    """Name the columns by which somebody may divide the holdout."""
    with store.read() as connection:
        return [column.name for column in metadata.visible(connection, project_id, by)]


def of_column(
    store: Store, project_id: int, number: int, column: str, by: int | None = None
) -> Slicing:
    """Measure a model on each slice of the holdout that it was measured on.

    Raises UnknownItem where it left no predictions or there is no such column.
    """
    path = round_arrays(store.folder(project_id), number)
    if not path.is_file():
        raise UnknownItem(f"model {number} has no predictions on disk ({path.name} is missing)")
    with np.load(path, allow_pickle=False) as arrays:
        ids, true = arrays["holdout_ids"], arrays["holdout_true"].astype(np.int64)
        predicted = arrays["holdout_predicted"].astype(np.int64)
    with store.read() as connection:
        summary = rounds.numbered(connection, project_id, number)
        fold = fold_of(projects.get(connection, project_id), summary)
        mine = [c for c in metadata.visible(connection, project_id, by) if c.name == column]
        if not mine:
            raise UnknownItem(f"there is no column {column!r} of metadata; reload")
        true, predicted = fold.places[true], fold.places[predicted]
        there = true >= 0  # of some the class was deleted since
        (one,) = divisions(connection, project_id, ids[there], mine)
    return accuracy_by(column, one.places, one.names, true[there] == predicted[there])
