"""Owns the proof that several people can answer the same images, each once, as many as asked."""

from __future__ import annotations

import multiprocessing
import random
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from made import BY_HAND, Tab, labels_of, old_database, project
from sqlalchemy import create_engine, func, select, text, update

from alcore.config import ProjectSettings, TeamRule, Workspace
from alcore.errors import InvalidSettings, LeaseExpired
from alcore.loop.project_consensus import apply_consensus
from alcore.loop.queueing import swap_queue
from alcore.records import Lease
from alcore.services import board_status, labeling, projects
from alcore.store import Store, gold, items, label_checks, labels, votes
from alcore.store import projects as stored_projects
from alcore.store.tables import annotator, item, label_event, lease, vote

SPAWN = multiprocessing.get_context("spawn")


def shared(answers: int = 2, share: float = 1.0, **more: object) -> ProjectSettings:
    return replace(BY_HAND, team=TeamRule(overlap_share=share, answers=answers, **more))


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def expire(store: Store) -> None:
    with store.write() as connection:
        connection.execute(update(lease).values(expires_at=time.time() - 1))


def votes_per_item(store: Store) -> dict[int, int]:
    with store.read() as connection:
        return dict(
            connection.execute(select(vote.c.item_id, func.count()).group_by(vote.c.item_id)).all()
        )


def people(store: Store, project_id: int, *names: str) -> list[Tab]:
    return [Tab(store, project_id, name) for name in names]


# -- how many answers --------------------------------------------------------------------------


def test_an_image_goes_to_as_many_people_at_once_as_answers_are_lacking(store: Store) -> None:
    ana, ben, cleo = people(store, project(store, 6, settings=shared(2)), "Ana", "Ben", "Cleo")
    first = ana.next()
    assert ben.next().item_id == first.item_id
    assert cleo.next().item_id != first.item_id


def test_nobody_gets_an_image_that_they_answered_or_hold_again(store: Store) -> None:
    project_id = project(store, 6, settings=shared(3))
    ana, again = people(store, project_id, "Ana", "Ana")
    held = {image.item_id for image in ana.claim(3).leases}
    assert not held & {image.item_id for image in again.claim(3).leases}
    assert ana.claim(3).leases == ()
    waiting = ana.claim().waiting
    assert waiting.startswith("6 images are left: Ana holds 6 until ")


def test_the_one_who_answered_all_they_can_is_told_to_wait_for_others(store: Store) -> None:
    tab = Tab(store, project(store, 3, settings=shared(2)))
    while leases := tab.claim().leases:
        tab.answer(leases[0])
    assert tab.claim().waiting == (
        "Thank you: nothing is left for you. 3 images wait for the answer of somebody else."
    )
    ben = Tab(store, tab.project_id, "Ben")
    while leases := ben.claim().leases:
        ben.answer(leases[0])
    assert ben.claim().waiting.startswith("Every image has an answer. Look through them")


def test_the_seed_draws_which_images_are_shared_and_a_larger_share_adds_to_them(
    store: Store,
) -> None:
    def chosen(name: str, share: float, seed: int) -> set[int]:
        made = project(store, 100, name=name, settings=replace(shared(3, share), seed=seed))
        with store.read() as connection:
            rows = connection.execute(
                select(item.c.position, item.c.answers).where(item.c.project_id == made)
            ).all()
        assert {answers for _, answers in rows} <= {1, 3}
        return {position for position, answers in rows if answers == 3}

    one, same, more, other = (
        chosen("a", 0.3, 1), chosen("b", 0.3, 1), chosen("c", 0.5, 1), chosen("d", 0.3, 2),
    )  # fmt: skip
    assert one == same and one < more and one != other
    assert 15 < len(one) < 45


def test_settings_changed_midway_count_at_once(store: Store) -> None:
    ana, ben = people(store, project(store, 5), "Ana", "Ben")
    image = ana.next()
    ana.answer(image)
    there = projects.get(store, ana.project_id)
    projects.edit(store, there, replace(there.settings, team=TeamRule(1.0, 2)))
    for _ in range(5):
        ben.answer(ben.next(), 1)
    assert votes_per_item(store)[image.item_id] == 2
    there = projects.get(store, ana.project_id)
    projects.edit(store, there, replace(there.settings, team=TeamRule()))
    assert ana.claim().waiting.startswith("Every image has an answer. Look through them")


def test_a_shared_image_stays_in_the_queue_across_rankings_as_it_was(store: Store) -> None:
    ana, ben = people(store, project(store, 12, queued=4, settings=shared(2)), "Ana", "Ben")
    image = ana.next()
    ana.answer(image)
    for number in (1, 2, 3):
        with store.write() as connection:
            there = stored_projects.get(connection, ana.project_id)
            rows = [
                {"item_id": i, "score": 0.5, "reason": "close", "origin": "query",
                 "suggestion": [0.6, 0.4]}
                for i in (9, 10)
            ]  # fmt: skip
            swap_queue(connection, there, rows, None, number)
    claimed = {lease.item_id: lease for lease in ben.claim(3).leases}
    assert set(claimed) == {9, 10, image.item_id}
    assert claimed[image.item_id].origin == image.origin
    assert board_status.why(store, ana.project_id, None, image.item_id)["reason"] == "typical"


def test_an_answer_is_late_once_others_have_given_all_that_was_asked(store: Store) -> None:
    project_id = project(store, 4, settings=shared(2))
    ana, ben, cleo = people(store, project_id, "Ana", "Ben", "Cleo")
    image = ana.next()
    expire(store)
    for tab in (ben, cleo):
        theirs = tab.next()
        assert theirs.item_id == image.item_id
        tab.answer(theirs)
    with pytest.raises(LeaseExpired):
        ana.answer(image)
    assert votes_per_item(store) == {image.item_id: 2}


def test_a_late_answer_counts_while_one_is_lacking(store: Store) -> None:
    ana, ben = people(store, project(store, 4, settings=shared(3)), "Ana", "Ben")
    image = ana.next()
    expire(store)
    ben.answer(ben.next())
    ana.answer(image)
    assert votes_per_item(store) == {image.item_id: 2}


def test_an_undone_answer_can_be_given_again_or_by_somebody_else(store: Store) -> None:
    project_id = project(store, 1, settings=shared(2))
    ana, ben, cleo = people(store, project_id, "Ana", "Ben", "Cleo")
    key = ana.answer(ana.next())
    ben.answer(ben.next())
    again = ana.undo(key)
    assert cleo.claim().leases == ()  # Ana has it back
    labeling.release(store, ana.client, [again.token])
    cleo.answer(cleo.next())
    assert votes_per_item(store) == {again.item_id: 2}


def test_who_goes_back_to_a_shared_image_sees_their_own_answer(store: Store) -> None:
    project_id = project(store, 1, settings=shared(3))
    ana, ben, cleo = people(store, project_id, "Ana", "Ben", "Cleo")
    ana.answer(ana.next(), 0)
    for tab in (ben, cleo):
        tab.answer(tab.next(), 1)
    (item_id,) = labels_of(store, project_id)
    assert ana.revisit(item_id)[1] == ana.classes[0]


# -- what counts -------------------------------------------------------------------------------


def give(store: Store, answers: str) -> Tab:
    """Have people answer one image in turn; c cat, d dog, u unsure."""
    project_id = project(store, 1, settings=shared(5))
    for number, said in enumerate(answers):
        tab = Tab(store, project_id, f"person {number}")
        tab.answer(tab.next(), "cd".find(said), kind="unsure" if said == "u" else "label")
    return Tab(store, project_id)


@pytest.mark.parametrize(
    ("answers", "counts"),
    [("c", 0), ("cd", 1), ("dc", 0), ("cdc", 0), ("ccd", 0), ("cud", 1), ("cu", None),
     ("uc", 0), ("cuu", None), ("cddc", 0), ("cddcd", 1)],
)  # fmt: skip
def test_most_votes_count_and_of_as_many_the_newest(
    store: Store, answers: str, counts: int | None
) -> None:
    tab = give(store, answers)
    found = list(labels_of(store, tab.project_id).values())
    assert found == ([] if counts is None else [tab.classes[counts]])


def test_an_undo_brings_the_majority_before_it_back(store: Store) -> None:
    project_id = project(store, 1, settings=shared(3))
    ana, ben, cleo = people(store, project_id, "Ana", "Ben", "Cleo")
    ana.answer(ana.next(), 0)
    ben.answer(ben.next(), 1)
    key = cleo.answer(cleo.next(), 0)
    cleo.undo(key)
    assert list(labels_of(store, project_id).values()) == [ana.classes[1]]


def test_a_consensus_that_weighs_otherwise_counts_until_the_next_vote(store: Store) -> None:
    tab = give(store, "cdd")
    with store.write() as connection:
        (item_id,) = votes.table(connection, tab.project_id).item_ids.tolist()
        cat, dog = tab.classes
        assert votes.set_consensus(connection, tab.project_id, {item_id: cat}) == 1
        assert votes.set_consensus(connection, tab.project_id, {item_id: cat}) == 0
        assert labels.current(connection, item_id)[0] == cat
    assert labels_of(store, tab.project_id) == {item_id: cat}
    other = Tab(store, tab.project_id, "Dora")
    other.answer(other.next(), 1)
    assert labels_of(store, tab.project_id) == {item_id: dog}


def test_the_consensus_that_is_chosen_counts_and_the_majority_again_after_it(store: Store) -> None:
    """Two who always say dog outvote one who is right, until gold tells who knows cats."""
    project_id = project(store, 40, settings=shared(3))
    ana, *others = people(store, project_id, "Ana", "Ben", "Cleo")
    truth = {}
    for _ in range(40):
        image = ana.next()
        truth[image.item_id] = ana.classes[image.item_id % 2]
        ana.answer(image, image.item_id % 2)
        for tab in others:
            tab.answer(tab.next(), 1)
    dog = dict.fromkeys(truth, ana.classes[1])
    assert labels_of(store, project_id) == dog
    with store.write() as connection:
        gold.add(connection, project_id, {i: c for i, c in truth.items() if i <= 20}, time.time())
    for consensus, expected in (("Dawid-Skene", truth), ("majority", dog)):
        there = projects.get(store, project_id)
        team = replace(there.settings.team, consensus=consensus)
        projects.edit(store, there, replace(there.settings, team=team))
        assert labels_of(store, project_id) == expected


def test_a_model_settles_quarrels_once_people_can_be_weighed(store: Store) -> None:
    project_id = project(store, 40, settings=shared(2, consensus="model-weighted"))
    ana, ben = people(store, project_id, "Ana", "Ben")
    truth = {}
    for turn in range(40):
        image = ana.next()
        truth[image.item_id] = right = image.item_id % 2
        ana.answer(image, right)
        ben.answer(ben.next(), 1 - right if turn % 5 == 0 else right)
    wrong = {i for i, c in labels_of(store, project_id).items() if c != ana.classes[truth[i]]}
    assert len(wrong) == 8
    there = projects.get(store, project_id)
    with store.write() as connection:
        assert apply_consensus(connection, there) == 0  # no model has said anything yet
        judged = label_checks.to_judge(connection, project_id)
        label_checks.put(
            connection,
            [
                {
                    "item_id": i, "project_id": project_id, "event_id": event, "p": 0.95,
                    "class_id": ana.classes[truth[i]], "error_score": 0.0, "flagged": False,
                    "p_label": 0.95 if said == ana.classes[truth[i]] else 0.05, "created_at": 1.0,
                }
                for i, event, said in zip(
                    judged.item_ids.tolist(), judged.event_ids.tolist(), judged.class_ids.tolist(),
                    strict=True,
                )
            ],
        )  # fmt: skip
        assert apply_consensus(connection, there) == 8
    assert labels_of(store, project_id) == {i: ana.classes[c] for i, c in truth.items()}


def test_a_workspace_of_the_first_schema_is_brought_up_to_date(bare_workspace: Workspace) -> None:
    old_database(bare_workspace, "0001")
    made = create_engine(f"sqlite:///{bare_workspace.database}")
    with made.begin() as connection:
        connection.execute(text("INSERT INTO annotator (id, name, created_at) VALUES (1, 'A', 0)"))
        connection.execute(text("INSERT INTO annotator (id, name, created_at) VALUES (2, 'B', 0)"))
        connection.execute(
            text(
                "INSERT INTO project (id, name, settings, state, source, role, created_at) "
                "VALUES (1, 'old', '{}', 'ready', '{}', 'none', 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO project_class (id, project_id, name, position, created_at) "
                "VALUES (1, 1, 'cat', 0, 0), (2, 1, 'dog', 1, 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO item (id, project_id, position, name, content_hash, width, height, "
                "split) VALUES (1, 1, 0, 'a', 'a', 8, 8, 'pool'), (2, 1, 1, 'b', 'b', 8, 8, 'pool')"
            )
        )
        for key, who, class_id in (("k1", 1, 1), ("k2", 2, 1), ("k3", 1, 2)):
            connection.execute(
                text(
                    "INSERT INTO label_event (project_id, item_id, annotator_id, kind, class_id, "
                    "key, created_at, origin) "
                    "VALUES (1, 1, :who, 'label', :class, :key, 0, 'query')"
                ),
                {"who": who, "class": class_id, "key": key},
            )
        connection.execute(
            text(
                "INSERT INTO lease (item_id, project_id, annotator_id, client, token, expires_at, "
                "origin) VALUES (2, 1, 1, 'tab', 'token', 9e9, 'query')"
            )
        )
    made.dispose()
    store = Store.open(bare_workspace)
    with store.read() as connection:
        assert votes.of_item(connection, 1) == [(2, 1, 2), (1, 2, 3)]
        assert connection.execute(select(lease.c.token)).scalars().all() == ["token"]
    assert labels_of(store, 1) == {1: 2}
    store.close()


# -- gold --------------------------------------------------------------------------------------


def with_gold(store: Store, every: int, n: int = 5) -> tuple[Tab, dict[int, int]]:
    """A project whose last n holdout images are gold, known to be cats."""
    tab = Tab(store, project(store, 40, held=n, settings=shared(2, 0.0, gold_every=every)))
    with store.write() as connection:
        held = items.ids(connection, tab.project_id)[-n:]
        known = {int(i): tab.classes[0] for i in held}
        connection.execute(  # as where the answer key is known: no questions for the holdout
            text("UPDATE project SET known_classes = 'answer key' WHERE id = :id"),
            {"id": tab.project_id},
        )
        gold.add(connection, tab.project_id, known, time.time())
        rows = [
            {"item_id": i, "score": None, "reason": "typical", "origin": "cold start",
             "suggestion": None}
            for i in items.unlabeled(connection, tab.project_id).tolist()
        ]  # fmt: skip
        there = stored_projects.get(connection, tab.project_id)
        swap_queue(connection, there, rows, None, 1)
    return tab, known


@pytest.mark.parametrize("at_once", [1, 3, 6])
def test_one_question_in_each_block_is_gold_until_each_was_answered_once(
    store: Store, at_once: int
) -> None:
    tab, known = with_gold(store, every=4)
    asked: list[Lease] = []
    while leases := tab.claim(at_once).leases:
        for image in leases:
            asked.append(image)
            tab.answer(image)
    flags = [image.item_id in known for image in asked]
    assert [sum(flags[i : i + 4]) for i in range(0, 20, 4)] == [1] * 5
    assert sum(flags) == 5 and len({image.item_id for image in asked}) == 40


def test_nothing_marks_gold_and_its_answers_are_not_trained_on(store: Store) -> None:
    tab, known = with_gold(store, every=2)
    image = next(i for i in tab.claim(2).leases if i.item_id in known)
    told = board_status.why(store, tab.project_id, None, image.item_id)
    assert told["origin"] == "random" and told["reason"] == "drawn at random"
    tab.answer(image, 1)
    assert tab.revisit(image.item_id)[1] == tab.classes[1]
    assert labels_of(store, tab.project_id) == {}
    with store.read() as connection:
        assert gold.scores(connection, tab.project_id) == {tab.annotator.id: (0, 1)}


def test_gold_is_asked_of_everybody_and_each_is_measured(store: Store) -> None:
    ana, known = with_gold(store, every=2)
    ben = Tab(store, ana.project_id, "Ben")
    for tab, right in ((ana, 0), (ben, 1)):
        while leases := tab.claim(3).leases:
            for image in leases:
                tab.answer(image, right if image.item_id in known else 0)
    with store.read() as connection:
        assert gold.scores(connection, ana.project_id) == {
            ana.annotator.id: (5, 5),
            ben.annotator.id: (0, 5),
        }


# -- many at once ------------------------------------------------------------------------------


def _label_all(root: str, project_id: int, name: str, seed: int, said: Connection) -> None:
    """Label until nothing is left for this person; say what was claimed."""
    store, chance = Store.open(Workspace(Path(root))), random.Random(seed)
    tab, claimed, empty = Tab(store, project_id, name), [], 0
    while empty < 3:
        leases = tab.claim(chance.randint(1, 4)).leases
        if not leases:  # somebody else may still give something back
            empty += 1
            time.sleep(0.1)
            continue
        for image in leases:
            if chance.random() < 0.1:
                labeling.release(store, tab.client, [image.token])
                continue
            claimed.append(image.item_id)
            key = tab.answer(image, chance.randint(0, 1))
            if chance.random() < 0.1:
                tab.answer(tab.undo(key), chance.randint(0, 1))
    said.send(claimed)
    store.close()


def test_four_processes_give_each_shared_image_exactly_the_answers_that_it_needs(
    workspace: Workspace,
) -> None:
    store = Store.open(workspace)
    project_id = project(store, 90, held=10, queued=30, settings=shared(3, 0.5))
    workers = []
    for number in range(4):
        receive, send = SPAWN.Pipe(duplex=False)
        arguments = (str(workspace.root), project_id, f"person {number}", number, send)
        workers.append((SPAWN.Process(target=_label_all, args=arguments), receive))
    for process, _ in workers:
        process.start()
    claimed = [receive.recv() for _, receive in workers]
    for process, _ in workers:
        process.join()
    assert [process.exitcode for process, _ in workers] == [0] * 4
    for mine in claimed:
        assert len(mine) == len(set(mine))
    with store.read() as connection:
        wanted = dict(connection.execute(select(item.c.id, item.c.answers)).all())
        doubled = connection.execute(
            select(func.count())
            .select_from(label_event)
            .where(label_event.c.kind == "label")
            .group_by(label_event.c.item_id, label_event.c.annotator_id)
            .having(func.count() > 2)
        ).all()
        names = set(connection.execute(select(annotator.c.name)).scalars())
    assert votes_per_item(store) == wanted and {1, 3} == set(wanted.values())
    assert doubled == [] and len(names) == 4
    store.close()


@pytest.mark.parametrize(
    "wrong",
    [{"overlap_share": 1.5}, {"answers": 1}, {"answers": 6}, {"consensus": "loudest"},
     {"gold_every": 1}, {"gold_every": -2}],
)  # fmt: skip
def test_team_settings_that_cannot_work_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidSettings):
        TeamRule(**wrong)
