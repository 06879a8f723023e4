"""Owns the rows of selections: items that somebody has picked out on the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, delete, insert, select

from alcore.store.functions import numbers_in
from alcore.store.tables import selection

KEPT = 20
"""Selections of each person in a project; older ones go."""


def add(
    connection: Connection, project_id: int, annotator_id: int, item_ids: Sequence[int], now: float
) -> int:
    """Keep a selection; return its id."""
    new = connection.execute(
        insert(selection)
        .values(
            project_id=project_id,
            annotator_id=annotator_id,
            item_ids=[int(i) for i in item_ids],
            size=len(item_ids),
            created_at=now,
        )
        .returning(selection.c.id)
    ).scalar_one()
    of_person = (selection.c.project_id == project_id) & (selection.c.annotator_id == annotator_id)
    kept = select(selection.c.id).where(of_person).order_by(selection.c.id.desc()).limit(KEPT)
    connection.execute(delete(selection).where(of_person, selection.c.id.not_in(kept)))
    return new


def items(project_id: int, selection_id: int) -> Select[Any]:
    """Select the item ids of a selection of this project; none where it is gone."""
    which = (selection.c.id == selection_id, selection.c.project_id == project_id)
    return numbers_in(selection.c.item_ids, *which)


def ids(connection: Connection, project_id: int, selection_id: int) -> np.ndarray:
    """Read the item ids of a selection, (n,) int64, in their order; none where it is gone."""
    row = connection.execute(
        select(selection.c.item_ids).where(
            selection.c.id == selection_id, selection.c.project_id == project_id
        )
    ).scalar_one_or_none()
    return np.array(row or [], np.int64)
