"""Owns the proof that whatever people do in whatever order, log, leases and counts agree.

A machine draws what happens next: images are claimed, answered, skipped, taken back, labeled by the
lot, mended by the owner; leases run out, clocks jump, queues are swapped as after a training,
people are removed and let in again. After every step the database is compared with what was said.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from made import BY_HAND, Tab, labels_of
from made import project as small_project
from sqlalchemy import select

from alcore.config import TeamRule, Workspace
from alcore.errors import LeaseExpired, NotAllowed, NothingToUndo
from alcore.loop.queueing import swap_queue
from alcore.records import Lease, NewEvent, NewLot
from alcore.services import grid, labeling, people, review
from alcore.store import Store, items, projects, soundness
from alcore.store import labels as stored_labels
from alcore.store import review as stored_review
from alcore.store.tables import item, label_event, lease, member, vote

SCALE = int(os.environ.get("ALCORE_TEST_SCALE", "1"))
MACHINES = 32
"""At a scale of 1 they take about a thousand steps together."""
MEMORY = Path("/dev/shm")
"""A disk on which nothing waits for a platter, where there is one."""
STEPS_EACH = 50
"""Steps of a machine before another one begins with nothing."""
ITEMS, HELD = 40, 6
RARELY = st.integers(0, 5).map(lambda n: n == 5)
NAMES = ("Owner", "Ana", "Ben", "Cleo")
OFTEN = st.integers(0, 2**16)
"""Picks one of what there is, by the remainder."""
PERSON = st.integers(0, len(NAMES) - 1)
CLASS = st.integers(0, 1)


@dataclass
class Person:
    """Somebody who labels, with all that they were given and have said."""

    tab: Tab
    leases: dict[int, Lease] = field(default_factory=dict)
    """The last one on each image, worn or not."""
    said: dict[str, NewEvent] = field(default_factory=dict)
    """What was acknowledged, by key."""
    lots: list[str] = field(default_factory=list)
    removed: bool = False

    def lease(self, pick: int) -> Lease:
        return list(self.leases.values())[pick % len(self.leases)]


class Labeling(RuleBasedStateMachine):
    """A project in which four people work."""

    fresh: Path
    """A database without a row."""

    @initialize(overlap=st.sampled_from([0.0, 0.5]), again=st.booleans())
    def begin(self, overlap: float, again: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.ahead = 0.0
        clock, real = mock.patch("time.time", lambda: real() + self.ahead), time.time
        clock.start()
        self.clock = clock
        workspace = Workspace(self.folder)
        shutil.copy(self.fresh, workspace.database)
        self.store = Store.open(workspace)
        rule_of_team = TeamRule(overlap_share=overlap, answers=2)
        self.project_id = small_project(
            self.store, ITEMS, held=HELD, settings=replace(BY_HAND, team=rule_of_team)
        )
        self.again = again
        self.people = [Person(Tab(self.store, self.project_id, name)) for name in NAMES]
        for person, role in zip(self.people, ("owner", *["annotator"] * 3), strict=True):
            who = person.tab.annotator.id
            people.set_role(self.store, self.project_id, None, who, role)  # type: ignore[arg-type]
        self.keys: set[str] = set()
        self.given: dict[int, set[int]] = {place: set() for place in range(len(NAMES))}
        self.swaps = 0
        for place in range(len(NAMES)):
            self.give(place, *self.people[place].tab.claim(5).leases)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.clock.stop()
            shutil.rmtree(self.folder)

    # -- what people do ------------------------------------------------------------------------

    def at_work(self, place: int) -> Person | None:
        """Return a person who may work; whoever may not is refused whatever they try."""
        person = self.people[place]
        if not person.removed:
            return person
        with pytest.raises(NotAllowed):
            person.tab.claim(1)
        return None

    @rule(place=PERSON, n=st.integers(1, 5))
    def claim(self, place: int, n: int) -> None:
        if person := self.at_work(place):
            self.give(place, *person.tab.claim(n).leases)

    def give(self, place: int, *leases: Lease) -> None:
        for one in leases:
            self.people[place].leases[one.item_id] = one
            self.given[place].add(one.item_id)

    @rule(
        place=PERSON, pick=OFTEN, class_index=CLASS,
        kind=st.sampled_from(["label", "label", "label", "skip", "unsure"]), proof=st.booleans(),
    )  # fmt: skip
    def answer(self, place: int, pick: int, class_index: int, kind: str, proof: bool) -> None:
        person = self.at_work(place)
        if person is None or not person.leases:
            return
        held = person.lease(pick)
        event = person.tab.event(held, class_index, kind=kind)
        holds = self.holds(person, held)
        try:
            _, duplicate = labeling.answer(self.store, event, handed=proof)
        except LeaseExpired:
            assert not holds, "an answer within its lease was refused"
            return
        assert not duplicate
        self.note(person, event)
        person.leases.pop(held.item_id)

    def holds(self, person: Person, held: Lease) -> bool:
        query = select(lease.c.expires_at).where(lease.c.token == held.token)
        with self.store.read() as connection:
            until = connection.execute(query).scalar()
        return until is not None and until > time.time()

    def note(self, person: Person, event: NewEvent) -> None:
        person.said[event.key] = event
        self.keys.add(event.key)

    @rule(place=PERSON, n=st.integers(1, 5), class_index=CLASS)
    def claim_and_answer(self, place: int, n: int, class_index: int) -> None:
        """What a board does, again and again."""
        person = self.at_work(place)
        for held in person.tab.claim(n).leases if person else ():
            self.give(place, held)
            self.answer(place, list(person.leases).index(held.item_id), class_index, "label", True)  # type: ignore[union-attr]
            assert held.item_id not in person.leases, "an answer within its lease was refused"  # type: ignore[union-attr]

    @rule(place=PERSON, pick=OFTEN, by=PERSON)
    def send_again(self, place: int, pick: int, by: int) -> None:
        """The same answer once more, by whoever gave it or by somebody who has seen its key."""
        author, sender = self.people[place], self.at_work(by)
        mine = [event for event in author.said.values() if "/" not in event.key]
        if not mine or sender is None:
            return
        event = replace(mine[pick % len(mine)], annotator_id=sender.tab.annotator.id)
        if author is sender:
            assert labeling.answer(self.store, event, handed=True)[1]
        else:
            with pytest.raises(NotAllowed):
                labeling.answer(self.store, event, handed=True)

    @rule(place=PERSON, item_id=st.integers(1, ITEMS), class_index=CLASS)
    @precondition(lambda self: self.swaps % 2)
    def answer_what_was_not_given(self, place: int, item_id: int, class_index: int) -> None:
        person = self.at_work(place)
        if person is None or item_id in self.given[place]:
            return
        made_up = Lease("made up", item_id, 0.0, "random", None, None, "", 8, 8)
        with pytest.raises(LeaseExpired):
            labeling.answer(self.store, person.tab.event(made_up, class_index))

    @rule(place=PERSON, pick=OFTEN, of=PERSON, others=RARELY)
    def undo(self, place: int, pick: int, of: int, others: bool) -> None:
        author, person = self.people[of if others else place], self.at_work(place)
        if person is None or not author.said:
            return
        event = list(author.said.values())[pick % len(author.said)]
        key = uuid.uuid4().hex
        if author is not person:
            with pytest.raises(NothingToUndo):
                person.tab.undo(event.key, key)
            return
        try:
            self.give(place, person.tab.undo(event.key, key))
        except LeaseExpired:
            pass  # taken back, but somebody else has the image by now
        except NothingToUndo:
            assert self.is_undone(event.key)
            return
        assert self.is_undone(event.key)
        self.keys.add(key)
        person.said.pop(event.key)

    def is_undone(self, key: str) -> bool:
        with self.store.read() as connection:
            known = stored_labels.by_key(connection, key)
        return known is not None and known.undone

    @rule(place=PERSON, class_index=CLASS)
    def label_a_lot(self, place: int, class_index: int) -> None:
        person = self.at_work(place)
        if person is None or len(person.leases) < 2:
            return
        key, leases = uuid.uuid4().hex, dict([*person.leases.items()][:3])
        lot = NewLot(
            project_id=self.project_id,
            annotator_id=person.tab.annotator.id,
            client=person.tab.client,
            key=key,
            created_at=time.time(),
            class_id=person.tab.classes[class_index],
            tiles=tuple((one.token, one.item_id) for one in leases.values()),
            handed=frozenset(leases),
        )
        held = {i for i, one in leases.items() if self.holds(person, one)}
        try:
            outcome = grid.label_lot(self.store, lot)
        except LeaseExpired:
            assert not held
            return
        assert held <= set(outcome.items)
        assert grid.label_lot(self.store, lot) == replace(outcome, duplicate=True)
        for item_id in outcome.items:
            one_key = f"{key}/{item_id}"
            self.note(person, replace(person.tab.event(leases[item_id], class_index), key=one_key))
            person.leases.pop(item_id)
        person.lots.append(key)

    @rule(place=PERSON)
    @precondition(lambda self: any(person.lots for person in self.people))
    def undo_a_lot(self, place: int) -> None:
        person = self.at_work(place)
        if person is None or not person.lots:
            return
        lot, key = person.lots.pop(), uuid.uuid4().hex
        try:
            leases, _ = grid.undo_lot(self.store, person.tab.wish(lot, key), person.tab.client)
        except NothingToUndo:
            return
        self.give(place, *leases)
        for event in [e for e in person.said.values() if e.key.startswith(f"{lot}/")]:
            if self.is_undone(event.key):
                person.said.pop(event.key)
                self.keys.add(f"{key}/{event.item_id}")

    @rule(place=PERSON, pick=OFTEN)
    def revisit(self, place: int, pick: int) -> None:
        person = self.at_work(place)
        if person is None or not self.given[place]:
            return
        item_id = sorted(self.given[place])[pick % len(self.given[place])]
        with suppress(LeaseExpired, NotAllowed):  # others have it, or it was given back
            self.give(place, person.tab.revisit(item_id)[0])

    @rule(place=PERSON, pick=OFTEN)
    def release(self, place: int, pick: int) -> None:
        person = self.people[place]
        if person.leases:
            held = person.lease(pick)
            labeling.release(self.store, person.tab.client, [held.token])
            assert not self.holds(person, held)
            person.leases.pop(held.item_id)

    @rule(pick=OFTEN, class_index=CLASS, place=PERSON, unanswered=RARELY)
    def mend(self, pick: int, class_index: int, place: int, unanswered: bool) -> None:
        person = self.at_work(place)
        answered = sorted({e.item_id for one in self.people for e in one.said.values()})
        choice = range(1, ITEMS + 1) if unanswered else answered
        if person is None or not choice:
            return
        item_id = choice[pick % len(choice)]
        with self.store.read() as connection:
            row = stored_review.rows(connection, [item_id])[0]
        nothing = Lease("", item_id, 0.0, "random", None, None, "", 8, 8)
        event = replace(person.tab.event(nothing, class_index), token=None)
        try:
            mended = review.mend(self.store, event, row.event_id)
        except NotAllowed:
            assert place != 0
            return
        if place == 0:
            assert mended.class_id == event.class_id, "the owner has the last word"
        self.note(person, event)

    # -- what happens to them ------------------------------------------------------------------

    @rule(seconds=st.sampled_from([-86_400.0, -300.0, 1.0, 5.0, 20.0, 61.0, 300.0, 86_400.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.ahead += seconds

    @rule(place=st.integers(1, len(NAMES) - 1), rarely=RARELY)
    def remove_or_let_in(self, place: int, rarely: bool) -> None:
        person = self.people[place]
        if not person.removed and not rarely:
            return
        role = "annotator" if person.removed else "removed"
        owner, who = self.people[0].tab.annotator.id, person.tab.annotator.id
        people.set_role(self.store, self.project_id, owner, who, role)  # type: ignore[arg-type]
        person.removed = not person.removed

    @rule(order=st.permutations(range(1, ITEMS + 1)), n=st.integers(0, ITEMS))
    def swap(self, order: list[int], n: int) -> None:
        """Put a new queue in place, as a training does; some labels are asked about again."""
        self.swaps += 1
        with self.store.write() as connection:
            project = projects.get(connection, self.project_id)
            unlabeled = set(items.unlabeled(connection, self.project_id).tolist())
            labeled = set(items.labeled(connection, self.project_id)[0].tolist())
            rows = [
                {"item_id": i, "score": 1.0, "reason": "", "suggestion": None, "origin": origin}
                for i in order[:n]
                for origin in (["query"] if i in unlabeled else ["relabel"])
                if i in unlabeled or (self.again and i in labeled)
            ]
            swap_queue(connection, project, rows, None, self.swaps)

    # -- what holds at any time ----------------------------------------------------------------

    @invariant()
    def the_log_holds_what_was_acknowledged_and_nothing_else(self) -> None:
        with self.store.read() as connection:
            stored = list(connection.execute(select(label_event.c.key)).scalars())
        assert len(stored) == len(set(stored)) and set(stored) == self.keys

    @invariant()
    def what_is_kept_agrees_with_the_log(self) -> None:
        with self.store.read() as connection:
            assert soundness.stale(connection) == []
            assert soundness.miscounted(connection) == []

    @invariant()
    def each_votes_by_their_last_word(self) -> None:
        with self.store.read() as connection:
            stored = {(v.annotator_id, v.item_id): v.event_id for v in
                      connection.execute(select(vote))}  # fmt: skip
            numbers = {
                row.key: row.id
                for row in connection.execute(select(label_event.c.key, label_event.c.id))
            }
            adjudicated = set(
                connection.execute(
                    select(label_event.c.key).where(label_event.c.origin == "adjudicated")
                ).scalars()
            )
        expected: dict[tuple[int, int], int] = {}
        for person in self.people:
            for key, event in person.said.items():
                if event.kind != "skip" and key not in adjudicated:
                    which = (event.annotator_id, event.item_id)
                    expected[which] = max(expected.get(which, 0), numbers[key])
        assert stored == expected

    @invariant()
    def nobody_holds_what_somebody_else_has(self) -> None:
        now = time.time()
        with self.store.read() as connection:
            rows = connection.execute(
                select(lease.c.item_id, lease.c.annotator_id, item.c.answers, member.c.role)
                .join(item, item.c.id == lease.c.item_id)
                .join(member, member.c.annotator_id == lease.c.annotator_id)
                .where(lease.c.expires_at > now)
            ).all()
        holders: dict[int, set[int]] = {}
        for row in rows:
            assert row.role != "removed"
            holders.setdefault(row.item_id, set()).add(row.annotator_id)
            assert len(holders[row.item_id]) <= row.answers

    @invariant()
    def no_answer_of_the_holdout_is_trained_on(self) -> None:
        assert not {ITEMS - i for i in range(HELD)} & labels_of(self.store, self.project_id).keys()


def test_whatever_people_do_in_whatever_order_what_is_stored_is_what_they_said(
    fresh_database: Path,
) -> None:
    Labeling.fresh = fresh_database
    run_state_machine_as_test(
        Labeling,
        settings=settings(
            max_examples=MACHINES * SCALE,
            stateful_step_count=STEPS_EACH,
            deadline=None,
            derandomize=SCALE == 1,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
