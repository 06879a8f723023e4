"""Owns what the newest model says about every image, kept in this process's memory.

It is made from the embeddings and the head that a round leaves on disk, so that grids, neighbours
and the instant mode need no torch. N items by position, D embedding width, C classes,
M columns of the model, which may know other classes than those of today.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field

import numpy as np

from alcore import linear_head
from alcore.folding import Folding, columns_of, folding
from alcore.loop import embeddings as files
from alcore.loop import features as feature_files
from alcore.loop.round_files import head_of
from alcore.records import Project, RoundSummary
from alcore.store import Connection, Store, bulk, items, labels, projects, rounds

MOST_VALUES = 2**26
"""Probabilities that are kept: 256 MB, such as 500,000 images of 134 classes."""
_LOOKED_AT = 20_000
"""Images, evenly taken, from which the variance of features is told."""


@dataclass(frozen=True)
class HeadOutput:
    """One head and what it says of every image."""

    head: np.ndarray
    """(D + 1, M) float32, of the model's columns."""
    probabilities: np.ndarray
    """(N, C) float32, of the classes of today."""
    head_labels: int | None
    """Labels that the head was fitted to; None for the network's own."""

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """(N,) int64 positions of the likeliest classes."""
        return self.probabilities.argmax(axis=1)

    @classmethod
    def of(
        cls, embeddings: np.ndarray, head: np.ndarray, head_labels: int | None, today: Folding
    ) -> HeadOutput:
        probabilities = today.fold(linear_head.probabilities(embeddings, head))
        return cls(head, probabilities, head_labels)


@dataclass
class PoolPredictions:
    """A project's images as its newest model sees them. Hold `lock` while changing it."""

    round_id: int | None
    """None before there is a model: then the embeddings are features, and the head is empty."""
    number: int
    learnt_until: int
    """The newest event that the model knows."""
    item_ids: np.ndarray
    """(N,) int64 by position."""
    embeddings: np.ndarray
    """(N, D) float32, mapped from the disk."""
    spread: np.ndarray
    """(D,) variance of each feature."""
    prior: np.ndarray
    """(D + 1, M) the network's own head, with columns for classes that it has not seen."""
    today: Folding
    """Where its M columns stand among the classes of today."""
    class_change: int
    """The newest change of classes that it knows of."""
    output: HeadOutput
    open: np.ndarray
    """(N,) bool: in the pool and without an answer, as of the event `seen`."""
    seen: int
    split_at: float | None = None
    """When images had moved between holdout and pool the last time."""
    features_at: float | None = None
    """When the features were computed that stand in for a model."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _order: np.ndarray = field(init=False)
    _centre: tuple[np.ndarray, np.ndarray] | None = None

    def __post_init__(self) -> None:
        self._order = np.argsort(self.item_ids)

    def rows(self, item_ids: np.ndarray) -> np.ndarray:
        """Return the rows (n,) of items, -1 for those that came after the model."""
        if not len(self.item_ids):
            return np.full(len(item_ids), -1)
        place = np.searchsorted(self.item_ids, item_ids, sorter=self._order)
        nearest_rows = self._order[np.minimum(place, len(self._order) - 1)]
        return np.where(self.item_ids[nearest_rows] == item_ids, nearest_rows, -1)

    def row(self, item_id: int) -> int | None:
        """Return an item's row; None for one that came after the model."""
        row = int(self.rows(np.array([item_id]))[0])
        return None if row < 0 else row

    def follow(self, connection: Connection, project_id: int) -> bool:
        """Take note of what was said since `seen`; return whether there was anything."""
        changes, self.seen = bulk.changes(connection, project_id, self.seen)
        for change in changes:
            row = self.row(change.item_id)
            if row is not None:
                self.open[row] = change.in_pool and not change.answered
        return bool(changes)

    def nearest_among(
        self, item_id: int, candidates: np.ndarray, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids (m,) of the nearest of some rows, (N,) bool, and their cosines (m,).

        By the cosine of embeddings around their mean: without that all images look alike. m is
        n, or fewer where there are fewer; nearest first, the item itself left out.
        """
        row = self.row(item_id)
        if row is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        others = candidates.copy()
        others[row] = False
        return self.nearest_to(self.embeddings[row], others, n)

    def nearest_to(
        self, embedding: np.ndarray, candidates: np.ndarray, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids (m,) of some rows, (N,) bool, nearest to an embedding (D,); cosines (m,).

        As `nearest_among`, of an image that may be none of the project's.
        """
        mean, norms = self._centred()
        towards = embedding - mean
        likeness = (self.embeddings @ towards - mean @ towards) / norms
        likeness[~candidates] = -np.inf
        n = min(n, int(np.isfinite(likeness).sum()))
        best = np.argpartition(-likeness, max(0, n - 1))[:n] if n else np.zeros(0, np.int64)
        best = best[np.argsort(-likeness[best], kind="stable")]
        length = max(float(np.linalg.norm(towards)), 1e-6)
        return self.item_ids[best], likeness[best] / length

    def _centred(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean embedding (D,) and the distance (N,) of each from it."""
        if self._centre is None:
            mean = self.embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
            squares = np.einsum("nd,nd->n", self.embeddings, self.embeddings)
            squares += mean @ mean - 2 * (self.embeddings @ mean)
            self._centre = mean, np.sqrt(np.maximum(squares, 1e-12))
        return self._centre


class PredictionCache:
    """The predictions of one process: made when first asked for, renewed with each round."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._made: dict[int, PoolPredictions] = {}
        self._lock = threading.Lock()

    def probabilities_of(self, project_id: int, item_id: int) -> list[float] | None:
        """Return the probabilities of the classes for an item; None where nothing is known."""
        predictions = self.get(project_id)
        if predictions is None:
            return None
        row = int(predictions.rows(np.array([item_id]))[0])
        return None if row < 0 else np.round(predictions.output.probabilities[row], 4).tolist()

    def get(self, project_id: int) -> PoolPredictions | None:
        """Return the project's predictions, up to date with its newest model and answers.

        Before there is a model, features stand in for its embeddings. None where there are neither,
        or where there is more to keep than fits.
        """
        with self._lock, self.store.read() as connection:
            project = projects.get(connection, project_id)
            latest = rounds.latest(connection, project_id)
            predictions = self._made.get(project_id)
            if predictions is None or not self._is_newest(project, predictions, latest):
                predictions = (
                    self._make(connection, project, latest)
                    if latest is not None
                    else self._of_features(connection, project)
                )
                if predictions is None:
                    self._made.pop(project_id, None)
                    return None
                self._made[project_id] = predictions
            with predictions.lock:
                predictions.follow(connection, project_id)
                classes_added = predictions.today.classes < len(project.classes)
                turned_off = (  # before there is a model, nothing else can be asked
                    predictions.output.head_labels is not None
                    and predictions.round_id is not None
                    and not project.settings.instant
                )
                if classes_added:
                    more = np.arange(predictions.today.classes, len(project.classes))
                    places = np.append(predictions.today.places, more)
                    predictions.prior = linear_head.widened(predictions.prior, len(places))
                    predictions.today = Folding(places, len(project.classes))
                if classes_added or turned_off:
                    predictions.output = HeadOutput.of(
                        predictions.embeddings, predictions.prior, None, predictions.today
                    )
            return predictions

    def _is_newest(
        self, project: Project, predictions: PoolPredictions, latest: RoundSummary | None
    ) -> bool:
        if predictions.class_change != project.class_change:
            return False
        if predictions.split_at != project.split_at:  # what is open is told by the split of then
            return False
        if latest is not None:
            return predictions.round_id == latest.id
        features = feature_files.status(self.store.folder(project.id))
        at = None if features is None else features.created_at
        return predictions.round_id is None and predictions.features_at == at

    def why_none(self, project_id: int) -> str:
        """Say in a sentence why a project has no predictions."""
        with self.store.read() as connection:
            latest = rounds.latest(connection, project_id)
        if latest is None:
            return "There is no model yet. It comes after the first labels, by itself."
        if latest.checkpoint is None:
            return (
                f"The newest model is {latest.recipe.network}, which leaves no embeddings; let "
                "the network learn instead: on the Set-up page, under Advanced learner."
            )
        return (
            "The newest model has left no embeddings that can be used here; "
            "the next one brings them, unless there are too many images times classes."
        )

    def _make(
        self, connection: Connection, project: Project, latest: RoundSummary
    ) -> PoolPredictions | None:
        folder = self.store.folder(project.id)
        embeddings = files.mapped(folder, latest.number)
        head = head_of(folder, latest.number)
        if embeddings is None or head is None or len(embeddings) * head.shape[1] > MOST_VALUES:
            return None
        columns = columns_of(project, latest)
        head = linear_head.widened(head, len(columns))
        today = folding(project, columns)
        item_ids = items.ids(connection, project.id)[: len(embeddings)]
        seen = labels.last_event(connection, project.id)
        return PoolPredictions(
            round_id=latest.id,
            number=latest.number,
            learnt_until=rounds.last_event(connection, project.id),
            item_ids=item_ids,
            embeddings=embeddings[: len(item_ids)],
            spread=embeddings[:: 1 + len(embeddings) // _LOOKED_AT].var(axis=0),
            prior=head,
            today=today,
            class_change=project.class_change,
            split_at=project.split_at,
            output=HeadOutput.of(embeddings[: len(item_ids)], head, None, today),
            open=np.isin(item_ids, items.unlabeled(connection, project.id)),
            seen=seen,
        )

    def _of_features(self, connection: Connection, project: Project) -> PoolPredictions | None:
        """Return predictions that know nothing of the classes, for what features alone can tell."""
        item_ids = items.ids(connection, project.id)
        table = feature_files.current(self.store.folder(project.id), len(item_ids))
        classes = max(1, len(project.classes))
        if table is None or not len(item_ids) or len(item_ids) * classes > MOST_VALUES:
            return None
        width = table.points.shape[1]
        head = np.zeros((width + 1, classes), np.float32)
        today = Folding(np.arange(classes), classes)
        spread = table.points[:: 1 + len(item_ids) // _LOOKED_AT].var(axis=0).mean()
        return PoolPredictions(
            round_id=None,
            number=0,
            learnt_until=0,
            item_ids=item_ids,
            embeddings=table.points,
            # The same for all: directions in which images hardly differ tell hardly anything.
            spread=np.full(width, spread),
            prior=head,
            today=today,
            class_change=project.class_change,
            split_at=project.split_at,
            output=HeadOutput.of(table.points, head, None, today),
            open=np.isin(item_ids, items.unlabeled(connection, project.id)),
            seen=labels.last_event(connection, project.id),
            features_at=table.features.created_at,
        )
