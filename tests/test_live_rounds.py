"""A live round from labels to the next queue, on real digits and with every strategy."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

import numpy as np
import pytest

from alcore import strategies
from alcore.config import ProjectSettings, RetrainRule, TeamRule
from alcore.records import NewEvent
from alcore.services import board_status, labeling, people, projects, team, training
from alcore.store import Store, gold, items, labels, queue

CLASSES = [str(n) for n in range(10)]
SETTINGS = ProjectSettings(resolution=8, baseline=False, retrain=RetrainRule(automatic=False))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    from alcore.config import Workspace

    return Store.open(Workspace(tmp_path_factory.mktemp("live") / "workspace"))


def answer(store: Store, project_id: int, n: int, truth: dict[int, int]) -> None:
    """Answer n questions of the queue."""
    me = people.annotator(store, "ana").id
    names = projects.get(store, project_id).classes
    for turn in range(n):
        (lease,) = labeling.claim(store, project_id, me, "tab", 1).leases
        labeling.answer(
            store,
            NewEvent(
                project_id=project_id,
                annotator_id=me,
                key=uuid.uuid4().hex,
                token=lease.token,
                item_id=lease.item_id,
                kind="label",
                class_id=truth.get(lease.item_id, names[turn % len(names)].id),
                seconds=1.0,
                created_at=time.time(),
            ),
        )


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
    shown = board_status.why(store, made, None, asked[0]["item_id"])
    assert len(shown["suggestion"]) == 5
    assert shown["origin"] == "random"


def test_a_training_learns_what_gold_and_dawid_and_skene_make_of_three_peoples_answers(
    store: Store,
) -> None:
    """Two of three people take every digit for the next one; gold knows them."""
    rule = TeamRule(overlap_share=1.0, answers=3, consensus="Dawid-Skene", gold_every=2)
    settings = replace(SETTINGS, team=rule)
    made = projects.create(store, "quarrel", {"kind": "digits"}, "answer key", settings)
    projects.import_now(store, made, 1)
    me = people.annotator(store, "owner").id
    people.set_role(store, made, me, me, "owner")
    assert team.draw_gold(store, made, me, 30) == 30
    with store.read() as connection:
        known = [items.answer_key(connection, made), items.holdout(connection, made)]
        asked_of_all = set(gold.ids(connection, made))
    truth = {
        i: c for ids, classes in known for i, c in zip(ids.tolist(), classes.tolist(), strict=True)
    }
    positions = [c.id for c in projects.get(store, made).classes]
    following = dict(zip(positions, positions[1:] + positions[:1], strict=True))
    for name, wrong in (("right", False), ("wrong", True), ("wrong too", True)):
        who = people.annotator(store, name).id
        for lease in (
            lease for _ in range(3) for lease in labeling.claim(store, made, who, name, 20).leases
        ):
            said = truth[lease.item_id]
            labeling.answer(
                store,
                NewEvent(
                    project_id=made,
                    annotator_id=who,
                    key=uuid.uuid4().hex,
                    token=lease.token,
                    item_id=lease.item_id,
                    kind="label",
                    class_id=following[said] if wrong else said,
                    seconds=1.0,
                    created_at=time.time(),
                ),
            )
    with store.read() as connection:
        majority = dict(zip(*(a.tolist() for a in items.labeled(connection, made)), strict=True))
    assert sum(truth[i] == c for i, c in majority.items()) < len(majority) / 2

    summary = training.train_now(store, made, 1)
    with store.read() as connection:
        counted = dict(zip(*(a.tolist() for a in items.labeled(connection, made)), strict=True))
        suggested = [gold.suggestion(connection, i) for i in asked_of_all]
    assert counted.keys() == majority.keys() and not asked_of_all & counted.keys()
    right = sum(truth[i] == c for i, c in counted.items())
    print(f"{right} of {len(counted)} as they truly are")
    assert right > 0.8 * len(counted)
    assert summary.labels == len(counted) and summary.evaluation.accuracy is not None
    assert all(len(shares) == 10 for shares in suggested)
    gold_right = {q.name: (q.gold_right, q.gold_answers) for q in team.quality(store, made, me)}
    assert gold_right == {"right": (30, 30), "wrong": (0, 30), "wrong too": (0, 30)}


@pytest.fixture(scope="module")
def digits(store: Store) -> int:
    """A project of digits with twenty true labels."""
    made = projects.create(store, "digits", {"kind": "digits"}, "answer key", SETTINGS)
    projects.import_now(store, made, 1)
    with store.read() as connection:
        ids, classes = items.answer_key(connection, made)
    answer(store, made, 20, dict(zip(ids.tolist(), classes.tolist(), strict=True)))
    return made


def test_labels_that_are_wrong_are_asked_again_and_can_be_mended(store: Store) -> None:
    settings = replace(SETTINGS, strategy="label or relabel")
    made = projects.create(store, "flipped", {"kind": "digits"}, "answer key", settings)
    projects.import_now(store, made, 1)
    with store.read() as connection:
        ids, classes = items.answer_key(connection, made)
    true = dict(zip(ids.tolist(), classes.tolist(), strict=True))
    following = dict(zip(np.unique(classes).tolist(), np.roll(np.unique(classes), 1), strict=True))
    wrong = set(ids[::10].tolist())
    said = {i: int(following[c]) if i in wrong else c for i, c in true.items()}
    answer(store, made, 120, said)
    training.train_now(store, made, 1)
    with store.read() as connection:
        before = dict(zip(*(a.tolist() for a in items.labeled(connection, made)), strict=True))
        rows = [queue.entry(connection, made, i) for i in queue.queued(connection, made)]
    flipped = wrong & set(before)
    again = [row for row in sorted(rows, key=lambda r: r["rank"]) if row["origin"] == "relabel"]
    first = {row["item_id"] for row in again[: len(flipped)]}
    chance = len(flipped) ** 2 / len(before)
    print(
        f"{len(first & flipped)} of {len(flipped)} flipped among the first; {chance:.1f} by chance"
    )
    assert len(first & flipped) >= 2 * chance + 1

    me = people.annotator(store, "ben").id
    while True:
        (lease,) = labeling.claim(store, made, me, "tab", 1).leases
        if lease.origin == "relabel":
            break
    assert board_status.why(store, made, None, lease.item_id)["reason"].startswith("labeled ")
    mended = next(c for c in true.values() if c != before[lease.item_id])
    key = uuid.uuid4().hex
    labeling.answer(
        store,
        NewEvent(
            project_id=made,
            annotator_id=me,
            key=key,
            token=lease.token,
            item_id=lease.item_id,
            kind="label",
            class_id=mended,
            seconds=1.0,
            created_at=time.time(),
        ),
    )
    with store.read() as connection:
        after = dict(zip(*(a.tolist() for a in items.labeled(connection, made)), strict=True))
        votes = labels.votes(connection, made, np.array([lease.item_id]))
    assert after == before | {lease.item_id: mended}
    assert sorted(votes[votes >= 0].tolist()) == sorted([before[lease.item_id], mended])


@pytest.mark.parametrize("name", [strategy.name for strategy in strategies.registered()])
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
    asked_again = {row["item_id"] for row in rows if row["origin"] == "relabel"}
    assert queued - asked_again <= unlabeled and not asked_again & unlabeled
    assert strategies.get(name).asks_again or not asked_again
    assert all(row["reason"] for row in rows)
    (image, *_) = labeling.claim(store, digits, people.annotator(store, "b").id, name, 1).leases
    told = board_status.why(store, digits, None, image.item_id)
    assert told["reason"]
    labeling.release(store, name, [image.token])
    print(f"{name}: " + ", ".join(f"{k} {v:.2f} s" for k, v in summary.seconds.items()))
