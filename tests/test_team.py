"""Owns the proof of who may do what, and of the figures of the team page."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from made import BY_HAND, Tab, join, labels_of, project
from sqlalchemy import text, update

from alcore.config import ProjectSettings, TeamRule, Workspace
from alcore.errors import InvalidSettings, NotAllowed, UnknownItem
from alcore.services import classes as class_list
from alcore.services import (
    dashboard,
    labeling,
    people,
    pretraining,
    projects,
    rights,
    team,
    training,
)
from alcore.store import Store, items, members
from alcore.store.tables import lease, member


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def shared(answers: int = 2, **more: object) -> ProjectSettings:
    return replace(BY_HAND, team=TeamRule(overlap_share=1.0, answers=answers, **more))


def key() -> str:
    return uuid.uuid4().hex


def owned(store: Store, n: int = 10, settings: ProjectSettings = BY_HAND) -> tuple[Tab, Tab]:
    """A project of Ana's, and Ben who labels in it."""
    ana = Tab(store, project(store, n, settings=settings))
    people.set_role(store, ana.project_id, None, ana.annotator.id, "owner")
    return ana, Tab(store, ana.project_id, "Ben")


# -- who may -----------------------------------------------------------------------------------


OWNERS_ONLY: dict[str, Callable[[Store, Tab, int], object]] = {
    "settings": lambda s, t, by: projects.edit(
        s, (p := projects.get(s, t.project_id)), replace(p.settings, batch_size=3), by=by
    ),
    "classes": lambda s, t, by: class_list.add(s, t.project_id, ["cow"], by=by),
    "class names": lambda s, t, by: class_list.rename(s, t.project_id, t.classes[0], "lion", by=by),
    "archive": lambda s, t, by: projects.archive(s, t.project_id, by=by),
    "training": lambda s, t, by: training.train(s, t.project_id, by),
    "end of a training": lambda s, t, by: training.stop(s, t.project_id, by),
    "import": lambda s, t, by: projects.resume_import(s, t.project_id, by),
    "end of an import": lambda s, t, by: projects.stop_import(s, t.project_id, by),
    "pretraining": lambda s, t, by: pretraining.start(s, t.project_id, by),
    "pretraining again": lambda s, t, by: pretraining.resume(s, t.project_id, by),
    "pause of a pretraining": lambda s, t, by: pretraining.pause(s, t.project_id, by),
    "end of a pretraining": lambda s, t, by: pretraining.stop(s, t.project_id, by),
    "roles": lambda s, t, by: people.set_role(s, t.project_id, by, by, "owner"),
    "agreement": lambda s, t, by: team.agreed(s, t.project_id, by),
    "freeing": lambda s, t, by: team.free(s, t.project_id, by, t.annotator.id),
    "last word": lambda s, t, by: team.adjudicate(
        s, t.project_id, by, key=key(), item_id=1, class_id=t.classes[0]
    ),
    "gold list": lambda s, t, by: team.all_gold(s, t.project_id, by),
    "gold": lambda s, t, by: team.make_gold(s, t.project_id, by, [1]),
    "less gold": lambda s, t, by: team.remove_gold(s, t.project_id, by, [1]),
    "gold choice": lambda s, t, by: team.could_be_gold(s, t.project_id, by, 5),
}


@pytest.mark.parametrize("what", OWNERS_ONLY)
def test_only_owners_do_what_is_theirs_once_there_is_one(store: Store, what: str) -> None:
    ana, ben = owned(store)
    ben.answer(ben.next())
    ben.answer(ben.next(), 1)
    for shut_out in (ben.annotator.id, people.annotator(store, "Cleo").id):
        with pytest.raises(NotAllowed, match="owner"):
            OWNERS_ONLY[what](store, ana, shut_out)
    OWNERS_ONLY[what](store, ana, ana.annotator.id)


@pytest.mark.parametrize("what", OWNERS_ONLY)
def test_everybody_may_do_everything_until_there_is_an_owner(store: Store, what: str) -> None:
    ben = Tab(store, project(store), "Ben")
    ben.answer(ben.revisit(1)[0])
    ben.answer(ben.revisit(2)[0], 1)
    OWNERS_ONLY[what](store, ben, ben.annotator.id)


def test_a_project_keeps_an_owner(store: Store) -> None:
    ana, ben = owned(store)
    mine, theirs = ana.annotator.id, ben.annotator.id
    with pytest.raises(NotAllowed, match="at least one owner"):
        people.set_role(store, ana.project_id, mine, mine, "annotator")
    people.set_role(store, ana.project_id, mine, theirs, "owner")
    people.set_role(store, ana.project_id, theirs, mine, "annotator")
    assert not rights.owns(store, ana.project_id, mine)
    assert rights.owns(store, ana.project_id, theirs)


def test_who_is_removed_can_do_nothing_and_holds_nothing_and_their_labels_stay(
    store: Store,
) -> None:
    ana, ben = owned(store)
    done, held = ben.claim(2).leases
    answered = ben.answer(done)
    people.set_role(store, ana.project_id, ana.annotator.id, ben.annotator.id, "removed")
    for act in (
        ben.claim,
        lambda: ben.answer(held),
        lambda: ben.undo(answered),
        lambda: ben.revisit(done.item_id),
        lambda: rights.check(store, "take part", ben.annotator.id, ben.project_id),
        lambda: join(store, ben.project_id, ben.annotator.id),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert ana.next().item_id == held.item_id
    assert list(labels_of(store, ana.project_id)) == [done.item_id]


def test_a_project_for_invited_people_takes_nobody_else(store: Store) -> None:
    ana, ben = owned(store, settings=replace(BY_HAND, team=TeamRule(invited_only=True)))
    with pytest.raises(NotAllowed, match="invited"):
        ben.claim()
    join(store, ana.project_id, ben.annotator.id)
    assert ben.claim().leases and ana.claim().leases


def test_who_signs_in_is_one_person_and_nobody_can_type_their_name(store: Store) -> None:
    typed = people.annotator(store, "Zoe")
    account = people.signed_in(store, "https://id.example 17", "Zoe")
    assert (account.name, account.id != typed.id) == ("Zoe 2", True)
    assert people.signed_in(store, "https://id.example 17", "Zoe Renamed") == account
    assert people.signed_in(store, "https://id.example 18", "a\u200bb\x00").name == "ab"
    with pytest.raises(NotAllowed, match="signs in"):
        people.annotator(store, "Zoe 2")


# -- who is here -------------------------------------------------------------------------------


def test_who_is_here_and_what_they_hold(store: Store) -> None:
    ana, ben = owned(store)
    ana.answer(ana.next())
    ben.claim(3)
    with store.write() as connection:
        connection.execute(
            update(member)
            .where(member.c.annotator_id == ana.annotator.id)
            .values(seen_at=time.time() - 60)
        )
    first, second = team.presence(store, ana.project_id, ana.annotator.id)
    assert (first.name, first.here, first.holds, first.role) == ("Ben", True, 3, "annotator")
    assert (second.name, second.here, second.holds, second.role) == ("Ana", False, 0, "owner")
    assert second.today == 1 and first.until > time.time()


@pytest.mark.parametrize(("ago", "noted"), [(2.0, False), (6.0, True), (-60.0, True)])
def test_who_labels_is_noted_every_few_seconds_and_after_a_clock_was_set_back(
    store: Store, ago: float, noted: bool
) -> None:
    ana, _ = owned(store)
    image = ana.next()
    before = time.time() - ago
    with store.write() as connection:
        mine = member.c.annotator_id == ana.annotator.id
        connection.execute(update(member).where(mine).values(seen_at=before))
    ana.answer(image)
    with store.read() as connection:
        seen_at = members.standing(connection, ana.project_id, ana.annotator.id).seen_at
    assert (seen_at != before) == noted


def test_an_owner_frees_what_somebody_holds(store: Store) -> None:
    ana, ben = owned(store)
    held = [image.item_id for image in ben.claim(4).leases]
    assert team.free(store, ana.project_id, ana.annotator.id, ben.annotator.id) == 4
    assert [image.item_id for image in ana.claim(4).leases] == held


@pytest.mark.parametrize("how", ["leaves", "lease ends"])
def test_what_somebody_held_goes_to_others_when_they_are_gone(store: Store, how: str) -> None:
    ana, ben = owned(store, settings=shared(2))
    held = ben.claim(3).leases
    cleo = Tab(store, ana.project_id, "Cleo")
    assert [i.item_id for i in cleo.claim(3).leases] == [i.item_id for i in held]
    assert ana.next().item_id not in {i.item_id for i in held}
    labeling.release(store, ana.client, [i.token for i in ana.claim(3).leases])
    if how == "leaves":
        labeling.release(store, ben.client, [i.token for i in held])
    else:
        with store.write() as connection:
            connection.execute(
                update(lease).where(lease.c.client == ben.client).values(expires_at=time.time() - 1)
            )
    assert {i.item_id for i in held} <= {i.item_id for i in ana.claim(5).leases}
    (gone,) = [p for p in team.presence(store, ana.project_id, None) if p.name == "Ben"]
    assert gone.holds == 0


# -- figures -----------------------------------------------------------------------------------


def test_speed_accuracy_on_gold_and_agreement_of_each(store: Store) -> None:
    ana, ben = owned(store, 10, shared(2, gold_every=2))
    for _ in range(4):
        ana.answer(ana.next(), 0)
    assert team.make_gold(store, ana.project_id, ana.annotator.id, [1, 2]) == 2
    for turn in range(6):
        ben.answer(ben.next(), turn % 2)
    by_name = {q.name: q for q in team.quality(store, ana.project_id, ana.annotator.id)}
    assert set(by_name) == {"Ana", "Ben"}
    found = by_name["Ben"]
    assert (found.labels, found.median_seconds, found.per_hour) == (6, 1.0, 3600.0)
    assert found.gold_answers == 2 and 0 <= found.gold_right <= 2
    assert found.gold_low <= found.gold_right / 2 <= found.gold_high
    assert found.met == by_name["Ana"].met == 4
    assert found.equal == by_name["Ana"].equal
    assert by_name["Ana"].gold_answers == 0  # what was known before it was gold measures nobody


def test_an_annotator_sees_their_own_figures_only_wherever_there_are_any(store: Store) -> None:
    ana, ben = owned(store)
    ana.answer(ana.next())
    ben.answer(ben.next())

    def named(by: int | None) -> list[set[str]]:
        here = team.presence(store, ben.project_id, by)
        return [
            {q.name for q in team.quality(store, ben.project_id, by)},
            {p.name for p in here if p.today is not None},
            {row["annotator"] for row in dashboard.annotators(store, ben.project_id, by)},
            {r["annotator"] for r in dashboard.labels_over_time(store, ben.project_id, by).rows},
        ]

    assert named(ben.annotator.id) == [{"Ben"}] * 4
    assert named(ana.annotator.id) == named(None) == [{"Ana", "Ben"}] * 4


def test_agreement_of_a_team_names_pairs_and_leaves_out_what_was_imported(store: Store) -> None:
    ana, ben = owned(store, 6, shared(2))
    assert team.agreed(store, ana.project_id, ana.annotator.id) == team.Agreement(0, None, None, ())
    for turn in range(6):
        ana.answer(ana.next(), turn % 2)
        ben.answer(ben.next(), int(turn > 2))
    found = team.agreed(store, ana.project_id, ana.annotator.id)
    (pair,) = found.pairs
    assert (found.items, pair.first, pair.second, pair.items, pair.equal) == (6, "Ana", "Ben", 6, 4)
    assert pair.kappa == pytest.approx(1 / 3)
    assert found.alpha == pytest.approx(1 - 11 * 4 / 72) and found.fleiss == pytest.approx(1 / 3)


# -- the last word and gold --------------------------------------------------------------------


def test_an_owners_last_word_counts_whatever_others_say_until_it_is_undone(store: Store) -> None:
    ana, ben = owned(store, 1, shared(3))
    ana.answer(ana.next(), 1)
    ben.answer(ben.next(), 1)
    (item_id,) = labels_of(store, ana.project_id)
    cat, dog = ana.classes
    said = {"key": key(), "item_id": item_id, "class_id": cat}
    event, again = team.adjudicate(store, ana.project_id, ana.annotator.id, **said)
    assert team.adjudicate(store, ana.project_id, ana.annotator.id, **said) == (event, True)
    assert not again and labels_of(store, ana.project_id) == {item_id: cat}
    cleo = Tab(store, ana.project_id, "Cleo")
    assert cleo.claim().leases == ()  # nobody need be asked any more
    ben.answer(ben.revisit(item_id)[0], 1)
    assert labels_of(store, ana.project_id) == {item_id: cat}
    ana.undo(said["key"])
    assert labels_of(store, ana.project_id) == {item_id: dog}
    team.adjudicate(
        store, ana.project_id, ana.annotator.id, key=key(), item_id=item_id, class_id=None
    )
    assert labels_of(store, ana.project_id) == {}
    with pytest.raises(UnknownItem):
        team.adjudicate(
            store, ana.project_id, ana.annotator.id, key=key(), item_id=item_id, class_id=99
        )


def test_gold_is_drawn_from_the_answer_key_of_the_holdout_and_changes_no_label(
    store: Store,
) -> None:
    ana = Tab(store, project(store, 30, held=8, settings=shared(2, gold_every=2)))
    mine = ana.annotator.id
    with pytest.raises(InvalidSettings, match="answer key"):
        team.draw_gold(store, ana.project_id, mine, 3)
    with store.write() as connection:
        connection.execute(text("UPDATE project SET known_classes = 'answer key'"))
        connection.execute(text("UPDATE item SET true_class = 1 WHERE split = 'holdout'"))
    assert team.draw_gold(store, ana.project_id, mine, 5) == 5
    assert team.draw_gold(store, ana.project_id, mine, 5) == 3
    gold = team.all_gold(store, ana.project_id, mine)
    assert {g.split for g in gold} == {"holdout"} and len(gold) == 8
    while leases := ana.claim(4).leases:
        for image in leases:
            ana.answer(image, 0)
    assert len(labels_of(store, ana.project_id)) == 22
    assert [(g.answers, g.right) for g in team.all_gold(store, ana.project_id, mine)] == [
        (1, 1)
    ] * 8
    team.remove_gold(store, ana.project_id, mine, [g.item_id for g in gold])
    assert team.all_gold(store, ana.project_id, mine) == []


def test_gold_that_an_owner_chose_is_trained_on_with_the_known_answer(store: Store) -> None:
    ana, ben = owned(store, 6, shared(2, gold_every=2))
    image = ana.next()
    ana.answer(image, 0)
    ((offered, _),) = team.could_be_gold(store, ana.project_id, ana.annotator.id, 5)
    assert offered.item_id == image.item_id
    team.make_gold(store, ana.project_id, ana.annotator.id, [image.item_id])
    assert team.could_be_gold(store, ana.project_id, ana.annotator.id, 5) == []
    while leases := ben.claim().leases:
        ben.answer(leases[0], 1)
    assert labels_of(store, ana.project_id)[image.item_id] == ana.classes[0]
    with store.read() as connection:
        assert len(items.unlabeled(connection, ana.project_id)) == 0
    with pytest.raises(UnknownItem, match="no label"):
        fresh = Tab(store, project(store, 2, name="fresh"))
        with store.read() as connection:
            (first, _) = items.ids(connection, fresh.project_id).tolist()
        team.make_gold(store, fresh.project_id, fresh.annotator.id, [first])
