"""Owns the proof that classes can change at any time, and that an undo gives back what was."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from made import BY_HAND, Tab, exported, label_rows, labels_of, project
from seen import look
from sqlalchemy import select, text
from trained import add_round, give_labels

from alcore import keymap
from alcore.config import ProjectSettings, TeamRule, Workspace
from alcore.errors import (
    ClassDeleted,
    InvalidClasses,
    LeaseExpired,
    NotAllowed,
    NothingToUndo,
    UnknownItem,
)
from alcore.folding import Folding, fold_of
from alcore.loop.label_sets import revision
from alcore.segments import segments
from alcore.services import (
    audit,
    board_status,
    classes,
    dashboard,
    grid,
    label_import,
    labeling,
    predicting,
    projects,
    team,
)
from alcore.services.instant import Instant
from alcore.services.label_import import LabelFile
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Store, gold, items, jobs, rounds, soundness
from alcore.store.tables import label_event, queue_item

SCALE = int(os.environ.get("ALCORE_TEST_SCALE", "1"))


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def ids(store: Store, project_id: int) -> dict[str, int]:
    return {c.name: c.id for c in projects.get(store, project_id).classes}


def named_labels(store: Store, project_id: int) -> dict[int, str]:
    """Read the training labels: name of the class by item id."""
    name = {number: name for name, number in ids(store, project_id).items()}
    return {item: name[number] for item, number in labels_of(store, project_id).items()}


def undo_newest(store: Store, project_id: int, by: int | None = None) -> str:
    newest = classes.newest_change(store, project_id)
    assert newest is not None
    return classes.undo(store, project_id, newest, by)


def labeled(store: Store, **more: object) -> tuple[int, Tab]:
    """Make a project of three classes with nine labels, three of each."""
    project_id = project(store, classes=("cat", "dog", "tiger"), **more)
    tab = Tab(store, project_id)
    for place in range(9):
        tab.answer(tab.next(), place % 3)
    return project_id, tab


# -- what becomes of labels --------------------------------------------------------------------


def test_a_new_name_keeps_its_labels_everywhere(store: Store) -> None:
    project_id, _ = labeled(store)
    before = named_labels(store, project_id)
    classes.rename(store, project_id, ids(store, project_id)["cat"], " feline  beast ")
    after = named_labels(store, project_id)
    assert after == {
        item: "feline beast" if name == "cat" else name for item, name in before.items()
    }
    assert {row["class"] for row in label_rows(store, project_id)} == {
        "feline beast",
        "dog",
        "tiger",
    }


def test_merged_classes_count_as_one_and_come_back_as_they_were(store: Store) -> None:
    project_id, _ = labeled(store)
    before, file = labels_of(store, project_id), exported(store, project_id, "csv")
    three = ids(store, project_id)
    images = classes.merge(store, project_id, [three["tiger"]], three["cat"])
    assert images == 3
    assert sorted(named_labels(store, project_id).values()) == ["cat"] * 6 + ["dog"] * 3
    assert [c.name for c in projects.get(store, project_id).classes] == ["cat", "dog"]
    undo_newest(store, project_id)
    assert labels_of(store, project_id) == before
    assert exported(store, project_id, "csv") == file
    assert ids(store, project_id) == three


def test_a_chain_of_merges_leads_to_the_last(store: Store) -> None:
    project_id, _ = labeled(store)
    three = ids(store, project_id)
    classes.merge(store, project_id, [three["tiger"]], three["cat"])
    classes.merge(store, project_id, [three["cat"]], three["dog"])
    assert set(named_labels(store, project_id).values()) == {"dog"}
    undo_newest(store, project_id)
    assert sorted(named_labels(store, project_id).values()) == ["cat"] * 6 + ["dog"] * 3


def test_votes_for_merged_classes_are_counted_together(store: Store) -> None:
    settings = replace(BY_HAND, team=TeamRule(answers=3, overlap_share=1.0))
    project_id = project(store, classes=("cat", "dog", "tiger"), settings=settings)
    tabs = [Tab(store, project_id, name) for name in ("Ana", "Ben", "Cem")]
    image = tabs[0].next()
    for tab, said in zip(tabs, (0, 1, 2), strict=True):
        lease = (
            image
            if tab is tabs[0]
            else next(one for one in tab.claim(30).leases if one.item_id == image.item_id)
        )
        tab.answer(lease, said)
    assert named_labels(store, project_id)[image.item_id] == "tiger"  # the newest of three
    three = ids(store, project_id)
    classes.merge(store, project_id, [three["dog"]], three["cat"])
    assert named_labels(store, project_id)[image.item_id] == "cat"
    undo_newest(store, project_id)
    assert named_labels(store, project_id)[image.item_id] == "tiger"


def test_a_class_with_labels_is_deleted_only_when_it_is_said_what_becomes_of_them(
    store: Store,
) -> None:
    project_id, tab = labeled(store)
    three = ids(store, project_id)
    with pytest.raises(InvalidClasses, match="'tiger' has labels on 3 images"):
        classes.delete(store, project_id, three["tiger"])
    with pytest.raises(InvalidClasses, match="choose one"):
        classes.delete(store, project_id, three["tiger"], move_to=three["cat"], take_back=True)
    before = labels_of(store, project_id)
    assert classes.delete(store, project_id, three["tiger"], take_back=True) == 3
    gone = set(before) - set(labels_of(store, project_id))
    assert len(gone) == 3
    asked = {lease.item_id for lease in tab.claim(30).leases}
    assert gone <= asked
    undo_newest(store, project_id)
    assert labels_of(store, project_id) == before


def test_labels_of_a_deleted_class_can_move_to_another(store: Store) -> None:
    project_id, _ = labeled(store)
    three = ids(store, project_id)
    classes.delete(store, project_id, three["tiger"], move_to=three["dog"])
    assert sorted(named_labels(store, project_id).values()) == ["cat"] * 3 + ["dog"] * 6


def test_a_class_without_labels_goes_without_a_question(store: Store) -> None:
    project_id, _ = labeled(store)
    lamp = classes.add(store, project_id, ["lamp"]).classes[-1]
    assert classes.delete(store, project_id, lamp.id) == 0
    assert list(ids(store, project_id)) == ["cat", "dog", "tiger"]


def test_a_taken_back_class_does_not_bring_an_earlier_answer_back(store: Store) -> None:
    project_id = project(store, classes=("cat", "dog"))
    tab = Tab(store, project_id)
    image = tab.next()
    tab.answer(image, 0)
    again, _ = tab.revisit(image.item_id)
    tab.answer(again, 1)
    classes.delete(store, project_id, tab.classes[1], take_back=True)
    assert labels_of(store, project_id) == {}
    with store.read() as connection:
        assert soundness.stale(connection) == []


def test_the_log_of_labels_is_never_rewritten(store: Store) -> None:
    project_id, _ = labeled(store)
    with store.read() as connection:
        before = connection.execute(select(label_event)).all()
    three = ids(store, project_id)
    classes.merge(store, project_id, [three["tiger"]], three["cat"])
    classes.delete(store, project_id, three["dog"], take_back=True)
    undo_newest(store, project_id)
    with store.read() as connection:
        assert connection.execute(select(label_event)).all() == before
    with pytest.raises(Exception, match="append-only"), store.write() as connection:
        connection.execute(text("DELETE FROM class_event"))


# -- while people label ------------------------------------------------------------------------


def test_a_late_label_of_a_merged_class_counts_as_the_new_one(store: Store) -> None:
    project_id, tab = labeled(store)
    three = ids(store, project_id)
    image = tab.next()
    classes.merge(store, project_id, [three["tiger"]], three["cat"])
    key = uuid.uuid4().hex
    tab.answer(image, 2, key=key)
    assert named_labels(store, project_id)[image.item_id] == "cat"
    assert tab.send(image, 2, key=key)[1]  # sent again: known
    events = labeling.history(store, project_id, tab.annotator.id, 1)
    assert events[0][0].class_id == three["cat"]
    undo_newest(store, project_id)
    assert named_labels(store, project_id)[image.item_id] == "tiger"


def test_a_late_label_of_a_deleted_class_is_refused_in_words_and_its_image_is_free(
    store: Store,
) -> None:
    project_id, tab = labeled(store)
    image = tab.next()
    classes.delete(store, project_id, tab.classes[2], take_back=True)
    with pytest.raises(ClassDeleted, match=r"'tiger' was deleted meanwhile.*asked again"):
        tab.answer(image, 2)
    other = Tab(store, project_id, "Ben")
    assert image.item_id in {lease.item_id for lease in other.claim(40).leases}


def test_a_class_that_never_was_is_told_apart_from_a_deleted_one(store: Store) -> None:
    _, tab = labeled(store)
    stranger = Tab(store, project(store, name="others"))
    with pytest.raises(UnknownItem):
        labeling.answer(store, tab.event(tab.next(), class_id=stranger.classes[0]), handed=True)


def test_a_lot_of_a_merged_class_counts_and_can_be_undone(store: Store) -> None:
    project_id = project(store, classes=("cat", "dog", "tiger"))
    look(store, project_id)
    tab, cache = Tab(store, project_id), PredictionCache(store)
    claim = grid.TileClaim(project_id, tab.annotator.id, tab.client, 12)
    tiles = grid.tiles(store, cache, claim)
    classes.merge(store, project_id, [tab.classes[2]], tab.classes[0])
    from alcore.records import NewLot

    lot = NewLot(
        project_id=project_id,
        annotator_id=tab.annotator.id,
        client=tab.client,
        key="lot",
        created_at=time.time(),
        class_id=tab.classes[2],
        tiles=tuple((one.token, one.item_id) for one in tiles.leases),
        suggested_class=tab.classes[2],
    )
    assert len(grid.label_lot(store, lot).items) == len(tiles.leases)
    assert set(named_labels(store, project_id).values()) == {"cat"}
    leases, _ = grid.undo_lot(store, tab.wish("lot"), tab.client)
    assert len(leases) == len(tiles.leases)
    assert labels_of(store, project_id) == {}


def test_keys_follow_the_order_and_a_gone_class_keeps_its_own_key_for_its_return(
    store: Store,
) -> None:
    project_id, tab = labeled(store)
    cat, dog, tiger = tab.classes
    own = {keymap.target_of(tiger): "x"}
    before = projects.get(store, project_id)
    projects.edit(store, before, replace(before.settings, keys=own))
    classes.order(store, project_id, [tiger, cat, dog])
    shown = tab.status()
    assert [c["name"] for c in shown["classes"]] == ["tiger", "cat", "dog"]
    assert shown["keys"]["classes"] == {
        str(tiger): ["x"],
        str(cat): ["2", "c"],
        str(dog): ["3", "d"],
    }
    classes.merge(store, project_id, [tiger], cat)
    shown = tab.status()
    assert shown["keys"]["classes"] == {str(cat): ["1", "c"], str(dog): ["2", "d"]}
    now = projects.get(store, project_id)
    projects.edit(store, now, replace(now.settings, keys={**own, "skip": "q"}))  # still allowed
    undo_newest(store, project_id)
    assert tab.status()["keys"]["classes"][str(tiger)] == ["x"]


# -- what models say ---------------------------------------------------------------------------


def test_folding_adds_up_what_was_merged_and_leaves_out_what_was_deleted() -> None:
    said = np.array([[0.5, 0.2, 0.2, 0.1], [0.0, 0.0, 0.0, 1.0]], np.float32)
    merged = Folding(np.array([0, 1, 0, 2]), 3)
    np.testing.assert_allclose(merged.fold(said)[0], [0.7, 0.2, 0.1])
    gone = Folding(np.array([1, 0, 2, -1]), 3)
    np.testing.assert_allclose(gone.fold(said)[0], np.array([0.2, 0.5, 0.2]) / 0.9, rtol=1e-6)
    np.testing.assert_allclose(gone.fold(said)[1], [1 / 3] * 3)  # nothing is left to go by
    same = Folding(np.arange(4), 4)
    assert same.fold(said) is said
    younger = Folding(np.array([0, 1, 0, 3]), 5)
    np.testing.assert_allclose(younger.fold(said)[0], [0.7, 0.2, 0, 0.1, 0])


def test_a_label_of_a_merged_class_is_divided_as_the_model_divides_it() -> None:
    merged = Folding(np.array([0, 1, 0]), 2)
    said = np.array([[0.6, 0.2, 0.2], [0.6, 0.2, 0.2]], np.float32)
    np.testing.assert_allclose(
        merged.spread(np.array([0, 1]), said), [[0.75, 0, 0.25], [0, 1, 0]], atol=1e-6
    )


def test_what_a_model_says_is_of_todays_classes_at_once(store: Store) -> None:
    project_id = project(store, classes=("cat", "dog", "tiger"))
    look(store, project_id)
    cache = PredictionCache(store)
    before = cache.get(project_id).output.probabilities
    three = ids(store, project_id)
    classes.merge(store, project_id, [three["tiger"]], three["cat"])
    now = cache.get(project_id).output.probabilities
    np.testing.assert_allclose(now, np.stack([before[:, 0] + before[:, 2], before[:, 1]], 1))
    said = predicting.pool(store, project_id, "csv", "all")
    assert said.model.classes == ("cat", "dog")
    table = b"".join(said.blocks()).decode().splitlines()
    assert "tiger" not in "".join(table)
    rows = label_rows(store, project_id)
    assert rows == []
    give_labels(store, project_id, 2)
    for row in label_rows(store, project_id):
        assert len(row["probabilities"]) == 2 and row["predicted class"] in ("cat", "dog")
    undo_newest(store, project_id)
    np.testing.assert_array_equal(cache.get(project_id).output.probabilities, before)


def test_another_order_moves_columns_and_a_deleted_class_is_never_predicted(store: Store) -> None:
    project_id = project(store, classes=("cat", "dog", "tiger"))
    look(store, project_id)
    cache = PredictionCache(store)
    before = cache.get(project_id).output.probabilities
    cat, dog, tiger = ids(store, project_id).values()
    classes.order(store, project_id, [tiger, cat, dog])
    np.testing.assert_array_equal(cache.get(project_id).output.probabilities, before[:, [2, 0, 1]])
    classes.delete(store, project_id, cat)
    now = cache.get(project_id).output.probabilities
    np.testing.assert_allclose(now.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        now, before[:, [2, 1]] / before[:, [2, 1]].sum(1, keepdims=True), rtol=1e-4
    )


def test_a_model_from_before_classes_were_recorded_knows_the_oldest(store: Store) -> None:
    project_id = project(store, classes=("cat", "dog", "tiger"))
    summary = add_round(store, project_id, 0.8, holdout_ids=(), files=False)
    cat, dog, tiger = ids(store, project_id).values()
    classes.add(store, project_id, ["lamp"])
    classes.order(store, project_id, [tiger, dog, cat, ids(store, project_id)["lamp"]])
    classes.merge(store, project_id, [dog], cat)
    old = replace(summary, class_ids=())
    assert fold_of(projects.get(store, project_id), old).places.tolist() == [1, 1, 0]


def test_suggestions_and_reasons_of_before_are_not_shown_after(store: Store) -> None:
    project_id = project(store, classes=("cat", "dog", "tiger"))
    look(store, project_id)
    with store.read() as connection:
        item_id = connection.execute(select(queue_item.c.item_id)).scalars().first()
    assert board_status.why(store, project_id, None, item_id)["suggestion"] is not None
    cat, dog, tiger = ids(store, project_id).values()
    classes.order(store, project_id, [dog, cat, tiger])
    told = board_status.why(store, project_id, None, item_id)
    assert (told["suggestion"], told["reason"]) == (None, "margin")
    classes.rename(store, project_id, cat, "lion")
    told = board_status.why(store, project_id, None, item_id)
    assert told["reason"] == "ranked before the classes changed"


def test_the_instant_queue_follows_a_merge(store: Store) -> None:
    project_id = project(
        store, classes=("cat", "dog", "tiger"), settings=replace(BY_HAND, instant=True)
    )
    look(store, project_id)
    tab, cache = Tab(store, project_id), PredictionCache(store)
    for place in range(6):
        tab.answer(tab.next(), place % 3)
    instant = Instant(store, cache)
    assert instant.refresh(project_id)
    assert not instant.refresh(project_id)
    classes.merge(store, project_id, [tab.classes[2]], tab.classes[0])
    assert instant.refresh(project_id)
    output = cache.get(project_id).output
    assert output.probabilities.shape[1] == 2 and output.head_labels == 6
    with store.read() as connection:
        rows = connection.execute(select(queue_item.c.suggestion)).scalars().all()
    assert {len(row) for row in rows if row is not None} == {2}


def test_a_merge_asks_for_a_model_and_the_curve_says_what_changed(store: Store) -> None:
    project_id, _ = labeled(store, settings=ProjectSettings())
    add_round(store, project_id, 0.8, holdout_ids=(1, 2, 3))
    with store.write() as connection:  # a training has been
        jobs.request(connection, project_id, "train", time.time())
        job = jobs.take(connection, ["train"], "me", time.time() + 60)
        jobs.note(connection, job.id, {"last_event": 9})
        jobs.cancel(connection, project_id, "train", time.time())
    cat, _, tiger = ids(store, project_id).values()
    classes.merge(store, project_id, [tiger], cat)
    with store.read() as connection:
        history = rounds.all_rounds(connection, project_id)
    now = projects.get(store, project_id)
    assert dashboard.measured_with_others(now, history[-1])
    names = [row["class"] for row in dashboard.per_class(now, history[-1])]
    assert sorted(names) == ["cat", "dog", "tiger (now cat)"]
    assert {row["true"] for row in dashboard.confusion(now, history[-1])} == set(names)
    from alcore.folding import since_the_start

    after = replace(history[-1].learner, classes=since_the_start(now))
    parts = segments([history[-1], replace(history[-1], learner=after)])
    assert parts[1].sign == "classes: 1 merged"
    undo_newest(store, project_id)
    assert since_the_start(projects.get(store, project_id)) == ""


# -- answer key, gold, examples ----------------------------------------------------------------


def test_the_answer_key_follows_and_comes_back(store: Store) -> None:
    project_id = project(store, held=9, classes=("cat", "dog", "tiger"), known_classes="answer key")
    three = ids(store, project_id)
    with store.write() as connection:
        for place, number in enumerate(items.ids(connection, project_id).tolist()):
            connection.execute(
                text("UPDATE item SET true_class = :c WHERE id = :i"),
                {"c": list(three.values())[place % 3], "i": number},
            )

    def key() -> tuple[list[int], list[int]]:
        with store.read() as connection:
            return (
                items.answer_key(connection, project_id)[1].tolist(),
                items.holdout(connection, project_id)[1].tolist(),
            )

    before = key()
    classes.merge(store, project_id, [three["tiger"]], three["cat"])
    assert set(key()[0]) == set(key()[1]) == {three["cat"], three["dog"]}
    assert (len(key()[0]), len(key()[1])) == (21, 9)
    classes.delete(store, project_id, three["cat"])
    assert set(key()[1]) == {three["dog"]} and len(key()[1]) == 3
    undo_newest(store, project_id)
    undo_newest(store, project_id)
    assert key() == before


def test_gold_of_a_deleted_class_is_gold_again_after_an_undo(store: Store) -> None:
    project_id, tab = labeled(store)
    items_of = labels_of(store, project_id)
    team.make_gold(store, project_id, tab.annotator.id, list(items_of)[:3])
    with store.read() as connection:
        before = gold.all_gold(connection, project_id)
    classes.merge(store, project_id, [tab.classes[1]], tab.classes[0])
    with store.read() as connection:
        assert [g.class_id for g in gold.all_gold(connection, project_id)] == [
            tab.classes[0],
            tab.classes[0],
            tab.classes[2],
        ]
    classes.delete(store, project_id, tab.classes[0], take_back=True)
    with store.read() as connection:
        assert [g.class_id for g in gold.all_gold(connection, project_id)] == [tab.classes[2]]
    undo_newest(store, project_id)
    undo_newest(store, project_id)
    with store.read() as connection:
        assert gold.all_gold(connection, project_id) == before


# -- names, order, rights, undo ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "1 to 100"),
        ("   ", "1 to 100"),
        ("x" * 200, "1 to 100"),
        ("a\x07b", "visible"),
        ("\u202ecat", "visible"),
        ("dog", "'dog' is doubled"),
        ("cafe\u0301", "'café' is doubled"),
    ],
)
def test_a_name_that_could_not_be_given_at_the_start_is_refused_later_too(
    store: Store, name: str, why: str
) -> None:
    project_id = project(store, classes=("cat", "dog", "café"))
    first = ids(store, project_id)["cat"]
    with pytest.raises(InvalidClasses, match=why):
        classes.rename(store, project_id, first, name)
    with pytest.raises(InvalidClasses, match=why):
        classes.add(store, project_id, [name])
    assert list(ids(store, project_id)) == ["cat", "dog", "café"]


@pytest.mark.parametrize("name", ["👩‍🚀", "قطة", "Cat", "x" * 100, "<b>cat</b>", "=1+1"])
def test_names_of_every_script_are_taken(store: Store, name: str) -> None:
    project_id = project(store, classes=("dog", "cat"))
    classes.rename(store, project_id, ids(store, project_id)["dog"], name)
    assert list(ids(store, project_id)) == [name, "cat"]
    classes.merge(store, project_id, [ids(store, project_id)[name]], ids(store, project_id)["cat"])
    assert name[:50] in classes.words(classes.changes(store, project_id)[0])


def test_classes_can_change_names_with_each_other(store: Store) -> None:
    project_id = project(store)
    cat, dog = ids(store, project_id).values()
    classes.rename(store, project_id, cat, "animal")
    classes.rename(store, project_id, dog, "cat")
    classes.rename(store, project_id, cat, "dog")
    assert ids(store, project_id) == {"dog": cat, "cat": dog}
    for _ in range(3):
        undo_newest(store, project_id)
    assert ids(store, project_id) == {"cat": cat, "dog": dog}


def test_a_name_that_was_given_anew_is_free_again_when_that_is_undone_first(store: Store) -> None:
    project_id, tab = labeled(store)
    classes.merge(store, project_id, [tab.classes[2]], tab.classes[0])
    classes.add(store, project_id, ["tiger"])
    assert list(ids(store, project_id)) == ["cat", "dog", "tiger"]
    undo_newest(store, project_id)  # that of the class that took the name
    undo_newest(store, project_id)
    assert list(ids(store, project_id).values()) == tab.classes


def test_only_the_newest_change_can_be_undone_and_only_once(store: Store) -> None:
    project_id, tab = labeled(store)
    classes.rename(store, project_id, tab.classes[0], "lion")
    first = classes.newest_change(store, project_id)
    classes.rename(store, project_id, tab.classes[1], "wolf")
    with pytest.raises(NothingToUndo, match="newest"):
        classes.undo(store, project_id, first)
    undo_newest(store, project_id)
    undo_newest(store, project_id)
    with pytest.raises(NothingToUndo):
        classes.undo(store, project_id, first)
    assert classes.newest_change(store, project_id) is None


def test_a_stale_wish_is_refused(store: Store) -> None:
    project_id, tab = labeled(store)
    classes.merge(store, project_id, [tab.classes[2]], tab.classes[0])
    for wish in (
        lambda: classes.rename(store, project_id, tab.classes[2], "x"),
        lambda: classes.merge(store, project_id, [tab.classes[1]], tab.classes[2]),
        lambda: classes.delete(store, project_id, tab.classes[1], move_to=tab.classes[2]),
        lambda: classes.order(store, project_id, tab.classes),
        lambda: classes.merge(store, project_id, [], tab.classes[0]),
        lambda: classes.merge(store, project_id, [tab.classes[0]], tab.classes[0]),
        lambda: classes.describe(store, project_id, tab.classes[0], "x" * 501),
    ):
        with pytest.raises(InvalidClasses):
            wish()


def test_only_owners_change_classes(store: Store) -> None:
    project_id, tab = labeled(store)
    with store.write() as connection:
        connection.execute(text("UPDATE member SET role = 'owner'"))
    ben = Tab(store, project_id, "Ben")
    ben.next()
    cat, dog, tiger = ids(store, project_id).values()
    classes.rename(store, project_id, cat, "lion", by=tab.annotator.id)
    for wish in (
        lambda: classes.rename(store, project_id, cat, "x", by=ben.annotator.id),
        lambda: classes.describe(store, project_id, cat, "x", by=ben.annotator.id),
        lambda: classes.order(store, project_id, [tiger, dog, cat], by=ben.annotator.id),
        lambda: classes.merge(store, project_id, [dog], cat, by=ben.annotator.id),
        lambda: classes.delete(store, project_id, dog, take_back=True, by=ben.annotator.id),
        lambda: undo_newest(store, project_id, ben.annotator.id),
    ):
        with pytest.raises(NotAllowed):
            wish()


def test_every_change_is_in_the_audit_log_in_words(store: Store) -> None:
    project_id, tab = labeled(store)
    cat, dog, tiger = tab.classes
    classes.describe(store, project_id, cat, "Has  whiskers.")
    classes.order(store, project_id, [dog, cat, tiger])
    classes.merge(store, project_id, [tiger], cat)
    classes.delete(store, project_id, dog, move_to=cat)
    undo_newest(store, project_id)
    said = [audit.words(event) for event in audit.of_project(store, project_id, None)]
    assert said[:5] == [
        "undid this change of classes: deleted the class dog; of its 3 labels: count as cat",
        "deleted the class dog; of its 3 labels: count as cat",
        "merged the classes tiger into cat",
        "put the classes in the order dog, cat, tiger",
        "described the class cat: Has whiskers.",
    ]
    assert projects.get(store, project_id).classes[1].description == "Has whiskers."


# -- files -------------------------------------------------------------------------------------


def test_a_file_may_bring_classes_only_when_it_is_said(store: Store, tmp_path: Path) -> None:
    project_id = project(store)
    table = tmp_path / "labels.csv"
    table.write_text("file,class\nimage 0.png,cat\nimage 1.png,emu\nimage 2.png,emu\n")
    with pytest.raises(InvalidClasses, match="emu"):
        label_import.bring(store, project_id, LabelFile(table))
    assert labels_of(store, project_id) == {}
    plan = label_import.bring(store, project_id, LabelFile(table), new_classes="leave out")
    assert (len(plan.class_of), plan.reasons.total()) == (1, 2)
    plan = label_import.bring(store, project_id, LabelFile(table), new_classes="add")
    assert len(plan.class_of) == 2 and list(ids(store, project_id)) == ["cat", "dog", "emu"]


def test_a_file_that_names_a_merged_class_means_the_new_one(store: Store, tmp_path: Path) -> None:
    project_id = project(store)
    cat, dog = ids(store, project_id).values()
    classes.merge(store, project_id, [dog], cat)
    table = tmp_path / "labels.csv"
    table.write_text("file,class\nimage 0.png,dog\n")
    plan = label_import.bring(store, project_id, LabelFile(table))
    assert plan.merged == {"dog": "cat"}
    assert "'dog' counts as 'cat', into which it was merged" in label_import.words(plan)
    assert set(named_labels(store, project_id).values()) == {"cat"}


def test_a_revision_comes_back_with_an_undo(store: Store) -> None:
    project_id, tab = labeled(store)

    def name() -> str:
        with store.read() as connection:
            from alcore.store import projects as rows

            return revision(connection, rows.get(connection, project_id))

    before = name()
    classes.merge(store, project_id, [tab.classes[2]], tab.classes[0])
    assert name() != before
    undo_newest(store, project_id)
    assert name() == before


# -- in any order ------------------------------------------------------------------------------


class Changes(RuleBasedStateMachine):
    """Labels and changes of classes in any order, beside a plain model of what they mean."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Workspace(Path(self.folder.name)))

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        self.project_id = project(self.store, 12, classes=("a", "b", "c", "d"))
        self.tab = Tab(self.store, self.project_id)
        self.every = list(self.tab.classes)
        self.said: dict[int, int] = {}  # what was answered last, by item
        self.keys: list[tuple[str, int, int | None]] = []
        self.means: dict[int, int | None] = {c: c for c in self.every}
        self.stack: list[tuple[dict[int, int | None], dict[int, str], list[int]]] = []
        self.names = dict(zip(self.every, "abcd", strict=True))
        self.order = list(self.every)
        self.fresh = 0

    def push(self) -> None:
        self.stack.append((dict(self.means), dict(self.names), list(self.order)))

    @rule(data=st.data())
    def label(self, data: st.DataObject) -> None:
        """Answer with a class that may be gone by now, as a late outbox does."""
        leases = self.tab.claim(1).leases
        if not leases:
            return
        (image,), class_id = leases, data.draw(st.sampled_from(self.every))
        key = uuid.uuid4().hex
        try:
            labeling.answer(
                self.store, self.tab.event(image, class_id=class_id, key=key), handed=True
            )
        except ClassDeleted:
            assert self.means[class_id] is None
            return
        assert self.means[class_id] is not None
        self.keys.append((key, image.item_id, self.said.get(image.item_id)))
        self.said[image.item_id] = class_id

    @precondition(lambda self: self.keys)
    @rule()
    def take_back_label(self) -> None:
        key, item_id, before = self.keys.pop()
        with suppress(LeaseExpired):
            self.tab.undo(key)
        if before is None:
            del self.said[item_id]
        else:
            self.said[item_id] = before

    @precondition(lambda self: len(self.order) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        one, into = data.draw(st.permutations(self.order))[:2]
        self.push()
        classes.merge(self.store, self.project_id, [one], into)
        self.means = {c: into if m == one else m for c, m in self.means.items()}
        self.order.remove(one)

    @precondition(lambda self: len(self.order) > 1)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.order))
        self.push()
        classes.delete(self.store, self.project_id, one, take_back=True)
        self.means = {c: None if m == one else m for c, m in self.means.items()}
        self.order.remove(one)

    @precondition(lambda self: self.order)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.order))
        self.fresh += 1
        self.push()
        classes.rename(self.store, self.project_id, one, f"name {self.fresh}")
        self.names[one] = f"name {self.fresh}"

    @rule(data=st.data())
    def reorder(self, data: st.DataObject) -> None:
        order = data.draw(st.permutations(self.order))
        if order == self.order:
            return
        self.push()
        classes.order(self.store, self.project_id, order)
        self.order = list(order)

    @rule()
    def add(self) -> None:
        self.fresh += 1
        self.push()
        new = classes.add(self.store, self.project_id, [f"name {self.fresh}"]).classes[-1]
        self.names[new.id] = new.name
        self.means[new.id] = new.id
        self.order.append(new.id)
        self.every.append(new.id)

    @precondition(lambda self: self.stack)
    @rule()
    def undo(self) -> None:
        undo_newest(self.store, self.project_id)
        means, self.names, self.order = self.stack.pop()
        self.means = {c: means.get(c) for c in self.every}

    @invariant()
    def labels_are_what_they_mean(self) -> None:
        if not hasattr(self, "project_id"):
            return
        expected = {
            item: meant for item, c in self.said.items() if (meant := self.means[c]) is not None
        }
        assert labels_of(self.store, self.project_id) == expected
        now = projects.get(self.store, self.project_id)
        assert [c.id for c in now.classes] == self.order
        assert [c.position for c in now.classes] == list(range(len(self.order)))
        assert {c.id: c.name for c in now.classes} == {c: self.names[c] for c in self.order}
        with self.store.read() as connection:
            assert soundness.stale(connection) == []
            assert soundness.miscounted(connection) == []


TestChanges = Changes.TestCase
TestChanges.settings = settings(
    max_examples=12 * SCALE,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
