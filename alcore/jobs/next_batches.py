"""Owns what a strategy would ask next, computed beside the web process for the map.

`python -m alcore.jobs.next_batches` reads a question per line and answers each with one, JSON both.
Only what the newest model has left on the disk is used: its embeddings and its head.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alcore import linear_head, strategies
from alcore.config import Workspace
from alcore.errors import TrainingImpossible
from alcore.folding import Folding, fold_of
from alcore.loop import embeddings
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.loop.round_files import head_of
from alcore.processes import NICENESS, answer_lines, become_worker
from alcore.store import Store, items, projects, rounds
from alcore.strategies import Context, Signals

MOST = 10_000
"""Candidates that a strategy looks through; of more, as many are drawn at random."""


def answer(store: Store, question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ids that a strategy picks, with its reasons. Raises TrainingImpossible."""
    project_id, name = int(question["project"]), str(question["strategy"])
    folder = store.folder(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        latest = rounds.latest(connection, project_id)
        ids = items.ids(connection, project_id)
        candidates = items.unlabeled(connection, project_id)
        labeled_ids, class_ids = items.labeled(connection, project_id)
    values = None if latest is None else embeddings.mapped(folder, latest.number)
    head = None if latest is None else head_of(folder, latest.number)
    if latest is None or values is None or head is None:
        raise TrainingImpossible("there is no model that left embeddings; train one first")
    place = {int(item_id): row for row, item_id in enumerate(ids[: len(values)])}
    generator = rng(project.settings, "map", name, latest.number)
    candidates = candidates[[int(i) in place for i in candidates]]
    candidates = np.sort(generator.permutation(candidates)[:MOST])
    seen = np.array([int(i) in place for i in labeled_ids], bool)
    rows = [place[int(i)] for i in candidates]
    of_labels = [place[int(i)] for i in labeled_ids[seen]]
    points = np.asarray(values[rows], np.float32)
    probabilities, logits = _scores(points @ head[:-1] + head[-1], fold_of(project, latest))
    classes = np.array([c.id for c in project.classes])
    count = min(int(question["count"]), len(candidates))
    selection = strategies.select(
        name,
        Signals(
            probabilities=probabilities,
            logits=logits,
            embeddings=points,
            labeled_embeddings=np.asarray(values[of_labels], np.float32),
            labeled_ids=labeled_ids[seen],
        ),
        candidates,
        count,
        generator,
        {},
        Context(
            tuple(c.name for c in project.classes),
            positions(class_ids[seen], classes),
            latest.number,
        ),
    )
    return {
        "items": selection.item_ids.tolist(),
        "reasons": list(selection.reasons),
        "model": latest.number,
    }


def _scores(logits: np.ndarray, today: Folding) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and logits (N, C) for the classes of today, from those of the model."""
    probabilities = today.fold(linear_head.softmax(logits.copy()))
    return probabilities, logits if today.is_same else np.log(probabilities + 1e-12)


def main() -> None:
    """Answer questions until there are no more."""
    become_worker(NICENESS)
    stores: dict[str, Store] = {}

    def answer_one(question: dict[str, Any]) -> dict[str, Any]:
        root = str(question["workspace"])
        if root not in stores:
            stores[root] = Store.open(Workspace(Path(root)))
        return answer(stores[root], question)

    answer_lines(answer_one)


if __name__ == "__main__":
    main()
