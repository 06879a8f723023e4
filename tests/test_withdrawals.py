"""Owns the proof that a model never keeps a label that was taken back without a word."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from made import Tab, project
from sqlalchemy import text
from test_grid import GridTab
from test_several_people import shared
from trained import add_round

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.loop.due import SECOND_THOUGHTS
from alcore.records import NewEvent, NewUndo
from alcore.services import dashboard, review
from alcore.store import Store, jobs, labels, withdrawals

SETTINGS = ProjectSettings(retrain=RetrainRule(new_labels=10, minimum=6))


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def tab(store: Store) -> GridTab:
    return GridTab(store, project(store, 60, settings=SETTINGS))


def learn(store: Store, project_id: int) -> None:
    """Do what a training does, but for the model."""
    now = time.time()
    with store.write() as connection:
        jobs.request(connection, project_id, "train", now)
        taken = jobs.take(connection, ["train"], "test", now, project_id)
        jobs.note(connection, taken.id, {"last_event": labels.last_event(connection, project_id)})
        jobs.finish(connection, taken.id, taken.attempt, now)
    add_round(store, project_id, 0.8, holdout_ids=(), files=False)


def waiting(store: Store, project_id: int) -> float | None:
    """Return in how many seconds a training that was asked for begins, at the earliest."""
    with store.read() as connection:
        job = jobs.newest(connection, project_id, "train")
        at = connection.execute(
            text("SELECT not_before FROM job WHERE id = :id"), {"id": job.id if job else 0}
        ).scalar()
    return at - time.time() if job is not None and job.state == "waiting" else None


def taken_back(tab: Tab) -> int:
    """Return what board and dashboard say, which must agree."""
    said = tab.status()["withdrawn"]
    assert dashboard.standing(tab.store, tab.project_id).withdrawn == said
    return said


def test_an_undo_of_what_the_model_learned_is_told_and_trained_without(tab: GridTab) -> None:
    keys = [tab.answer(tab.next(), i % 2) for i in range(6)]
    learn(tab.store, tab.project_id)
    assert (taken_back(tab), waiting(tab.store, tab.project_id)) == (0, None)
    tab.undo(keys[0])
    assert taken_back(tab) == 1
    assert 0 < waiting(tab.store, tab.project_id) <= SECOND_THOUGHTS
    assert (tab.status()["until_next"], tab.status()["next_model"]) == (0, 2)
    learn(tab.store, tab.project_id)
    assert (taken_back(tab), waiting(tab.store, tab.project_id)) == (0, None)


def test_an_undo_of_what_no_model_has_learned_yet_asks_for_nothing(tab: GridTab) -> None:
    for i in range(6):
        tab.answer(tab.next(), i % 2)
    learn(tab.store, tab.project_id)
    tab.undo(tab.answer(tab.next()))
    assert (taken_back(tab), waiting(tab.store, tab.project_id)) == (0, None)


def test_the_same_answer_given_again_is_no_change(tab: GridTab) -> None:
    keys = [tab.answer(tab.next(), i % 2) for i in range(6)]
    learn(tab.store, tab.project_id)
    lease = tab.undo(keys[3])
    tab.answer(lease, 1)
    assert taken_back(tab) == 0


def test_a_whole_lot_that_was_taken_back_is_counted_and_trained_without(tab: GridTab) -> None:
    for i in range(6):
        tab.answer(tab.next(), i % 2)
    key = uuid.uuid4().hex
    tab.lot(tab.claim(20).leases, 1, key=key)
    learn(tab.store, tab.project_id)
    tab.unlot(key)
    assert taken_back(tab) == 20
    assert waiting(tab.store, tab.project_id) is not None


def test_an_unsure_in_place_of_a_label_takes_it_back(tab: GridTab) -> None:
    first = tab.next()
    tab.answer(first, 0)
    for i in range(5):
        tab.answer(tab.next(), i % 2)
    learn(tab.store, tab.project_id)
    tab.answer(tab.next(), kind="unsure")  # of an image that had no label
    assert taken_back(tab) == 0
    lease, _ = tab.revisit(first.item_id)
    tab.answer(lease, kind="unsure")
    assert taken_back(tab) == 1
    assert waiting(tab.store, tab.project_id) is not None


def test_a_correction_that_was_taken_back_counts_and_a_correction_is_a_new_label(
    tab: GridTab,
) -> None:
    first = tab.next()
    tab.answer(first, 0)
    for i in range(5):
        tab.answer(tab.next(), i % 2)
    learn(tab.store, tab.project_id)
    with tab.store.read() as connection:
        seen = connection.execute(text("SELECT min(id) FROM label_event")).scalar()
    correction = NewEvent(
        project_id=tab.project_id,
        item_id=first.item_id,
        annotator_id=tab.annotator.id,
        kind="label",
        class_id=tab.classes[1],
        key="m",
        created_at=time.time(),
    )
    review.mend(tab.store, correction, seen)
    assert (taken_back(tab), tab.status()["until_next"]) == (0, 9)
    learn(tab.store, tab.project_id)
    wish = NewUndo(tab.project_id, tab.annotator.id, "u", "m", time.time())
    review.undo(tab.store, wish)
    assert taken_back(tab) == 1
    assert waiting(tab.store, tab.project_id) is not None


def test_a_vote_that_changes_nothing_may_be_taken_back(store: Store) -> None:
    project_id = project(store, 8, settings=shared(3))
    ana, ben, cleo = (Tab(store, project_id, name) for name in ("Ana", "Ben", "Cleo"))
    keys = {}
    for who, said in ((ana, 0), (ben, 0), (cleo, 1)):
        keys[who.name] = who.answer(who.next(), said)
    learn(store, project_id)
    with store.read() as connection:
        known = labels.last_event(connection, project_id)

    def count() -> int:
        with store.read() as connection:
            return withdrawals.count(connection, project_id, known)

    cleo.undo(keys["Cleo"])
    assert count() == 0  # two of three still say the same
    ana.undo(keys["Ana"])
    assert count() == 0
    ben.undo(keys["Ben"])
    assert count() == 1


def test_without_automatic_trainings_it_is_told_only(store: Store) -> None:
    tab = Tab(store, project(store, 20))
    keys = [tab.answer(tab.next(), i % 2) for i in range(6)]
    learn(store, tab.project_id)
    tab.undo(keys[0])
    assert (taken_back(tab), waiting(store, tab.project_id)) == (1, None)
    assert tab.status()["until_next"] is None


def test_holdout_answers_are_not_what_a_model_learned(store: Store) -> None:
    tab = Tab(store, project(store, 30, held=10, settings=SETTINGS))
    given = {}
    for i in range(12):
        lease = tab.next()
        given[lease.item_id] = tab.answer(lease, i % 2)
    learn(store, tab.project_id)
    with store.read() as connection:
        held = connection.execute(
            text("SELECT item_id FROM answer WHERE split = 'holdout'")
        ).scalars()
        some = [given[item_id] for item_id in held]
    assert some
    for key in some:
        tab.undo(key)
    assert (taken_back(tab), waiting(store, tab.project_id)) == (0, None)
