"""Owns the proof that links into a project lead there, and say when nobody can follow them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from itsdangerous import URLSafeTimedSerializer
from made import BY_HAND, project

from alcore.config import TeamRule, Workspace
from alcore.errors import InvalidSettings, InvalidTicket, NotAllowed
from alcore.services import invitations, people, rights
from alcore.store import Store
from alcore.web.invitations import joining, link, own_address, qr
from alcore.web.tickets import TicketOffice

LOCAL = "http://localhost:8501/team?project=1"
BLOCKED = ["localhost", "127.0.0.1"]


def test_an_app_that_listens_to_itself_warns_and_says_how_to_let_others_in() -> None:
    found = link(LOCAL, joining("t.o"), "127.0.0.1", BLOCKED, "10.0.0.5")
    assert found.address == "http://localhost:8501/?join=t.o"
    assert "this computer only" in found.warning
    assert found.remedy.endswith(
        "--server.address 0.0.0.0 --server.allowedHosts localhost "
        "--server.allowedHosts 127.0.0.1 --server.allowedHosts 10.0.0.5"
    )


@pytest.mark.parametrize("allowed", [[], ["*"], [*BLOCKED, "10.0.0.5"]])
def test_an_app_that_listens_to_the_network_is_linked_under_its_address(allowed: list) -> None:
    found = link("http://127.0.0.1:8501/team", joining("t"), "0.0.0.0", allowed, "10.0.0.5")
    assert (found.address, found.warning) == ("http://10.0.0.5:8501/?join=t", None)


def test_an_app_that_would_refuse_the_address_says_so() -> None:
    found = link(LOCAL, joining("t"), "0.0.0.0", BLOCKED, "10.0.0.5")
    assert "refuses visitors who come to 10.0.0.5" in found.warning and found.remedy


def test_without_a_network_the_link_is_for_this_computer() -> None:
    found = link(LOCAL, joining("t"), "", [], None)
    assert "no address in a network" in found.warning and found.remedy is None


@pytest.mark.parametrize(
    ("opened", "address"),
    [
        ("https://label.example/team", "https://label.example/?join=t"),
        ("http://10.0.0.9:8501/team", "http://10.0.0.9:8501/?join=t"),
        ("https://school.example/label/al/team", "https://school.example/label/al/?join=t"),
        ("http://[2001:db8::1]:8501/", "http://[2001:db8::1]:8501/?join=t"),
    ],
)
def test_an_address_that_others_reach_is_taken_as_it_is(opened: str, address: str) -> None:
    assert link(opened, joining("t"), "127.0.0.1", BLOCKED, None).address == address


def test_the_picture_of_a_link_is_one() -> None:
    assert qr("http://10.0.0.5:8501/?join=t").startswith("data:image/svg+xml")
    assert own_address() != "127.0.0.1"


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def test_a_link_is_signed_and_those_of_earlier_versions_work_no_more(workspace: Workspace) -> None:
    office = TicketOffice.of(workspace)
    assert office.invitation(office.invite(7)) == 7
    earlier = URLSafeTimedSerializer((workspace.root / "secret").read_bytes(), salt="invitation")
    for wrong in ("", "7", "x.y.z", office.invite(7)[:-2], office.issue(7, 1), earlier.dumps(7)):
        with pytest.raises(InvalidTicket, match="damaged"):
            office.invitation(wrong)


def test_a_revoked_invitation_lets_nobody_else_in_and_who_came_stays(store: Store) -> None:
    invited_only = replace(BY_HAND, team=TeamRule(invited_only=True))
    made = project(store, 5, settings=invited_only)
    ana, ben, cleo = (people.annotator(store, name).id for name in ("Ana", "Ben", "Cleo"))
    people.set_role(store, made, None, ana, "owner")
    one, other = (invitations.create(store, made, ana, note) for note in ("class 7b", ""))
    assert invitations.project_of(store, one.id).id == made
    for _ in range(2):  # a link that is opened again counts once
        invitations.take_up(store, one.id, ben)
    invitations.revoke(store, made, ana, one.id)
    for attempt in (
        lambda: invitations.project_of(store, one.id),
        lambda: invitations.take_up(store, one.id, cleo),
    ):
        with pytest.raises(InvalidTicket, match="revoked"):
            attempt()
    with pytest.raises(NotAllowed, match="invited"):
        rights.check(store, "take part", cleo, made)
    rights.check(store, "take part", ben, made)
    invitations.take_up(store, other.id, cleo)
    listed = invitations.of_project(store, made, ana)
    assert [(i.note, i.made_by, i.joined, i.revoked_at is None) for i in listed] == [
        ("", "Ana", 1, True),
        ("class 7b", "Ana", 1, False),
    ]


def test_an_invitation_expires(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = project(store, 5)
    one = invitations.create(store, made, None, days=7)
    now = time.time()
    assert invitations.works(one, now) and not invitations.works(one, now + 8 * invitations.DAY)
    monkeypatch.setattr(time, "time", lambda: now + 8 * invitations.DAY)
    with pytest.raises(InvalidTicket, match="too old"):
        invitations.project_of(store, one.id)
    with pytest.raises(InvalidTicket, match="damaged"):
        invitations.project_of(store, one.id + 1)
    for purpose, days in (("x" * 61, 7), ("", 8)):
        with pytest.raises(InvalidSettings):
            invitations.create(store, made, None, purpose, days)


def test_only_owners_invite_list_and_revoke_in_their_own_project(store: Store) -> None:
    mine, theirs = (project(store, 3, name=name) for name in ("mine", "theirs"))
    ana, ben = (people.annotator(store, name).id for name in ("Ana", "Ben"))
    people.set_role(store, mine, None, ana, "owner")
    people.set_role(store, theirs, None, ben, "owner")
    one = invitations.create(store, mine, ana)
    for attempt in (
        lambda: invitations.create(store, mine, ben),
        lambda: invitations.of_project(store, mine, ben),
        lambda: invitations.revoke(store, mine, ben, one.id),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    invitations.revoke(store, theirs, ben, one.id)
    assert invitations.project_of(store, one.id).id == mine


def test_an_app_below_a_path_is_linked_below_it() -> None:
    found = link("https://lab.org/label/al/team", joining("t"), "0.0.0.0", [], None)
    assert found.address == "https://lab.org/label/al/?join=t"
