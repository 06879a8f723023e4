"""Owns the proof that in instant mode the queue follows each answer, and says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from made import BY_HAND, Tab, label_rows, project
from seen import feature, look
from sqlalchemy import select
from trained import change_rounds

from alcore.config import HoldoutRule, RetrainRule, Workspace
from alcore.services import board_status, grid, projects
from alcore.services.instant import Instant
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Store, leasing, queue
from alcore.store import projects as stored_projects
from alcore.store.tables import label_event, queue_item

CLASSES = ("cat", "dog", "owl")
ON = replace(BY_HAND, instant=True)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def instant(store: Store) -> Instant:
    return Instant(store, PredictionCache(store))


def seen_project(store: Store, n: int = 120, **more: object) -> Tab:
    """A project in instant mode with a model that takes cats for dogs, dogs for owls …"""
    project_id = project(store, n, classes=CLASSES, **{"settings": ON} | more)
    look(store, project_id, turned=1)
    return Tab(store, project_id)


def group(item_id: int) -> int:
    return (item_id - 1) % 3


def answer_truly(tab: Tab, n: int) -> None:
    for lease in tab.claim(n).leases:
        tab.answer(lease, group(lease.item_id))


def ranking(tab: Tab) -> tuple[int, int | None, int | None]:
    with tab.store.read() as connection:
        number, by = stored_projects.ranking(connection, tab.project_id)
        return number, by, stored_projects.head_labels(connection, tab.project_id)


def suggestions(tab: Tab) -> dict[int, int]:
    """Position of the likeliest class of each queued item."""
    number, _, _ = ranking(tab)
    with tab.store.read() as connection:
        rows = connection.execute(
            select(queue_item.c.item_id, queue_item.c.suggestion).where(
                queue_item.c.project_id == tab.project_id, queue_item.c.ranking == number
            )
        )
        return {item_id: int(np.argmax(p)) for item_id, p in rows}


def test_queue_and_suggestions_follow_the_answers(store: Store, instant: Instant) -> None:
    tab = seen_project(store)
    answer_truly(tab, 1)
    before = ranking(tab)
    assert instant.refresh(tab.project_id)
    assert ranking(tab) == (before[0] + 1, before[1], 1)
    answer_truly(tab, 50)
    assert instant.refresh(tab.project_id)
    assert ranking(tab)[2] == 51
    said = suggestions(tab)
    right = np.mean([guess == group(item_id) for item_id, guess in said.items()])
    assert len(said) == 69 and right > 0.8  # the model itself was always wrong


def test_an_image_that_the_queue_has_left_behind_still_has_a_suggestion(
    store: Store, instant: Instant
) -> None:
    tab = seen_project(store, 300)
    answer_truly(tab, 30)
    assert instant.refresh(tab.project_id)
    with store.read() as connection:
        (left, *_) = set(range(31, 301)) - queue.queued(connection, tab.project_id)
    assert board_status.why(store, tab.project_id, None, left)["suggestion"] is None
    (best, *_) = board_status.why(store, tab.project_id, None, left, instant.prediction_cache)[
        "suggestion"
    ]
    classes = projects.get(store, tab.project_id).classes
    assert best["class"] == classes[group(left)].id


def test_without_new_answers_nothing_is_swapped(store: Store, instant: Instant) -> None:
    tab = seen_project(store)
    assert not instant.refresh(tab.project_id)
    answer_truly(tab, 1)
    assert instant.refresh(tab.project_id)
    assert not instant.refresh(tab.project_id)


def test_a_taken_back_answer_is_unlearnt(store: Store, instant: Instant) -> None:
    tab = seen_project(store)
    answer_truly(tab, 12)
    key = tab.answer(tab.next(), 0)
    instant.refresh(tab.project_id)
    assert ranking(tab)[2] == 13
    tab.undo(key)
    assert instant.refresh(tab.project_id)
    assert ranking(tab)[2] == 12


def test_a_strategy_that_the_head_cannot_follow_is_not_named_as_what_ranked(
    store: Store, instant: Instant
) -> None:
    tab = seen_project(store)
    change_rounds(store, "default policy", "strategy")
    lease = tab.next()
    assert (
        board_status.why(store, tab.project_id, None, lease.item_id)["strategy"] == "default policy"
    )
    answer_truly(tab, 2)
    instant.refresh(tab.project_id)
    lease = tab.next()
    assert board_status.why(store, tab.project_id, None, lease.item_id)["strategy"] == "margin"


def test_every_label_says_what_had_ranked_it(store: Store, instant: Instant) -> None:
    tab = seen_project(store)
    answer_truly(tab, 2)
    instant.refresh(tab.project_id)
    lease = tab.next()
    assert (lease.round_number, lease.head_labels) == (1, 2)
    why = board_status.why(store, tab.project_id, None, lease.item_id)
    assert (why["model"], why["instant"], why["strategy"]) == (1, 2, "margin")
    key = tab.answer(lease)
    rows = label_rows(store, tab.project_id)
    assert [(row["model"], row["instant"]) for row in rows] == [(1, None), (1, None), (1, 2)]
    assert tab.undo(key).head_labels == 2
    status = tab.status()
    assert status["instant"] == 2 and status["follows"]


def test_a_new_model_takes_the_queue_over_and_is_followed_in_turn(
    store: Store, instant: Instant
) -> None:
    tab = seen_project(store)
    answer_truly(tab, 3)
    instant.refresh(tab.project_id)
    look(store, tab.project_id)
    assert ranking(tab)[1:] == (2, None)
    assert not instant.refresh(tab.project_id)
    answer_truly(tab, 1)
    assert instant.refresh(tab.project_id)
    assert ranking(tab)[1:] == (2, 4)


def test_answers_given_while_a_model_trained_count_at_once(store: Store, instant: Instant) -> None:
    tab = seen_project(store)
    with store.read() as connection:
        open_before = queue.queued(connection, tab.project_id)
    answer_truly(tab, 4)
    # A restart: nothing is kept in memory, and the model knows none of the four.
    fresh = Instant(store, PredictionCache(store))
    assert fresh.refresh(tab.project_id) and ranking(tab)[2] == 4
    with store.read() as connection:
        assert len(queue.queued(connection, tab.project_id) & open_before) < len(open_before)


def test_a_queue_of_a_newer_model_is_not_overwritten(
    store: Store, instant: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = seen_project(store)
    answer_truly(tab, 3)
    from alcore.services import instant as module

    whole = module.rank

    def overtaken(*given: object) -> object:
        ranked = whole(*given)
        look(store, tab.project_id)
        return ranked

    monkeypatch.setattr(module, "rank", overtaken)
    assert not instant.refresh(tab.project_id)
    assert ranking(tab)[1:] == (2, None)


def test_switched_off_nothing_moves_and_the_grid_shows_the_model(
    store: Store, instant: Instant
) -> None:
    tab = seen_project(store)
    answer_truly(tab, 20)
    instant.refresh(tab.project_id)
    there = projects.get(store, tab.project_id)
    projects.edit(store, there, replace(there.settings, instant=False))
    answer_truly(tab, 3)
    before = ranking(tab)
    assert not instant.refresh(tab.project_id) and ranking(tab) == before
    claim = grid.TileClaim(tab.project_id, tab.annotator.id, tab.client, 12)
    second = grid.Choice(class_id=tab.classes[1])
    found = grid.tiles(store, instant.prediction_cache, claim, second)
    assert found.head_labels is None and {group(one.item_id) for one in found.leases} == {0}


def test_the_grid_shows_what_the_instant_head_says(store: Store, instant: Instant) -> None:
    tab = seen_project(store)
    answer_truly(tab, 30)
    instant.refresh(tab.project_id)
    claim = grid.TileClaim(tab.project_id, tab.annotator.id, tab.client, 12)
    second = grid.Choice(class_id=tab.classes[1])
    found = grid.tiles(store, instant.prediction_cache, claim, second)
    assert found.head_labels == 30 and {group(one.item_id) for one in found.leases} == {1}
    assert {one.head_labels for one in found.leases} == {30}


def test_holdout_questions_stay_one_in_five_and_carry_suggestions(
    store: Store, instant: Instant
) -> None:
    rule = replace(ON, holdout=HoldoutRule(every=5))
    tab = seen_project(store, 200, held=40, settings=rule)
    first = []
    for _ in range(60):
        instant.refresh(tab.project_id)
        (lease,) = tab.claim(1).leases
        first.append(lease.origin == "holdout")
        tab.answer(lease, group(lease.item_id))
    assert 4 <= sum(first) <= 22  # 12 expected; outside once in a thousand
    assert set(suggestions(tab)) >= {lease.item_id for lease in tab.claim(3).leases}
    number, _, _ = ranking(tab)
    with store.read() as connection:
        rows = connection.execute(
            select(queue_item.c.suggestion).where(
                queue_item.c.project_id == tab.project_id, queue_item.c.ranking == number
            )
        ).scalars()
        assert all(said is not None for said in rows)


@pytest.mark.parametrize("strategy", ["random", "entropy", "BADGE", "mixed", "label or relabel"])
def test_any_strategy_can_be_the_projects(store: Store, instant: Instant, strategy: str) -> None:
    tab = seen_project(store, settings=replace(ON, strategy=strategy))
    answer_truly(tab, 6)
    before = ranking(tab)
    moved = instant.refresh(tab.project_id)
    assert moved == (strategy != "label or relabel")
    if not moved:
        assert ranking(tab) == before
    assert len(tab.claim(5).leases) == 5


def test_the_thread_follows_a_burst_with_few_turns(store: Store, instant: Instant) -> None:
    tab = seen_project(store)
    before = ranking(tab)[0]
    for lease in tab.claim(30).leases:
        tab.answer(lease, group(lease.item_id))
        instant.notify(tab.project_id)
    until = time.monotonic() + 90
    while ranking(tab)[2] != 30:
        assert time.monotonic() < until, "the queue did not follow"
        time.sleep(0.02)
    assert before < ranking(tab)[0] <= before + 30


def test_a_project_that_cannot_follow_does_not_stop_the_others(
    store: Store, instant: Instant
) -> None:
    tab = seen_project(store)
    instant.notify(999)
    answer_truly(tab, 1)
    instant.notify(tab.project_id)
    until = time.monotonic() + 90
    while ranking(tab)[2] != 1:
        assert time.monotonic() < until, "the queue did not follow"
        time.sleep(0.02)
    assert [one.name for one in threading.enumerate()].count("instant") >= 1


def test_labels_of_holdout_questions_teach_nothing(store: Store, instant: Instant) -> None:
    tab = seen_project(store, 200, held=40)
    while len([e for e in _origins(store) if e == "holdout"]) < 3:
        answer_truly(tab, 5)
    instant.refresh(tab.project_id)
    assert ranking(tab)[2] == len([e for e in _origins(store) if e != "holdout"])


def _origins(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(label_event.c.origin)).scalars())


# -- on features, before there is a model --------------------------------------------------------


def featured_project(store: Store, n: int = 120) -> Tab:
    """A project in instant mode with features and without a model."""
    project_id = project(store, n, classes=CLASSES, settings=ON)
    feature(store, project_id)
    return Tab(store, project_id)


def test_before_there_is_a_model_the_queue_follows_by_features_from_two_classes_on(
    store: Store, instant: Instant
) -> None:
    tab = featured_project(store)
    before = ranking(tab)
    answer_truly(tab, 1)
    assert not instant.refresh(tab.project_id)
    answer_truly(tab, 1)
    assert instant.refresh(tab.project_id)
    assert ranking(tab) == (before[0] + 1, None, 2)
    answer_truly(tab, 20)
    assert instant.refresh(tab.project_id)
    guesses = suggestions(tab)
    right = np.mean([guess == group(item_id) for item_id, guess in guesses.items()])
    assert right > 0.9
    why = board_status.why(
        store, tab.project_id, None, next(iter(guesses)), instant.prediction_cache
    )
    assert (why["strategy"], why["model"], why["instant"]) == ("margin", None, 22)


def test_without_instant_mode_features_answer_from_when_the_first_model_is_due_until_it_is_there(
    store: Store, instant: Instant
) -> None:
    rule = RetrainRule(new_labels=5, minimum=10)
    settings = replace(ON, instant=False, retrain=rule)
    project_id = project(store, 120, classes=CLASSES, settings=settings)
    feature(store, project_id)
    tab = Tab(store, project_id)
    answer_truly(tab, 4)
    assert not instant.refresh(project_id)
    assert not board_status.status(store, project_id, tab.annotator.id)["follows"]
    answer_truly(tab, 8)
    assert instant.refresh(project_id)
    assert ranking(tab)[1:] == (None, 12)
    guesses = suggestions(tab)
    assert np.mean([guess == group(item_id) for item_id, guess in guesses.items()]) > 0.9
    assert board_status.status(store, project_id, tab.annotator.id)["follows"]
    look(store, project_id)
    answer_truly(tab, 1)
    assert not instant.refresh(project_id)  # the model ranks, and only the next one ranks anew
    assert ranking(tab)[1:] == (1, None)


def test_a_model_takes_the_place_of_features(store: Store, instant: Instant) -> None:
    tab = featured_project(store)
    answer_truly(tab, 6)
    assert instant.refresh(tab.project_id)
    look(store, tab.project_id)
    predictions = instant.prediction_cache.get(tab.project_id)
    assert predictions is not None and predictions.number == 1


def test_images_alike_are_found_before_any_label_and_groups_from_the_first_head_on(
    store: Store, instant: Instant
) -> None:
    tab = featured_project(store)

    def tiles(**more: object) -> grid.Tiles:
        claim = grid.TileClaim(tab.project_id, tab.annotator.id, tab.client, 12)
        return grid.tiles(store, instant.prediction_cache, claim, grid.Choice(**more))

    image = tab.next()
    alike = tiles(like=image.item_id)
    assert len(alike.leases) == 12 and alike.model is None
    assert {group(lease.item_id) for lease in alike.leases} == {group(image.item_id)}
    nothing = tiles(class_id=tab.classes[0])
    assert not nothing.leases and "images like the one on screen" in (nothing.reason or "")
    with store.write() as connection:
        leasing.release(connection, tab.client, [lease.token for lease in alike.leases])
    tab.answer(image, group(image.item_id))
    answer_truly(tab, 8)
    assert instant.refresh(tab.project_id)
    groups = tiles(class_id=tab.classes[1])
    assert {group(lease.item_id) for lease in groups.leases} == {1}


def test_features_that_were_computed_anew_are_seen_anew(store: Store, instant: Instant) -> None:
    tab = featured_project(store)
    first = instant.prediction_cache.get(tab.project_id)
    assert first is not None and instant.prediction_cache.get(tab.project_id) is first
    feature(store, tab.project_id)
    assert instant.prediction_cache.get(tab.project_id) is not first
