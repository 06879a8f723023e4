"""A live round from labels to the next queue, on real digits and with every strategy."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

import pytest

from alcore import strategies
from alcore.config import ProjectSettings, RetrainRule
from alcore.services import labeling, projects, training
from alcore.store import Store, items, queue

CLASSES = [str(n) for n in range(10)]
SETTINGS = ProjectSettings(resolution=8, baseline=False, retrain=RetrainRule(automatic=False))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    from alcore.config import Workspace

    return Store.open(Workspace(tmp_path_factory.mktemp("live") / "workspace"))


def answer(store: Store, project_id: int, n: int, truth: dict[int, int]) -> None:
    """Answer n questions of the queue."""
    me = labeling.annotator(store, "ana").id
    names = projects.get(store, project_id).classes
    for turn in range(n):
        (lease,) = labeling.claim(store, project_id, me, "tab", 1).leases
        labeling.answer(
            store, project_id, me, key=uuid.uuid4().hex, client="tab", token=lease.token,
            item_id=lease.item_id, kind="label",
            class_id=truth.get(lease.item_id, names[turn % len(names)].id),
            seconds=1.0, client_time=time.time(), suggestion_shown=False,
        )  # fmt: skip


def test_a_suggestion_does_not_give_a_holdout_question_away(store: Store) -> None:
    made = projects.create(store, "unmarked", {"kind": "digits"}, "none", SETTINGS, CLASSES)
    projects.import_now(store, made, 1)
    answer(store, made, 30, {})
    training.train_now(store, made, 1)
    with store.read() as connection:
        questions = set(items.unanswered_holdout(connection, made).tolist())
        rows = [queue.entry(connection, made, i) for i in queue.queued(connection, made)]
    asked = [row for row in rows if row["item_id"] in questions]
    assert asked, "some questions of the new queue go to the holdout"
    for row in rows:
        assert len(row["suggestion"]) == 10
        assert sum(row["suggestion"]) == pytest.approx(1, abs=0.01)
    shown = labeling.why(store, made, asked[0]["item_id"])
    assert len(shown["suggestion"]) == 5
    assert shown["origin"] == "random"


@pytest.fixture(scope="module")
def digits(store: Store) -> int:
    """A project of digits with twenty true labels."""
    made = projects.create(store, "digits", {"kind": "digits"}, "answer key", SETTINGS)
    projects.import_now(store, made, 1)
    with store.read() as connection:
        ids, classes = items.answer_key(connection, made)
    answer(store, made, 20, dict(zip(ids.tolist(), classes.tolist(), strict=True)))
    return made


@pytest.mark.parametrize("name", [strategy.name for strategy in strategies.all()])
def test_every_strategy_fills_the_queue_of_a_live_project(
    store: Store, digits: int, name: str
) -> None:
    before = projects.get(store, digits)
    projects.edit(store, before, replace(before.settings, strategy=name, strategy_options={}))
    summary = training.train_now(store, digits, 1)
    assert summary.strategy == name
    with store.read() as connection:
        unlabeled = set(items.unlabeled(connection, digits).tolist())
        queued = queue.queued(connection, digits)
        rows = [queue.entry(connection, digits, item) for item in queued]
    assert len(queued) == 200
    assert queued <= unlabeled
    assert all(row["reason"] for row in rows)
    (image, *_) = labeling.claim(store, digits, labeling.annotator(store, "b").id, name, 1).leases
    told = labeling.why(store, digits, image.item_id)
    assert told["reason"]
    labeling.release(store, name, [image.token])
    print(f"{name}: " + ", ".join(f"{k} {v:.2f} s" for k, v in summary.seconds.items()))
