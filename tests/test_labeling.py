"""Owns the proof that the labeling services do what annotators are promised."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from made import BY_HAND, Tab, labels_of, project
from sqlalchemy import select, text, update
from trained import add_round

from alcore.config import HoldoutRule, ProjectSettings, RetrainRule, Workspace
from alcore.errors import LeaseExpired, NotAllowed, NothingToUndo, UnknownItem
from alcore.loop.queueing import swap_queue
from alcore.records import Lease
from alcore.services import board_status, dashboard, labeling, people, projects
from alcore.services import classes as class_list
from alcore.store import Store, jobs, labels, leasing, rounds, soundness
from alcore.store import items as stored_items
from alcore.store import projects as stored_projects
from alcore.store.tables import annotator, item, label_event, lease

SCALE = int(os.environ.get("ALCORE_TEST_SCALE", "1"))
"""Multiplies the property tests' examples: 1 for each change, hundreds for a release."""


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def expire(store: Store) -> None:
    """Let all leases run out."""
    with store.write() as connection:
        connection.execute(update(lease).values(expires_at=time.time() - 1))


def origins(store: Store) -> dict[int, str]:
    with store.read() as connection:
        rows = connection.execute(select(label_event.c.item_id, label_event.c.origin)).all()
    return dict(rows)


# -- claim and answer --------------------------------------------------------------------------


def test_images_come_in_the_order_of_the_queue(store: Store) -> None:
    tab = Tab(store, project(store))
    claimed = [lease.item_id for lease in tab.claim(5).leases]
    assert claimed == sorted(claimed) and len(claimed) == 5
    assert tab.next().item_id == claimed[-1] + 1


def test_two_tabs_never_hold_the_same_image(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    again = Tab(store, project_id)
    held = [lease.item_id for tab in (ana, ben, again) for lease in tab.claim(7).leases]
    assert len(held) == len(set(held)) == 21


def test_an_answer_is_the_items_label_and_ends_the_lease(store: Store) -> None:
    tab = Tab(store, project(store))
    image = tab.next()
    tab.answer(image, 1)
    assert labels_of(store, tab.project_id) == {image.item_id: tab.classes[1]}
    with store.read() as connection:
        assert connection.execute(select(lease)).all() == []
    assert tab.next().item_id != image.item_id


def test_the_same_answer_sent_twice_counts_once(store: Store) -> None:
    tab = Tab(store, project(store))
    image, key = tab.next(), uuid.uuid4().hex
    first = tab.send(image, key=key)
    assert tab.send(image, key=key) == (first[0], True)
    tab.claim(5)
    assert tab.send(image, 1, key=key) == (first[0], True)
    assert labels_of(store, tab.project_id) == {image.item_id: tab.classes[0]}


def test_a_key_of_somebody_elses_answer_is_refused(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    key = ana.answer(ana.next())
    with pytest.raises(NotAllowed):
        ben.answer(ben.next(), key=key)


def test_a_lease_is_renewed_while_it_is_held_and_not_after(store: Store) -> None:
    tab = Tab(store, project(store))
    tokens = tuple(lease.token for lease in tab.claim(3).leases)
    assert set(tab.claim(0, tokens).held) == set(tokens)
    expire(store)
    assert tab.claim(0, tokens).held == ()
    assert Tab(store, tab.project_id).claim(0, tokens).held == ()


def test_an_expired_lease_goes_to_the_next_who_asks(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    image = ana.next()
    expire(store)
    assert ben.next().item_id == image.item_id


def test_a_slow_annotator_gets_a_longer_lease(store: Store) -> None:
    tab = Tab(store, project(store))
    assert tab.next().expires_at - time.time() == pytest.approx(60, abs=2)
    image = tab.next()
    labeling.answer(store, tab.event(image, seconds=50.0))
    assert tab.next().expires_at - time.time() == pytest.approx(150, abs=2)


def test_a_clock_that_is_set_back_keeps_no_image_from_others_for_longer_than_a_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = project(store, 2)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    held = ana.claim(2).leases
    now = time.time() - 6 * 3600
    monkeypatch.setattr(time, "time", lambda: now)
    assert ben.claim().leases == ()  # she may still be there
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert ben.next().item_id in {lease.item_id for lease in held}


def test_who_labels_on_keeps_their_images_when_the_clock_is_set(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = project(store, 3)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    held = ana.claim(3).leases
    tokens = tuple(lease.token for lease in held)
    now = time.time() - 3600
    for seconds in (0, 20, 40, 60, 80):
        monkeypatch.setattr(time, "time", lambda at=now + seconds: at)
        assert sorted(ana.claim(0, tokens).held) == sorted(tokens)
        assert ben.claim().leases == ()
    ana.answer(held[0])
    assert len(labels_of(store, project_id)) == 1


def test_released_images_are_free_at_once(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    held = ana.claim(3).leases
    labeling.release(store, ben.client, [lease.token for lease in held])
    assert ben.next().item_id not in {lease.item_id for lease in held}
    labeling.release(store, ana.client, [lease.token for lease in held])
    assert [lease.item_id for lease in ben.claim(3).leases] == [lease.item_id for lease in held]


# -- late answers ------------------------------------------------------------------------------


def test_a_late_answer_counts_while_nobody_else_has_the_image(store: Store) -> None:
    tab = Tab(store, project(store))
    image = tab.next()
    expire(store)
    tab.answer(image, 1)
    assert labels_of(store, tab.project_id) == {image.item_id: tab.classes[1]}


def test_a_released_holdout_question_keeps_its_origin_when_its_answer_comes_late(
    store: Store,
) -> None:
    tab = Tab(store, project(store, 10, held=5))
    leases = tab.claim(10).leases
    labeling.release(store, tab.client, [image.token for image in leases])
    for image in leases:
        tab.answer(image)
    assert sorted(origins(store).values()).count("holdout") == sum(
        image.origin == "holdout" for image in leases
    )


def test_a_late_answer_is_refused_when_somebody_else_holds_the_image(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    image = ana.next()
    expire(store)
    theirs = ben.next()
    with pytest.raises(LeaseExpired, match="somebody else has"):
        ana.answer(image)
    ben.answer(theirs, 1)
    assert labels_of(store, project_id) == {image.item_id: ben.classes[1]}


def test_a_late_answer_is_refused_when_somebody_else_answered(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    image = ana.next()
    expire(store)
    ben.answer(ben.next(), 1)
    with pytest.raises(LeaseExpired, match="answered"):
        ana.answer(image)
    assert labels_of(store, project_id) == {image.item_id: ben.classes[1]}


# -- skip and unsure ---------------------------------------------------------------------------


def test_a_skipped_image_comes_back_after_ten_answers(store: Store) -> None:
    tab = Tab(store, project(store))
    skipped = tab.next()
    tab.answer(skipped, kind="skip")
    for _ in range(9):
        image = tab.next()
        assert image.item_id != skipped.item_id
        tab.answer(image)
    assert tab.next().item_id != skipped.item_id
    tab.answer(tab.next())
    assert tab.next().item_id == skipped.item_id


def test_an_image_skipped_twice_goes_to_others_only(store: Store) -> None:
    project_id = project(store, 3)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    first = ana.next().item_id
    for _ in range(2):
        held = {image.item_id: image for image in ana.claim(3).leases}
        if first not in held:
            expire(store)
            held = {image.item_id: image for image in ana.claim(3).leases}
        ana.answer(held[first], kind="skip")
        expire(store)
    assert first not in {image.item_id for image in ana.claim(3).leases}
    assert first in {image.item_id for image in ben.claim(3).leases}


def test_an_unsure_image_is_not_trained_on_nor_asked_again(store: Store) -> None:
    tab = Tab(store, project(store, 3))
    image = tab.next()
    tab.answer(image, 1)
    again, current = tab.revisit(image.item_id)
    assert current == tab.classes[1]
    tab.answer(again, kind="unsure")
    assert labels_of(store, tab.project_id) == {}
    assert image.item_id not in {lease.item_id for lease in tab.claim(3).leases}


# -- undo and revisit --------------------------------------------------------------------------


def test_undo_reaches_the_last_fifteen_answers(store: Store) -> None:
    tab = Tab(store, project(store))
    images = [tab.next() for _ in range(15)]
    keys = [tab.answer(image, i % 2) for i, image in enumerate(images)]
    for key, image in reversed(list(zip(keys, images, strict=True))):
        assert tab.undo(key).item_id == image.item_id
    assert labels_of(store, tab.project_id) == {}
    with store.read() as connection:
        assert connection.execute(select(label_event)).all() != []


def test_an_undone_image_can_be_answered_under_the_token_of_the_board(store: Store) -> None:
    tab = Tab(store, project(store))
    image = tab.next()
    new = tab.undo(tab.answer(image, 0), token="made-up")
    assert (new.token, new.item_id, new.origin) == ("made-up", image.item_id, image.origin)
    tab.answer(new, 1)
    assert labels_of(store, tab.project_id) == {image.item_id: tab.classes[1]}


def test_undo_sent_twice_counts_once(store: Store) -> None:
    tab = Tab(store, project(store))
    key = tab.answer(tab.next())
    first = tab.undo(key, "undo", "token")
    assert tab.undo(key, "undo", "token") == replace(
        first, expires_at=pytest.approx(first.expires_at, abs=5)
    )
    with pytest.raises(NothingToUndo, match="before"):
        tab.undo(key)


def test_an_undo_takes_back_only_ones_own_answers_in_this_project(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    elsewhere = Tab(store, project(store, name="plants"))
    key = ana.answer(ana.next())
    for tab, undoes in ((ben, key), (ana, "unknown")):
        with pytest.raises(NothingToUndo):
            tab.undo(undoes)
    with pytest.raises(UnknownItem):
        elsewhere.undo(key)
    with pytest.raises(NothingToUndo):
        ana.undo(key, key=key)
    assert len(labels_of(store, project_id)) == 1


def test_a_token_that_is_in_use_is_no_right_to_another_image(store: Store) -> None:
    tab = Tab(store, project(store))
    key = tab.answer(tab.next())
    with pytest.raises(LeaseExpired):
        tab.undo(key, token=tab.next().token)


def test_a_changed_answer_replaces_the_old_one_and_its_undo_brings_it_back(store: Store) -> None:
    tab = Tab(store, project(store))
    image = tab.next()
    tab.answer(image, 0)
    again, current = tab.revisit(image.item_id)
    assert current == tab.classes[0]
    key = tab.answer(again, 1)
    assert labels_of(store, tab.project_id) == {image.item_id: tab.classes[1]}
    tab.undo(key)
    assert labels_of(store, tab.project_id) == {image.item_id: tab.classes[0]}


def ask_again(store: Store, project_id: int, item_ids: list[int]) -> None:
    """Publish a round that asks about labeled items again."""
    made = add_round(store, project_id, 0.9, holdout_ids=range(10), files=False)
    with store.write() as connection:
        round_id = rounds.latest(connection, project_id).id
        rows = [
            {"item_id": i, "score": 0.9, "reason": "labeled cat, but the model says dog (0.91)",
             "origin": "relabel", "suggestion": [0.09, 0.91]}
            for i in item_ids
        ]  # fmt: skip
        there = stored_projects.get(connection, project_id)
        swap_queue(connection, there, rows, round_id, made.number)


def test_a_labeled_image_is_asked_again_once_in_a_ranking(store: Store) -> None:
    ana = Tab(store, project(store, 6))
    image = ana.next()
    ana.answer(image, 0)
    ask_again(store, ana.project_id, [image.item_id])
    ben = Tab(store, ana.project_id, "Ben")
    again = ben.next()
    assert (again.item_id, again.origin) == (image.item_id, "relabel")
    told = board_status.why(store, ana.project_id, None, again.item_id)
    assert told["reason"] == "labeled cat, but the model says dog (0.91)"
    assert told["strategy"] == "margin"
    key = ben.answer(again, 1)
    assert labels_of(store, ana.project_id) == {image.item_id: ana.classes[1]}
    assert origins(store)[image.item_id] == "relabel"
    assert (ana.status()["labels"], ana.status()["unlabeled"]) == (1, 5)
    left = [lease.item_id for lease in ana.claim(6).leases]
    assert image.item_id not in left and len(left) == 5
    ben.undo(key)
    assert labels_of(store, ana.project_id) == {image.item_id: ana.classes[0]}


def test_a_label_changed_since_the_ranking_is_not_asked_again(store: Store) -> None:
    ana = Tab(store, project(store, 6))
    image = ana.next()
    ana.answer(image, 0)
    ask_again(store, ana.project_id, [image.item_id])
    ana.answer(ana.revisit(image.item_id)[0], 1)
    assert ana.next().item_id != image.item_id


def test_a_late_answer_to_a_question_asked_again_counts_while_it_is_open(store: Store) -> None:
    ana = Tab(store, project(store, 6))
    image = ana.next()
    ana.answer(image, 0)
    ask_again(store, ana.project_id, [image.item_id])
    late = ana.next()
    labeling.release(store, ana.client, [late.token])
    ana.answer(late, 1)
    assert labels_of(store, ana.project_id) == {image.item_id: ana.classes[1]}
    assert origins(store)[image.item_id] == "relabel"
    with pytest.raises(LeaseExpired, match="answered this image meanwhile"):
        ana.answer(late, 0)


def test_votes_are_last_answers_and_a_second_look_is_a_vote_of_its_own(store: Store) -> None:
    ana = Tab(store, project(store, 6))
    image, other = ana.claim(2).leases
    ana.answer(image, 0)
    ana.answer(other, 1)
    ana.answer(ana.revisit(image.item_id)[0], 1)
    ask_again(store, ana.project_id, [image.item_id])
    ana.answer(ana.next(), 0)
    ids = np.array([other.item_id, image.item_id])
    with store.read() as connection:
        votes = labels.votes(connection, ana.project_id, ids)
    cat, dog = ana.classes
    assert votes.tolist() == [[dog, -1], [dog, cat]]


def test_an_image_that_somebody_holds_cannot_be_revisited(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    image = ana.next()
    with pytest.raises(LeaseExpired, match="somebody else"):
        ben.revisit(image.item_id)


def test_history_shows_my_last_answers_without_the_undone(store: Store) -> None:
    project_id = project(store)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    keys = [ana.answer(ana.next(), kind=kind) for kind in ("label", "skip", "unsure", "label")]
    ben.answer(ben.next())
    ana.undo(keys[2])
    found = labeling.history(store, project_id, ana.annotator.id, 12)
    assert [event.key for event, _ in found] == [keys[3], keys[1], keys[0]]


# -- who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b", "un\u200bseen"])
def test_a_name_is_short_and_visible(store: Store, name: str) -> None:
    with pytest.raises(NotAllowed):
        people.annotator(store, name)


def test_a_name_is_one_person_however_it_is_typed(store: Store) -> None:
    assert people.annotator(store, " Zoe\u0301  M ").id == people.annotator(store, "Zo\u00e9 M").id


def test_who_was_shut_out_can_do_nothing(store: Store) -> None:
    tab = Tab(store, project(store))
    image = tab.next()
    key = tab.answer(tab.next())
    with store.write() as connection:
        connection.execute(update(annotator).values(active=False))
    for act in (
        tab.claim,
        lambda: tab.answer(image),
        lambda: tab.undo(key),
        lambda: tab.revisit(image.item_id),
        lambda: people.annotator(store, "Ana"),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_items_and_classes_of_other_projects_are_unknown(store: Store) -> None:
    here, there = Tab(store, project(store)), Tab(store, project(store, name="plants"))
    foreign = there.next()
    with pytest.raises(UnknownItem):
        here.answer(foreign)
    here.classes = there.classes
    with pytest.raises(UnknownItem):
        here.answer(here.next())


# -- holdout questions -------------------------------------------------------------------------


def test_one_question_in_five_goes_to_the_holdout_until_all_are_asked(store: Store) -> None:
    tab = Tab(store, project(store, 130, held=20))
    asked = []
    for _ in range(100):
        image = tab.next()
        asked.append(image.origin == "holdout")
        tab.answer(image)
    for start in range(0, 100, 5):
        assert sum(asked[start : start + 5]) == 1
    assert tab.next().origin != "holdout"


def test_holdout_questions_are_mixed_in_also_when_the_ranked_ones_are_used_up(
    store: Store,
) -> None:
    tab = Tab(store, project(store, 130, held=20, queued=8))
    origin = []
    for _ in range(60):
        image = tab.next()
        origin.append(image.origin)
        tab.answer(image)
    assert origin.count("holdout") == 12
    assert origin.count("cold start") == 8


def test_nothing_tells_a_holdout_question_from_a_random_one(store: Store) -> None:
    tab = Tab(store, project(store, 40, held=10, queued=10))
    seen = {}
    for _ in range(40):
        image = tab.next()
        why = board_status.why(store, tab.project_id, None, image.item_id)
        seen.setdefault(image.origin, []).append(why)
        assert "holdout" not in str(why)
        tab.answer(image)
    assert len(seen["holdout"]) == 10 and seen["random"]
    for why in seen["holdout"]:
        assert why == seen["random"][0]


def test_holdout_answers_are_measured_on_and_never_trained_on(store: Store) -> None:
    tab = Tab(store, project(store, 20, held=4))
    while leases := tab.claim().leases:
        tab.answer(leases[0])
    with store.read() as connection:
        held, _ = stored_items.holdout(connection, tab.project_id)
    assert len(held) == 4
    assert len(labels_of(store, tab.project_id)) == 16
    assert not set(held.tolist()) & set(labels_of(store, tab.project_id))


# -- the end of the queue ----------------------------------------------------------------------


@pytest.mark.parametrize("queued", [0, 7, 40])
def test_every_image_is_asked_once_before_the_queue_is_empty(store: Store, queued: int) -> None:
    tab = Tab(store, project(store, 40, held=6, queued=queued))
    seen = []
    while leases := tab.claim(4).leases:
        for image in leases:
            seen.append(image.item_id)
            tab.answer(image)
    assert len(seen) == len(set(seen)) == 40
    assert tab.claim().waiting.startswith("Every image has an answer. Look through them")


def test_who_waits_is_told_who_holds_the_rest(store: Store) -> None:
    project_id = project(store, 5)
    Tab(store, project_id, "Ben").claim(5)
    waiting = Tab(store, project_id).claim().waiting
    assert waiting.startswith("5 images are left: Ben holds 5 until ")


def test_who_skipped_all_the_rest_is_told_so(store: Store) -> None:
    tab = Tab(store, project(store, 2))
    for _ in range(4):
        tab.answer(tab.next(), kind="skip")
    assert "skipped" in tab.claim().waiting


def test_a_project_that_is_not_ready_or_put_away_says_so(store: Store) -> None:
    tab = Tab(store, project(store))
    projects.archive(store, tab.project_id)
    assert tab.claim().waiting == "The project was put away."
    made = projects.create(store, "new", {"kind": "digits"})
    tab = Tab(store, made)
    assert tab.claim().waiting == "The import is still running."
    projects.stop_import(store, made)
    assert tab.claim().waiting.startswith("The import did not finish")


def test_a_new_queue_shows_at_once_and_held_images_stay_valid(store: Store) -> None:
    tab = Tab(store, project(store, 20))
    held = tab.claim(2)
    rows = [
        {"item_id": i, "score": 0.5, "reason": "close", "origin": "query", "suggestion": [0.6, 0.4]}
        for i in range(20, 10, -1)
    ]
    with store.write() as connection:
        swap_queue(connection, stored_projects.get(connection, tab.project_id), rows, None, 1)
    assert tab.next().item_id == 20
    assert tab.claim(0).ranking == held.ranking + 1
    for image in held.leases:
        tab.answer(image)
    assert len(labels_of(store, tab.project_id)) == 2


# -- classes and trainings ---------------------------------------------------------------------


def test_a_class_can_be_added_while_people_label(store: Store) -> None:
    tab = Tab(store, project(store))
    tab.answer(tab.next())
    class_list.add(store, tab.project_id, ["horse"])
    tab = Tab(store, tab.project_id)
    tab.answer(tab.next(), 2)
    assert [c["name"] for c in tab.status()["classes"]] == ["cat", "dog", "horse"]
    assert sorted(labels_of(store, tab.project_id).values()) == [tab.classes[0], tab.classes[2]]


def test_answers_ask_for_a_training_once(store: Store) -> None:
    settings = ProjectSettings(retrain=RetrainRule(new_labels=4, minimum=6))
    tab = Tab(store, project(store, settings=settings))
    for i, missing in enumerate((5, 2, 1)):
        tab.answer(tab.next(), i % 2)
        status = tab.status()
        assert (status["until_next"], status["job"]) == (missing, None)
    for i in range(6):
        tab.answer(tab.next(), i % 2)
    with store.read() as connection:
        waiting = connection.execute(text("SELECT count(*) FROM job")).scalar()
    assert waiting == 1
    assert tab.status()["job"]["state"] == "waiting"
    with store.write() as connection:
        taken = jobs.take(connection, ["train"], "me", time.time() + 1)
        jobs.note(connection, taken.id, {"last_event": 9})
        jobs.finish(connection, taken.id, taken.attempt, time.time())
    for i in range(4):
        assert tab.status()["until_next"] == 4 - i
        tab.answer(tab.next(), i % 2)
    assert tab.status()["job"]["state"] == "waiting"


def test_a_training_that_cannot_start_says_why(store: Store) -> None:
    settings = ProjectSettings(retrain=RetrainRule(new_labels=2, minimum=4))
    tab = Tab(store, project(store, settings=settings))
    for _ in range(5):
        tab.answer(tab.next())
    status = tab.status()
    assert "two classes" in status["blocked"] and status["job"] is None
    tab.answer(tab.next(), 1)
    assert tab.status()["job"]["state"] == "waiting"


def test_counts_of_today_leave_out_what_was_undone(store: Store) -> None:
    project_id = project(store, held=5)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "Ben")
    keys = [ana.answer(ana.next()) for _ in range(6)]
    ben.answer(ben.next())
    ben.answer(ben.next(), kind="skip")
    ana.undo(keys[0])
    assert (ana.status()["mine_today"], ana.status()["team_today"]) == (5, 6)
    assert ben.status()["mine_today"] == 1


def test_labels_of_today_are_those_to_learn_from_and_those_kept_aside(store: Store) -> None:
    tab = Tab(store, project(store, 40, held=10))
    for i in range(30):
        tab.answer(tab.next(), i % 2)
    status = tab.status()
    assert status["kept_aside"] > 0
    assert status["mine_today"] == 30 == status["labels"] + status["kept_aside"]
    assert (status["labels"], status["unlabeled"]) == (24, 6)


def test_the_next_labels_are_said_to_go_to_the_model_that_learns_from_them(store: Store) -> None:
    settings = ProjectSettings(retrain=RetrainRule(new_labels=4, minimum=4))
    tab = Tab(store, project(store, settings=settings))

    def shown() -> tuple[int, int, int]:
        status, standing = tab.status(), dashboard.standing(store, tab.project_id)
        assert standing.next_model == status["next_model"]
        return status["next_model"], status["until_next"], len(labels_of(store, tab.project_id))

    for i in range(4):
        assert shown() == (1, 4 - i, i)
        tab.answer(tab.next(), i % 2)
    assert tab.status()["job"]["state"] == "waiting" and shown() == (1, 0, 4)
    with store.write() as connection:
        job = jobs.take(connection, ["train"], "test", time.time() + 1)
    assert shown() == (1, 0, 4)  # it starts, and has not read the labels yet
    with store.write() as connection:
        known = labels.last_event(connection, tab.project_id)
        jobs.note(connection, job.id, {"last_event": known, "model": 1})
    assert shown() == (2, 4, 4)
    tab.answer(tab.next())
    assert shown() == (2, 3, 5)
    with store.write() as connection:
        jobs.finish(connection, job.id, job.attempt, time.time())
    add_round(store, tab.project_id, 0.5, holdout_ids=(), files=False)
    assert shown() == (2, 3, 5)


def test_the_rule_counts_when_it_is_edited(store: Store) -> None:
    tab = Tab(store, project(store))
    for i in range(30):
        tab.answer(tab.next(), i % 2)
    assert tab.status()["until_next"] is None
    there = projects.get(store, tab.project_id)
    projects.edit(store, there, replace(there.settings, retrain=RetrainRule()))
    assert tab.status()["job"]["state"] == "waiting"


def test_seed_and_holdout_are_fixed_even_for_who_looked_before_the_import(store: Store) -> None:
    project_id = project(store)
    before = replace(projects.get(store, project_id), state="importing")
    changed = replace(BY_HAND, holdout=HoldoutRule(share=0.5))
    with pytest.raises(Exception, match="fixed once"):
        projects.edit(store, before, changed)
    assert projects.get(store, project_id).settings == BY_HAND


# -- the model ---------------------------------------------------------------------------------


class Labeling(RuleBasedStateMachine):
    """Two people and three tabs against a plain model: label per item, holder per item."""

    ITEMS = 14

    @initialize()
    def start(self) -> None:
        if not hasattr(Labeling, "store"):
            raise AssertionError("the test opens the store")
        store = Labeling.store
        self.project_id = project(store, self.ITEMS, held=3, name=uuid.uuid4().hex, queued=6)
        self.tabs = [Tab(store, self.project_id, name) for name in ("Ana", "Ana", "Ben")]
        self.log: list[dict] = []
        self.leases: dict[str, tuple[int, Lease]] = {}
        self.holder: dict[int, str] = {}

    def current(self, item_id: int) -> dict | None:
        found = [
            e for e in self.log if e["item"] == item_id and not e["undone"] and e["kind"] != "skip"
        ]
        return found[-1] if found else None

    @rule(tab=st.integers(0, 2), n=st.integers(1, 4))
    def claim(self, tab: int, n: int) -> None:
        found = self.tabs[tab].claim(n)
        skipped = [
            e["item"]
            for e in self.log
            if e["kind"] == "skip" and not e["undone"] and e["name"] == self.tabs[tab].name
        ]
        for image in found.leases:
            assert image.item_id not in self.holder
            assert self.current(image.item_id) is None
            assert skipped.count(image.item_id) < 2
            self.leases[image.token] = (tab, image)
            self.holder[image.item_id] = image.token
        with Labeling.store.read() as connection:
            everything = set(stored_items.ids(connection, self.project_id).tolist())
        free = {
            i
            for i in everything
            if i not in self.holder and self.current(i) is None and skipped.count(i) < 2
        }
        assert len(found.leases) == n or not free

    @precondition(lambda self: self.leases)
    @rule(
        pick=st.integers(0, 10**6),
        kind=st.sampled_from(["label", "label", "label", "skip", "unsure"]),
        index=st.integers(0, 1),
        again=st.booleans(),
    )
    def answer(self, pick: int, kind: str, index: int, again: bool) -> None:
        token = list(self.leases)[pick % len(self.leases)]
        number, image = self.leases[token]
        tab, key = self.tabs[number], uuid.uuid4().hex
        holder = self.holder.get(image.item_id)
        open_still = self.current(image.item_id) is None
        if holder is None:
            allowed = open_still or self.expired(token)
        else:  # who answers with an older lease of theirs is not kept from it by the newer one
            holding = self.tabs[self.leases[holder][0]]
            allowed = holder == token or (open_still and holding.name == tab.name)
        try:
            event, duplicate = tab.send(image, index, kind=kind, key=key)
        except LeaseExpired:
            assert not allowed
            del self.leases[token]
            return
        assert allowed and not duplicate
        if again:
            assert tab.send(image, index, kind=kind, key=key) == (event, True)
        self.log.append(
            {
                "key": key,
                "item": image.item_id,
                "kind": kind,
                "class": tab.classes[index] if kind == "label" else None,
                "tab": number,
                "name": tab.name,
                "undone": False,
            }
        )
        self.holder.pop(image.item_id, None)
        self.lapsed.pop(image.item_id, None)
        del self.leases[token]

    @property
    def lapsed(self) -> dict[int, str]:
        """The token of the expired lease that still lies on an item."""
        return self.__dict__.setdefault("_lapsed", {})

    def expired(self, token: str) -> bool:
        return token in self.lapsed.values()

    @precondition(lambda self: any(not e["undone"] for e in self.log))
    @rule(pick=st.integers(0, 10**6), again=st.booleans())
    def undo(self, pick: int, again: bool) -> None:
        there = [e for e in self.log if not e["undone"]]
        event = there[pick % len(there)]
        tab = self.tabs[event["tab"]]
        holder = self.holder.get(event["item"])
        theirs = holder is not None and self.leases[holder][0] != event["tab"]
        key, token = uuid.uuid4().hex, uuid.uuid4().hex
        event["undone"] = True
        try:
            image = tab.undo(event["key"], key, token)
            if again:
                assert tab.undo(event["key"], key, token).token == token
        except LeaseExpired:
            assert theirs
            return
        assert not theirs
        self.leases[token] = (event["tab"], image)
        self.holder[event["item"]] = token
        self.lapsed.pop(event["item"], None)

    @precondition(lambda self: self.log)
    @rule(pick=st.integers(0, 10**6))
    def revisit(self, pick: int) -> None:
        event = self.log[pick % len(self.log)]
        holder = self.holder.get(event["item"])
        theirs = holder is not None and self.leases[holder][0] != event["tab"]
        now = self.current(event["item"])
        try:
            image, current = self.tabs[event["tab"]].revisit(event["item"])
        except LeaseExpired:
            assert theirs
            return
        assert not theirs
        assert current == (now and now["class"])
        self.leases[image.token] = (event["tab"], image)
        self.holder[event["item"]] = image.token
        self.lapsed.pop(event["item"], None)

    @precondition(lambda self: self.leases)
    @rule(pick=st.integers(0, 10**6))
    def release(self, pick: int) -> None:
        token = list(self.leases)[pick % len(self.leases)]
        number, image = self.leases[token]
        labeling.release(Labeling.store, self.tabs[number].client, [token])
        if self.holder.get(image.item_id) == token:
            del self.holder[image.item_id]
        if self.lapsed.get(image.item_id) == token:
            del self.lapsed[image.item_id]

    @rule()
    def time_passes(self) -> None:
        expire(Labeling.store)
        self.lapsed.update(self.holder)
        self.holder.clear()

    @rule(order=st.permutations(range(6)), size=st.integers(0, 6))
    def new_ranking(self, order: list[int], size: int) -> None:
        with Labeling.store.write() as connection:
            left = stored_items.unlabeled(connection, self.project_id).tolist()
            rows = [
                {
                    "item_id": left[i],
                    "score": 1.0,
                    "reason": "close",
                    "origin": "query",
                    "suggestion": None,
                }
                for i in order[:size]
                if i < len(left)
            ]
            there = stored_projects.get(connection, self.project_id)
            swap_queue(connection, there, rows, None, 1)

    @invariant()
    def the_store_equals_the_model(self) -> None:
        if not hasattr(self, "project_id"):
            return
        expected = {
            e["item"]: e["class"]
            for e in self.log
            if e is self.current(e["item"]) and e["kind"] == "label"
        }
        with Labeling.store.read() as connection:
            held = set(
                connection.execute(
                    select(item.c.id).where(
                        item.c.project_id == self.project_id, item.c.split == "holdout"
                    )
                ).scalars()
            )
            ids, classes = stored_items.holdout(connection, self.project_id)
            holders = sum(
                n for _, n, _ in leasing.holders(connection, self.project_id, time.time())
            )
        found = labels_of(Labeling.store, self.project_id)
        assert not held & set(found)
        found |= dict(zip(ids.tolist(), classes.tolist(), strict=True))
        assert found == expected
        assert holders == len(self.holder)

    def teardown(self) -> None:
        with Labeling.store.read() as connection:
            assert soundness.miscounted(connection) == []


def test_the_store_equals_a_plain_model_whatever_people_do(store: Store) -> None:
    Labeling.store = store
    Labeling.TestCase.settings = settings(
        max_examples=25 * SCALE,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=SCALE == 1,
    )
    Labeling.TestCase("runTest").runTest()
