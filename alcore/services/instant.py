"""Owns the instant mode: after every answer the queue follows, long before the next model.

A linear head on the newest model's embeddings is fitted to all labels, every image is scored
again, and the queue is swapped at once, in a thread of the web process. Labels that come while
that goes on share the next turn. The full network is retrained behind it by the usual rule. Before
there is a model the head is fitted to features, from the second class on; without the instant mode
too, once the first model is due, so that nobody labels on blindly while it is trained.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from threadpoolctl import ThreadpoolController

from alcore import linear_head, strategies
from alcore.errors import AlcoreError
from alcore.loop.due import next_due
from alcore.loop.queueing import queue_size, selection_rows, swap_queue
from alcore.loop.randomness import rng
from alcore.records import Project, Selection
from alcore.services.pool_predictions import HeadOutput, PoolPredictions, PredictionCache
from alcore.store import Connection, Store, bulk, items, jobs, projects, rounds
from alcore.strategies import Context, Signals

SPEEDY = 0.3
"""Seconds that a project's strategy may take."""
STAND_IN = "margin"
"""Ranks instead of a slower strategy, and of one that needs more than probabilities."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Ranked:
    """What to ask next, with what the head says of it, (k, C)."""

    selection: Selection
    suggestions: np.ndarray


class Instant:
    """The thread that follows the answers of all projects of one process."""

    def __init__(self, store: Store, prediction_cache: PredictionCache) -> None:
        self.store, self.prediction_cache = store, prediction_cache
        self._waiting: set[int] = set()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._fitted: dict[int, tuple[int | None, int, int]] = {}
        """By project: the round, the event and the change of classes that the last turn knew."""
        # On cores that a training keeps busy, a matrix product by two threads took four times
        # as long as by one: each waits for the other to get its turn.
        self._products = ThreadpoolController()

    def notify(self, project_id: int) -> None:
        """Say that something may have changed; returns at once."""
        with self._wake:
            self._waiting.add(project_id)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="instant", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting:
                    self._wake.wait()
                project_id = self._waiting.pop()
            try:
                self.refresh(project_id)
            except AlcoreError as error:
                log.warning("queue did not follow", project=project_id, error=type(error).__name__)

    def refresh(self, project_id: int) -> bool:
        """Fit, score and swap the queue if there are labels that the last turn did not know.

        Returns whether it did. A strategy that asks again about labels keeps its own queue.
        """
        with self.store.read() as connection:
            project = projects.get(connection, project_id)
            asks_again = strategies.get(project.settings.strategy).asks_again
            if project.archived_at is not None or asks_again or not followed(connection, project):
                return False
        predictions = self.prediction_cache.get(project_id)
        if predictions is None:
            return False
        turn = (predictions.round_id, predictions.seen, predictions.class_change)
        last = self._fitted.get(project_id, (0, 0, turn[2]))
        nothing_new = last[0] != turn[0] and predictions.seen <= predictions.learnt_until
        if last == turn or (nothing_new and last[2] == turn[2]):
            return False
        with self.store.read() as connection:
            training_labels = bulk.known_labels(connection, project_id, predictions.learnt_until)
        if predictions.round_id is None and len(np.unique(training_labels[1])) < 2:
            return False  # features know no classes: labels of two must say what there is to tell
        with self._products.limit(limits=1, user_api="blas"):
            output, labels = fit(predictions, project, *training_labels)
            ranked = rank(predictions, output, project, labels)
        with self.store.write() as connection:
            in_place = _swap(connection, project, predictions, output, ranked)
        if in_place:
            predictions.output = output
            self._fitted[project_id] = turn
        return in_place


def followed(connection: Connection, project: Project) -> bool:
    """Tell whether a head follows the answers: in instant mode, and for want of the first model.

    That one takes long where a network learns too. What it will be made of is known by then.
    """
    if project.settings.instant:
        return True
    learner = project.settings.learner
    waits = learner.uses_extractor and rounds.latest(connection, project.id) is None
    if not waits or not project.settings.retrain.automatic:
        return False
    return jobs.trained_until(connection, project.id) > 0 or next_due(connection, project).due


def fit(
    predictions: PoolPredictions,
    project: Project,
    item_ids: np.ndarray,
    class_ids: np.ndarray,
    learnt: np.ndarray,
) -> tuple[HeadOutput, np.ndarray]:
    """Fit the head to labels (L,) and ask it about every image; return also class positions.

    learnt (L,) bool: labels that the network was trained on. Their targets are what it says
    itself, so that only what is new moves the head.
    """
    position = {c.id: c.position for c in project.classes}
    rows = predictions.rows(item_ids)
    in_cache = rows >= 0
    rows, learnt = rows[in_cache], learnt[in_cache]
    labels = np.array([position[int(c)] for c in class_ids[in_cache]], np.int64)
    embeddings = predictions.embeddings[rows]
    targets = linear_head.probabilities(embeddings, predictions.prior)
    new = np.flatnonzero(~learnt)
    targets[new] = predictions.today.spread(labels[new], targets[new])
    start = predictions.output.head
    if start.shape != predictions.prior.shape:
        start = predictions.prior
    head = linear_head.refit(embeddings, targets, predictions.prior, start, predictions.spread)
    return HeadOutput.of(predictions.embeddings, head, len(labels), predictions.today), labels


def follows(strategy: str, options: Mapping[str, Any]) -> bool:
    """Tell whether a strategy can rank by the head alone; the stand-in does where it cannot."""
    return strategies.needed(strategy, options) <= {"probabilities"}


def rank(
    predictions: PoolPredictions, output: HeadOutput, project: Project, labels: np.ndarray
) -> Ranked:
    """Choose what to ask next, by the project's strategy where it is quick, else by margin."""
    rows = np.flatnonzero(predictions.open)
    settings = project.settings
    count = min(queue_size(settings.batch_size), len(rows))
    name, options = settings.strategy, settings.strategy_options
    cost = strategies.get(name).cost(len(rows), len(labels), len(project.classes), count)
    if not follows(name, options) or cost > SPEEDY:
        name, options = STAND_IN, {}
    selection = strategies.select(
        name,
        Signals(probabilities=output.probabilities[rows]),
        predictions.item_ids[rows],
        count,
        rng(settings, "instant", predictions.number, predictions.seen),
        options,
        Context(tuple(c.name for c in project.classes), labels, predictions.number),
        settings.batch_size,
    )
    rows_ranked = predictions.rows(selection.item_ids)
    return Ranked(selection, output.probabilities[rows_ranked])


def _swap(
    connection: Connection,
    project: Project,
    predictions: PoolPredictions,
    output: HeadOutput,
    ranked: Ranked,
) -> bool:
    """Put the new queue in place, unless a newer model has ranked meanwhile."""
    _, ranked_by = projects.ranking(connection, project.id)
    if ranked_by != predictions.round_id:
        return False
    questions = items.unanswered_holdout(connection, project.id)
    rows = predictions.rows(questions)
    probabilities = {
        int(item_id): [round(float(p), 4) for p in output.probabilities[row]]
        for item_id, row in zip(questions, rows, strict=True)
        if row >= 0
    }
    rows_ranked = selection_rows(ranked.selection, ranked.suggestions)
    # Groups may have moved to the holdout since the predictions were read.
    in_pool = items.in_pool(connection, [int(row["item_id"]) for row in rows_ranked])
    swap_queue(
        connection,
        project,
        [row for row in rows_ranked if row["item_id"] in in_pool],
        predictions.round_id,
        2**32 * predictions.number + predictions.seen,
        probabilities,
        output.head_labels,
    )
    return True
