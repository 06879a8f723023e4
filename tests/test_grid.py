"""Owns the proof that the grid keeps every promise that single images keep."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from made import Tab, label_rows, labels_of, project
from seen import look
from sqlalchemy import select, update
from trained import give_labels

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.errors import LeaseExpired, NotAllowed, NothingToUndo, UnknownItem
from alcore.records import NewLot
from alcore.services import classes as class_list
from alcore.services import grid, labeling, team
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Store, bulk, jobs
from alcore.store import labels as stored_labels
from alcore.store.tables import label_event, lease

CLASSES = ("cat", "dog", "owl")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


class GridTab(Tab):
    """A tab that labels in the grid."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.prediction_cache = PredictionCache(self.store)

    def tiles(self, n: int = 12, class_index: int | None = 0, **more: object) -> grid.Tiles:
        class_id = None if class_index is None else self.classes[class_index]
        which = {k: more.pop(k) for k in list(more) if k in grid.Choice.__dataclass_fields__}
        claim = grid.TileClaim(self.project_id, self.annotator.id, self.client, n, **more)
        choice = grid.Choice(class_id, **which)
        return grid.tiles(self.store, self.prediction_cache, claim, choice)

    def lot(self, leases: tuple, class_index: int = 0, key: str = "", **more: object) -> grid.Lot:
        tiles = tuple((one.token, one.item_id) for one in leases)
        lot = NewLot(
            project_id=self.project_id,
            annotator_id=self.annotator.id,
            client=self.client,
            key=key or uuid.uuid4().hex,
            created_at=time.time(),
            tiles=tiles,
            **{"class_id": self.classes[class_index], **more},
        )
        return grid.label_lot(self.store, lot)

    def unlot(self, undoes: str, key: str = "") -> tuple[list, bool]:
        return grid.undo_lot(self.store, self.wish(undoes, key), self.client)


@pytest.fixture
def tab(store: Store) -> GridTab:
    """A tab on 120 images of three classes, each seen by a model; ten are holdout questions."""
    project_id = project(store, 120, held=10, classes=CLASSES)
    look(store, project_id)
    return GridTab(store, project_id)


def events(store: Store) -> list:
    with store.read() as connection:
        return connection.execute(select(label_event).order_by(label_event.c.id)).all()


def first_of(tab: GridTab, class_index: int = 0) -> int:
    """Name an open image of a class and give it back."""
    (lease,) = tab.tiles(1, class_index).leases
    labeling.release(tab.store, tab.client, [lease.token])
    return lease.item_id


# -- tiles -------------------------------------------------------------------------------------


def test_a_grid_shows_open_images_of_one_predicted_class(tab: GridTab) -> None:
    found = tab.tiles(12, 1)
    assert len(found.leases) == 12 and found.class_id == tab.classes[1] and found.reason is None
    assert {one.item_id % 3 for one in found.leases} == {2}  # ids begin at 1
    assert {one.origin for one in found.leases} == {"grid"}
    assert sum(found.counts.values()) == 110 and found.model == 1 and found.head_labels is None


def test_the_surest_or_the_most_doubtful_come_first(tab: GridTab) -> None:
    sure = tab.tiles(12, 0)
    doubtful = tab.tiles(12, 0, first="doubtful")
    assert sure.shares == tuple(sorted(sure.shares, reverse=True))
    assert doubtful.shares == tuple(sorted(doubtful.shares))
    assert doubtful.shares[-1] < sure.shares[-1]


def test_without_a_class_the_one_with_the_fewest_labels_is_taken(tab: GridTab) -> None:
    give_labels(tab.store, tab.project_id, 5)  # two cats, two dogs, one owl
    assert tab.tiles(12, None).class_id == tab.classes[2]


def test_holdout_questions_are_never_in_a_grid(tab: GridTab) -> None:
    seen = []
    for class_index in range(3):
        seen += [one.item_id for one in tab.tiles(50, class_index).leases]
    assert sorted(seen) == list(range(1, 111))


def test_neighbours_of_a_holdout_question_are_found_like_any_others(tab: GridTab) -> None:
    found = tab.tiles(12, None, like=111)
    assert len(found.leases) == 12 and all(one.item_id <= 110 for one in found.leases)


def test_gold_is_in_no_grid_even_where_its_known_answer_was_taken_back(tab: GridTab) -> None:
    gold = first_of(tab)
    known = tab.answer(tab.revisit(gold)[0])
    team.make_gold(tab.store, tab.project_id, tab.annotator.id, [gold])
    ben = GridTab(tab.store, tab.project_id, "Ben")
    assert gold not in {one.item_id for one in ben.tiles(50, 0).leases}
    last_word = next(e.key for e in events(tab.store) if e.origin == "adjudicated")
    tab.undo(last_word)
    tab.undo(known)
    assert tab.status()["labels"] == 0
    cleo = GridTab(tab.store, tab.project_id, "Cleo")
    assert gold not in {one.item_id for one in cleo.tiles(50, 0).leases}
    some = ben.tiles(50, 1).leases[0].item_id
    assert gold not in {one.item_id for one in cleo.tiles(50, None, like=some).leases}


def test_neighbours_do_not_give_the_answer_of_gold_or_of_others_away(tab: GridTab) -> None:
    gold = first_of(tab)
    tab.answer(tab.revisit(gold)[0])
    team.make_gold(tab.store, tab.project_id, tab.annotator.id, [gold])
    ben = GridTab(tab.store, tab.project_id, "Ben")
    assert ben.tiles(12, None, like=gold).class_id is None
    assert ben.revisit(gold)[1] is None
    ben.answer(ben.revisit(gold)[0], 2)
    assert ben.tiles(12, None, like=gold).class_id == ben.classes[2]
    assert labels_of(tab.store, tab.project_id)[gold] == tab.classes[0]


def test_neighbours_are_of_the_same_kind_and_marked(tab: GridTab) -> None:
    found = tab.tiles(20, None, like=90)
    assert {one.item_id % 3 for one in found.leases} == {90 % 3}
    assert {one.origin for one in found.leases} == {"similar"}
    assert 90 not in {one.item_id for one in found.leases}
    assert found.class_id is None
    tab.lot(found.leases, 2)
    assert tab.tiles(12, None, like=found.leases[0].item_id).class_id == tab.classes[2]


def test_without_a_model_a_grid_says_why_it_is_empty(store: Store) -> None:
    tab = GridTab(store, project(store, 30))
    for found in (tab.tiles(), tab.tiles(like=1)):
        assert found.leases == () and "no model yet" in found.reason


def test_a_model_of_an_older_version_is_said_to_lack_embeddings(tab: GridTab) -> None:
    for file in tab.store.workspace.project(tab.project_id).rglob("*.embeddings.npy"):
        file.unlink()
    assert "embeddings" in tab.tiles().reason


def test_two_people_in_grids_at_once_share_no_image(tab: GridTab) -> None:
    people = [tab] + [GridTab(tab.store, tab.project_id, f"person {i}") for i in range(5)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda one: one.tiles(12, 1).leases, people))
    held = [one.item_id for leases in found for one in leases]
    assert len(held) == len(set(held)) == 37  # all dogs there are
    assert "Others hold" in tab.tiles(12, 1).reason


def test_single_images_and_tiles_share_no_image_either(tab: GridTab) -> None:
    single = {one.item_id for one in Tab(tab.store, tab.project_id, "Ben").claim(40).leases}
    tiles = {one.item_id for i in range(3) for one in tab.tiles(50, i).leases}
    assert not single & tiles
    later = Tab(tab.store, tab.project_id, "Eva").claim(50).leases
    assert not tiles & {one.item_id for one in later}


def test_tiles_are_renewed_and_given_back(tab: GridTab) -> None:
    first = tab.tiles(12, 0)
    tokens = tuple(one.token for one in first.leases)
    assert set(tab.tiles(0, 0, hold=tokens).held) == set(tokens)
    again = tab.tiles(12, 0, release=tokens)
    assert [one.item_id for one in again.leases] == [one.item_id for one in first.leases]


def test_an_image_that_i_skipped_twice_is_in_no_grid_of_mine(tab: GridTab) -> None:
    image = tab.next()
    tab.answer(image, kind="skip")
    again, _ = tab.revisit(image.item_id)
    tab.answer(again, kind="skip")
    place = (image.item_id - 1) % 3
    assert image.item_id not in {one.item_id for one in tab.tiles(50, place).leases}
    ben = GridTab(tab.store, tab.project_id, "Ben")
    assert [one.item_id for one in ben.tiles(50, place).leases] == [image.item_id]


# -- lots --------------------------------------------------------------------------------------


def test_a_lot_is_labeled_at_once_and_marked(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1)
    done = tab.lot(tiles.leases, 1, seconds=6.0, suggested_class=tab.classes[1])
    assert set(done.items) == {one.item_id for one in tiles.leases} and done.refused == ()
    assert set(labels_of(tab.store, tab.project_id).values()) == {tab.classes[1]}
    for event in events(tab.store):
        assert (event.origin, event.seconds, event.round_id) == ("grid", 0.5, 1)
        assert event.suggestion_shown and event.suggested_class == tab.classes[1]
    rows = label_rows(tab.store, tab.project_id)
    assert {(row["source"], row["model"]) for row in rows} == {("grid", 1)}
    with tab.store.read() as connection:
        assert connection.execute(select(lease)).all() == []


def test_excluded_tiles_return_to_the_queue(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1).leases
    tab.lot(tiles[:10], 1, release=tuple(one.token for one in tiles[10:]))
    again = {one.item_id for one in tab.tiles(50, 1).leases}
    assert {one.item_id for one in tiles[10:]} <= again
    assert not {one.item_id for one in tiles[:10]} & again


def test_a_lot_sent_again_counts_once(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1).leases
    first = tab.lot(tiles, 1, "lot-1")
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: tab.lot(tiles, 1, "lot-1"), range(4)))
    assert not first.duplicate and all(one.duplicate for one in again)
    assert {one.items for one in again} == {first.items}
    assert len(events(tab.store)) == 12


def test_a_lot_of_somebody_else_is_not_touched(tab: GridTab) -> None:
    tab.lot(tab.tiles(12, 1).leases, 1, "lot-1")
    ben = GridTab(tab.store, tab.project_id, "Ben")
    with pytest.raises(NotAllowed):
        ben.lot(ben.tiles(12, 0).leases, 0, "lot-1")
    with pytest.raises(NothingToUndo):
        ben.unlot("lot-1")


def test_tiles_that_somebody_else_has_by_now_are_left_out_and_named(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1).leases
    with tab.store.write() as connection:
        connection.execute(update(lease).values(expires_at=time.time() - 1))
    ben = GridTab(tab.store, tab.project_id, "Ben")
    taken = ben.tiles(4, 1).leases
    ben.lot(taken[:2], 2)
    done = tab.lot(tiles, 1, "lot-1")
    assert set(done.refused) == {one.item_id for one in taken} and len(done.items) == 8
    assert tab.lot(tiles, 1, "lot-1").refused == done.refused
    with pytest.raises(LeaseExpired):
        tab.lot(tuple(one for one in tiles if one.item_id in done.refused), 1)


def test_a_lot_with_a_foreign_image_or_class_is_refused_whole(tab: GridTab) -> None:
    other = GridTab(tab.store, project(tab.store, 30, name="others"))
    tiles = tab.tiles(12, 1).leases
    with pytest.raises(UnknownItem):
        tab.lot((*tiles, other.next()), 1)
    with pytest.raises(UnknownItem):
        tab.lot(tiles, class_id=other.classes[0])
    assert events(tab.store) == []


def test_an_image_named_twice_in_a_lot_is_labeled_once(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1).leases
    assert len(tab.lot((*tiles, tiles[0]), 1).items) == 12


def test_a_lot_asks_for_the_training_that_it_makes_due(store: Store) -> None:
    settings = ProjectSettings(retrain=RetrainRule(new_labels=12))
    project_id = project(store, 120, classes=CLASSES, settings=settings)
    look(store, project_id)
    tab = GridTab(store, project_id)
    tab.lot(tab.tiles(20, 0).leases, 0)
    tab.lot(tab.tiles(12, 1).leases, 1)
    with store.read() as connection:
        assert jobs.newest(connection, project_id, "train").state == "waiting"


# -- undo --------------------------------------------------------------------------------------


def test_one_undo_takes_the_whole_lot_back_and_leases_it_again(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1).leases
    tab.lot(tiles, 1, "lot-1")
    leases, duplicate = tab.unlot("lot-1", "undo-1")
    assert not duplicate and labels_of(tab.store, tab.project_id) == {}
    assert [one.item_id for one in leases] == [one.item_id for one in tiles]
    assert {one.token for one in leases} == {f"undo-1/{one.item_id}" for one in tiles}
    assert {one.origin for one in leases} == {"grid"}
    again, duplicate = tab.unlot("lot-1", "undo-1")
    assert duplicate and [one.token for one in again] == [one.token for one in leases]
    assert len(events(tab.store)) == 24
    with pytest.raises(NothingToUndo):
        tab.unlot("lot-1", "undo-2")
    tab.lot(tuple(leases), 2, "lot-2")
    assert set(labels_of(tab.store, tab.project_id).values()) == {tab.classes[2]}


def test_labels_of_a_lot_that_were_changed_since_stay(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1).leases
    tab.lot(tiles, 1, "lot-1")
    image, _ = tab.revisit(tiles[0].item_id)
    tab.answer(image, 0)
    leases, _ = tab.unlot("lot-1")
    assert len(leases) == 11
    assert labels_of(tab.store, tab.project_id) == {tiles[0].item_id: tab.classes[0]}


def test_one_label_of_a_lot_can_be_taken_back_alone(tab: GridTab) -> None:
    tiles = tab.tiles(12, 1).leases
    tab.lot(tiles, 1, "lot-1")
    tab.undo(bulk.event_key("lot-1", tiles[3].item_id))
    assert len(labels_of(tab.store, tab.project_id)) == 11
    assert len(tab.unlot("lot-1")[0]) == 11


# -- what is known in memory -------------------------------------------------------------------


def test_the_grid_follows_answers_undos_and_new_models(tab: GridTab) -> None:
    before = tab.tiles(0, 1).counts[tab.classes[1]]
    tiles = tab.tiles(12, 1).leases
    tab.lot(tiles, 1, "lot-1")
    assert tab.tiles(0, 1).counts[tab.classes[1]] == before - 12
    leases, _ = tab.unlot("lot-1")
    labeling.release(tab.store, tab.client, [one.token for one in leases])
    assert tab.tiles(0, 1).counts[tab.classes[1]] == before
    look(tab.store, tab.project_id, turned=1)
    found = tab.tiles(12, 1)
    assert found.model == 2 and {one.item_id % 3 for one in found.leases} == {1}


def test_a_class_that_is_newer_than_the_model_harms_nothing(tab: GridTab) -> None:
    added = class_list.add(tab.store, tab.project_id, ["elk"]).classes[-1]
    found = tab.tiles(12, 1)
    assert len(found.leases) == 12 and added.id in found.counts


def test_reading_the_log_costs_no_more_than_what_is_new(tab: GridTab) -> None:
    give_labels(tab.store, tab.project_id, 9)
    with tab.store.read() as connection:
        last = stored_labels.last_event(connection, tab.project_id)
        found, until = bulk.changes(connection, tab.project_id, last - 2)
        assert len(found) == 2 and until == last
        assert bulk.changes(connection, tab.project_id, last) == ([], last)
    assert np.isin([c.class_id for c in found], tab.classes).all()
