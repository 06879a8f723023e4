"""Owns the proof that what only owners may do is written down with it, and can be read and kept."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made import BY_HAND, Tab, project
from sqlalchemy import delete, update
from test_team import OWNERS_ONLY

from alcore.config import TeamRule, Workspace
from alcore.errors import NotAllowed
from alcore.services import audit, invitations, people, projects, team
from alcore.store import Store
from alcore.store.tables import audit_event

ROOT = Path(__file__).parent.parent
IN_THE_LOG_OF_LABELS = {"adjudicate", "label"}
LOOKS = {"agreement", "gold list", "gold choice"}


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def silent(source: str) -> list[str]:
    """Name the functions that write where only owners may, and tell the log nothing."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            text = ast.unparse(node)
            noted = "audit.note(" in text or "_note(connection" in text
            if "check_owner(" in text and ".write()" in text and not noted:
                found.append(node.name)
    return found


def test_whatever_writes_where_only_owners_may_tells_the_log() -> None:
    names = [
        name
        for path in sorted((ROOT / "alcore" / "services").glob("*.py"))
        for name in silent(path.read_text())
    ]
    assert set(names) == IN_THE_LOG_OF_LABELS
    careless = "def f(s):\n with s.write() as c:\n  check_owner(c, 1, 2)\n  change(c)"
    assert silent(careless) == ["f"]


def test_each_act_of_an_owner_is_said_with_who_did_it(store: Store) -> None:
    ana = Tab(store, project(store))
    me, made = ana.annotator.id, ana.project_id
    ana.answer(ana.next())
    ana.answer(ana.next(), 1)
    people.set_role(store, made, None, me, "owner")
    for what in sorted(set(OWNERS_ONLY) - LOOKS - {"last word"}, key=lambda w: w == "archive"):
        before = len(audit.of_project(store, made, me))
        OWNERS_ONLY[what](store, ana, me)
        event, *earlier = audit.of_project(store, made, me)
        assert len(earlier) == before and event.who == "Ana", what
        assert "{" not in audit.words(event) and audit.words(event) != event.act


def test_settings_roles_and_invitations_are_told_in_words(store: Store) -> None:
    ana = Tab(store, project(store))
    me, made = ana.annotator.id, ana.project_id
    ben = people.annotator(store, "Ben").id
    people.set_role(store, made, None, me, "owner")
    people.set_role(store, made, me, ben, "annotator")
    changed = replace(BY_HAND, batch_size=7, team=TeamRule(invited_only=True))
    projects.edit(store, projects.get(store, made), changed, "zoo", by=me)
    one = invitations.create(store, made, me, "class 7b", 7)
    invitations.revoke(store, made, me, one.id)
    people.set_role(store, made, me, ben, "removed")
    ana.claim(3)
    team.free(store, made, me, me)
    said = [(e.who, audit.words(e)) for e in reversed(audit.of_project(store, made, me))]
    assert said == [
        (None, "made Ana an owner"),
        ("Ana", "made Ben an annotator"),
        ("Ana", "renamed the project from animals to zoo"),
        ("Ana", "changed settings: batch_size from 10 to 7, team.invited_only from no to yes"),
        ("Ana", "made an invitation for class 7b, for 7 days"),
        ("Ana", "revoked the invitation for class 7b"),
        ("Ana", "removed Ben"),
        ("Ana", "freed the 3 images that Ana held"),
    ]
    rows = audit.rows(store, made, me)
    assert [row["who"] for row in rows[:2]] == ["command line", "Ana"]
    assert json.loads(rows[3]["details"])["changes"]["batch_size"] == [10, 7]
    with pytest.raises(NotAllowed):
        audit.of_project(store, made, ben)


def test_what_did_not_happen_is_not_in_the_log_and_nothing_in_it_changes(store: Store) -> None:
    made = project(store)
    ana = people.annotator(store, "Ana").id
    people.set_role(store, made, None, ana, "owner")
    with pytest.raises(NotAllowed, match="at least one owner"):
        people.set_role(store, made, ana, ana, "annotator")
    assert len(audit.of_project(store, made, ana)) == 1
    for change in (update(audit_event).values(act="x"), delete(audit_event)):
        with pytest.raises(Exception, match="append-only"), store.write() as connection:
            connection.execute(change)
