"""Owns a made-up history of a project: labels, rounds with predictions, simulated random ones."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import select, update

from alcore import metrics
from alcore.loop.round_files import round_arrays
from alcore.records import BaselinePoint, Learner, NewEvent, RoundSummary, StopSignals
from alcore.store import Store, items, labels, projects, rounds
from alcore.store.tables import round_

USUAL = Learner()


def give_labels(
    store: Store,
    project_id: int,
    n: int,
    *,
    annotator: str = "Ana",
    at: float = 1_000_000.0,
    seconds: float = 2.0,
) -> None:
    """Label n pool items, class after class, one every `seconds`."""
    with store.write() as connection:
        who = labels.annotator_named(connection, annotator, at)
        classes = projects.classes(connection, project_id)
        for i, item_id in enumerate(items.unlabeled(connection, project_id)[:n]):
            labels.append(
                connection,
                NewEvent(
                    project_id=project_id,
                    item_id=int(item_id),
                    annotator_id=who.id,
                    kind="label",
                    class_id=classes[i % len(classes)].id,
                    key=uuid.uuid4().hex,
                    origin="query",
                    created_at=at + i * seconds,
                    seconds=seconds,
                ),
            )


def add_round(
    store: Store,
    project_id: int,
    accuracy: float,
    *,
    holdout_ids: Sequence[int],
    random: Sequence[float] = (),
    kappa: float = 0.9,
    files: bool = True,
    learner: Learner = USUAL,
) -> RoundSummary:
    """Publish a round on the labels of the moment; the first holdout items are the wrong ones.

    Item i of the holdout has true class i modulo C; a wrong answer is the next class. `random`:
    accuracies of as many simulated trainings.
    """
    with store.read() as connection:
        number = rounds.next_number(connection, project_id)
        classes = projects.classes(connection, project_id)
        event = labels.last_event(connection, project_id)
        counts = labels.per_class(connection, project_id)
        minutes = labels.human_seconds(connection, project_id, event) / 60
    true = np.arange(len(holdout_ids)) % len(classes)
    probabilities = _probabilities(true, len(classes), accuracy)
    total = sum(counts.values())
    summary = RoundSummary(
        id=0,
        project_id=project_id,
        number=number,
        created_at=1_000_000.0 + number,
        labels=total,
        label_minutes=minutes,
        strategy="margin",
        strategy_options={},
        mode="fresh",
        evaluation=metrics.evaluate(probabilities, true, len(classes)),
        stop=StopSignals(kappa, 0.1, 0.5),
        uncertainty=(3, 1) + (0,) * 18,
        labels_per_class=tuple(counts.get(c.id, 0) for c in classes),
        batch_per_class=(1,) * len(classes),
        seconds={"train": 1.25, "evaluate": 0.1, "score": 0.2, "select": 0.05},
        seed=0,
        checkpoint=f"rounds/{number:04d}.safetensors",
        learner=learner,
        class_ids=tuple(c.id for c in classes),
    )
    if files:
        path = round_arrays(store.workspace.project(project_id), number)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            holdout_ids=np.array(holdout_ids, dtype=np.int64),
            holdout_true=true,
            holdout_predicted=probabilities.argmax(axis=1),
            holdout_confidence=probabilities.max(axis=1),
        )
    with store.write() as connection:
        rounds.add(connection, summary, event)
        for trial, value in enumerate(random):
            simulated = metrics.evaluate(
                _probabilities(true, len(classes), value), true, len(classes)
            )
            point = BaselinePoint(learner, trial, total, simulated)
            rounds.add_baseline(connection, project_id, point, 1.0, 1.0)
    return summary


def _probabilities(true: np.ndarray, n_classes: int, accuracy: float) -> np.ndarray:
    wrong = round((1 - accuracy) * len(true))
    predicted = np.where(np.arange(len(true)) < wrong, (true + 1) % n_classes, true)
    confidence = np.linspace(0.6, 0.9, len(true))
    others = (1 - confidence) / (n_classes - 1)
    probabilities = np.repeat(others[:, None], n_classes, axis=1)
    probabilities[np.arange(len(true)), predicted] = confidence
    return probabilities


def change_rounds(store: Store, value: Any, *keys: str) -> None:
    """Change what is recorded of all rounds, at the place that the keys name."""
    with store.write() as connection:
        for number, summary in connection.execute(select(round_.c.id, round_.c.summary)).all():
            place = summary
            for key in keys[:-1]:
                place = place[key]
            place[keys[-1]] = value
            connection.execute(update(round_).where(round_.c.id == number).values(summary=summary))
