"""Owns the instant mode: after every answer the queue follows, long before the next model.

A linear head on the newest model's embeddings is fitted to all labels, every image is scored
again, and the queue is swapped at once, in a thread of the web process. Labels that come while
that goes on share the next turn. The full network is retrained behind it by the usual rule.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from alcore import linear_head, strategies
from alcore.errors import AlcoreError
from alcore.jobs.queueing import queue_size, selection_rows, swap_queue
from alcore.jobs.randomness import rng
from alcore.records import Project, Selection
from alcore.services.outlook import Opinion, Outlook, Outlooks
from alcore.store import Connection, Store, items, lots, projects
from alcore.strategies import Context, Signals

SPEEDY = 0.3
"""Seconds that a project's strategy may take."""
STAND_IN = "margin"
"""Ranks instead of a slower strategy, and of one that needs more than probabilities."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ranked:
    """What `selection_rows` reads of a round."""

    selection: Selection
    suggestions: np.ndarray


class Instant:
    """The thread that follows the answers of all projects of one process."""

    def __init__(self, store: Store, outlooks: Outlooks) -> None:
        self.store, self.outlooks = store, outlooks
        self._waiting: set[int] = set()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._fitted: dict[int, tuple[int, int]] = {}
        """By project: the round and the event that the last turn knew."""
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
                log.warning("the queue of project %s did not follow: %s", project_id, error)

    def refresh(self, project_id: int) -> bool:
        """Fit, score and swap the queue if there are labels that the last turn did not know.

        Returns whether it did. A strategy that asks again about labels keeps its own queue.
        """
        with self.store.read() as connection:
            project = projects.get(connection, project_id)
        asks_again = strategies.get(project.settings.strategy).asks_again
        if not project.settings.instant or project.archived_at is not None or asks_again:
            return False
        outlook = self.outlooks.get(project_id)
        if outlook is None:
            return False
        turn = (outlook.round_id, outlook.seen)
        last = self._fitted.get(project_id, (0, 0))
        if last == turn or (last[0] != turn[0] and outlook.seen <= outlook.learnt_until):
            return False
        with self.store.read() as connection:
            known = lots.known_labels(connection, project_id, outlook.learnt_until)
        with self._products.limit(limits=1, user_api="blas"):
            opinion, labels = fit(outlook, project, *known)
            ranked = rank(outlook, opinion, project, labels)
        with self.store.write() as connection:
            swapped = _swap(connection, project, outlook, opinion, ranked)
        if swapped:
            outlook.opinion = opinion
            self._fitted[project_id] = turn
        return swapped


def fit(
    outlook: Outlook,
    project: Project,
    item_ids: np.ndarray,
    class_ids: np.ndarray,
    learnt: np.ndarray,
) -> tuple[Opinion, np.ndarray]:
    """Fit the head to labels (L,) and ask it about every image; return also class positions.

    learnt (L,) bool: labels that the network was trained on. Their targets are what it says
    itself, so that only what is new moves the head.
    """
    position = {c.id: c.position for c in project.classes}
    rows = outlook.rows(item_ids)
    there = rows >= 0
    rows, learnt = rows[there], learnt[there]
    labels = np.array([position[int(c)] for c in class_ids[there]], np.int64)
    embeddings = outlook.embeddings[rows]
    targets = linear_head.probabilities(embeddings, outlook.prior)
    new = np.flatnonzero(~learnt)
    targets[new] = 0
    targets[new, labels[new]] = 1
    start = outlook.opinion.head
    if start.shape != outlook.prior.shape:
        start = outlook.prior
    head = linear_head.refit(embeddings, targets, outlook.prior, start, outlook.spread)
    return Opinion.of(outlook.embeddings, head, len(labels)), labels


def follows(strategy: str, options: Mapping[str, Any]) -> bool:
    """Tell whether a strategy can rank by the head alone; the stand-in does where it cannot."""
    return strategies.needed(strategy, options) <= {"probabilities"}


def rank(outlook: Outlook, opinion: Opinion, project: Project, labels: np.ndarray) -> Ranked:
    """Choose what to ask next, by the project's strategy where it is quick, else by margin."""
    rows = np.flatnonzero(outlook.open)
    settings = project.settings
    count = min(queue_size(settings.batch_size), len(rows))
    name, options = settings.strategy, settings.strategy_options
    cost = strategies.get(name).cost(len(rows), len(labels), len(project.classes), count)
    if not follows(name, options) or cost > SPEEDY:
        name, options = STAND_IN, {}
    selection = strategies.select(
        name,
        Signals(probabilities=opinion.probabilities[rows]),
        outlook.item_ids[rows],
        count,
        rng(settings, "instant", outlook.number, outlook.seen),
        options,
        Context(tuple(c.name for c in project.classes), labels, outlook.number),
        settings.batch_size,
    )
    chosen = outlook.rows(selection.item_ids)
    return Ranked(selection, opinion.probabilities[chosen])


def _swap(
    connection: Connection, project: Project, outlook: Outlook, opinion: Opinion, ranked: Ranked
) -> bool:
    """Put the new queue in place, unless a newer model has ranked meanwhile."""
    _, ranked_by = projects.ranking(connection, project.id)
    if ranked_by != outlook.round_id:
        return False
    questions = items.unanswered_holdout(connection, project.id)
    rows = outlook.rows(questions)
    said = {
        int(item_id): [round(float(p), 4) for p in opinion.probabilities[row]]
        for item_id, row in zip(questions, rows, strict=True)
        if row >= 0
    }
    swap_queue(
        connection,
        project,
        selection_rows(ranked),
        outlook.round_id,
        2**32 * outlook.number + outlook.seen,
        said,
        opinion.instant,
    )
    return True
