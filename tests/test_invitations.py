"""Owns the proof that links into a project lead there, and say when nobody can follow them."""

from __future__ import annotations

import time

import pytest

from alcore.config import Workspace
from alcore.errors import InvalidTicket
from alcore.web.invitations import invitation, own_address, qr
from alcore.web.tickets import INVITATION_LIFE, TicketOffice

LOCAL = "http://localhost:8501/team?project=1"
BLOCKED = ["localhost", "127.0.0.1"]


def test_an_app_that_listens_to_itself_warns_and_says_how_to_let_others_in() -> None:
    found = invitation(LOCAL, "t.o", "127.0.0.1", BLOCKED, "10.0.0.5")
    assert found.address == "http://localhost:8501/?join=t.o"
    assert "this computer only" in found.warning
    assert found.remedy.endswith(
        "--server.address 0.0.0.0 --server.allowedHosts localhost "
        "--server.allowedHosts 127.0.0.1 --server.allowedHosts 10.0.0.5"
    )


@pytest.mark.parametrize("allowed", [[], ["*"], [*BLOCKED, "10.0.0.5"]])
def test_an_app_that_listens_to_the_network_is_linked_under_its_address(allowed: list) -> None:
    found = invitation("http://127.0.0.1:8501/team", "t", "0.0.0.0", allowed, "10.0.0.5")
    assert (found.address, found.warning) == ("http://10.0.0.5:8501/?join=t", None)


def test_an_app_that_would_refuse_the_address_says_so() -> None:
    found = invitation(LOCAL, "t", "0.0.0.0", BLOCKED, "10.0.0.5")
    assert "refuses visitors who come to 10.0.0.5" in found.warning and found.remedy


def test_without_a_network_the_link_is_for_this_computer() -> None:
    found = invitation(LOCAL, "t", "", [], None)
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
    assert invitation(opened, "t", "127.0.0.1", BLOCKED, None).address == address


def test_the_picture_of_a_link_is_one() -> None:
    assert qr("http://10.0.0.5:8501/?join=t").startswith("data:image/svg+xml")
    assert own_address() != "127.0.0.1"


def test_an_invitation_names_its_project_until_it_is_too_old(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = TicketOffice.of(workspace)
    assert office.invited_to(office.invite(7)) == 7
    for wrong in ("", "x.y.z", office.invite(7)[:-2], office.issue(7, 1), office.show(1, "x")):
        with pytest.raises(InvalidTicket, match="damaged"):
            office.invited_to(wrong)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - INVITATION_LIFE - 60)
    old = office.invite(7)
    monkeypatch.undo()
    with pytest.raises(InvalidTicket, match="too old"):
        office.invited_to(old)


def test_an_app_below_a_path_is_linked_below_it() -> None:
    found = invitation("https://lab.org/label/al/team", "t", "0.0.0.0", [], None)
    assert found.address == "https://lab.org/label/al/?join=t"
