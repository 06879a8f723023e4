"""Owns the order in which somebody's predictions are reviewed.

First those that contradict a label, then those that the newest model contradicts, the surest of
its word first, then the others that nobody has checked. N items, C classes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alcore.records import Project
from alcore.services import review, rights
from alcore.services.pool_predictions import PoolPredictions, PredictionCache
from alcore.services.review import MOST, Filter, Page, Reviewed
from alcore.store import projects
from alcore.store import review as rows_of

VIEW = "predictions"


def page(
    cached: PredictionCache, project_id: int, annotator_id: int, wanted: Filter, offset: int, n: int
) -> Page:
    """Read up to n predictions to look at from `offset` on, with what the model says of them.

    The class is the one that was predicted, and the model disagrees with that. Without a model,
    or sorted by a column, they stand as `review.page` has them.
    """
    predictions = cached.get(project_id)
    if predictions is not None and predictions.round_id is None:
        predictions = None
    with cached.store.read() as connection:
        project = projects.get(connection, project_id)
        sees_names = rights.sees_names(connection, project_id, annotator_id)
        wanted = review.allowed(connection, project_id, annotator_id, wanted)
        all_of_them = replace(wanted, class_id=None, disagrees=False)
        table = rows_of.predicted(connection, project_id, annotator_id, all_of_them)
        said = _Said(project, predictions, table[:, 0])
        differs = said.differs_from(table[:, 1])
        keep = np.ones(len(table), bool)
        if wanted.class_id is not None:
            keep &= table[:, 1] == wanted.class_id
        if wanted.disagrees:
            keep &= differs
        if wanted.sort is None:
            order = np.lexsort((-said.p, ~differs, table[:, 2] == 0))
        else:
            order = np.arange(len(table))
        order = order[keep[order]]
        some = order[offset : offset + min(n, MOST)]
        rows = rows_of.rows(connection, table[some, 0].tolist())
    shown = [said.beside(row, place) for row, place in zip(rows, some.tolist(), strict=True)]
    return Page(tuple(review.named(row, sees_names) for row in shown), len(order))


class _Said:
    """What the newest model says of items (N,)."""

    def __init__(
        self, project: Project, predictions: PoolPredictions | None, item_ids: np.ndarray
    ) -> None:
        self.classes = np.zeros(len(item_ids), np.int64)
        """(N,) ids of the likeliest classes; 0 where the model knows nothing of the item."""
        self.p = np.zeros(len(item_ids), np.float32)
        """(N,) their probabilities."""
        if predictions is None or not len(item_ids):
            return
        rows = predictions.rows(item_ids)
        probabilities = predictions.output.probabilities[rows]
        ids = np.array([c.id for c in project.classes], np.int64)
        known = rows >= 0
        self.classes[known] = ids[probabilities.argmax(axis=1)][known]
        self.p[known] = probabilities.max(axis=1)[known]

    def differs_from(self, class_ids: np.ndarray) -> np.ndarray:
        """Tell where the model names another class, (N,) bool."""
        return (self.classes > 0) & (self.classes != class_ids)

    def beside(self, row: Reviewed, place: int) -> Reviewed:
        """Add it to a row without a label; of a label others, who have not seen it, are asked."""
        if row.event_id is not None or not self.classes[place]:
            return row
        return replace(
            row, model_class=int(self.classes[place]), model_p=round(float(self.p[place]), 4)
        )
