"""Owns the proof that a team works in browsers: invitation, two people on one image, roles."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from alcore.client import Client, Refused
from alcore.config import TeamRule, Workspace
from alcore.records import Project
from alcore.services import people, projects, team

from .conftest import ROOT, OpenBoard, Server, choose_option
from .provider import Provider, provider

pytestmark = pytest.mark.browser


def shared(server: Server, name: str) -> Project:
    """A project in which two people answer every image."""
    made = server.project(name, ["cat", "dog"], 30)
    store = server.store()
    projects.edit(store, made, replace(made.settings, team=TeamRule(1.0, 2)))
    return projects.get(store, made.id)


def open_team(server: Server, page: Page, project: Project, name: str) -> Page:
    page.goto(f"{server.url}/team?project={project.id}&annotator={name}")
    expect(page.get_by_role("heading", name="People")).to_be_visible(timeout=60_000)
    return page


def test_two_people_answer_the_same_image_and_the_team_page_shows_them(
    server: Server, open_board: OpenBoard, browser: Browser
) -> None:
    project = shared(server, "a team")
    with browser.new_context() as first, browser.new_context() as second:
        ana, ben = open_board(project, "Ana", first), open_board(project, "Ben", second)
        assert ana.item() == ben.item()
        one, other = ana.press("1"), ben.press("2")
        assert one == other
        ana.expect_saved(1)
        ben.expect_saved(1)
        assert ana.item() != one and ben.item() != one
        watcher = open_team(server, second.new_page(), project, "Ben")
        table = watcher.get_by_role("region", name="People")
        mine = table.get_by_role("row").filter(has_text="Ana")
        expect(mine).to_contain_text("here now")
        expect(mine).to_contain_text(re.compile(r"[1-9]\d* until \d\d:\d\d"))
        expect(watcher.get_by_text("Krippendorff")).to_be_visible()
        # On a phone all of it is on the screen.
        watcher.set_viewport_size({"width": 390, "height": 844})
        watcher.wait_for_function(
            """() => [...document.querySelectorAll('.te-people td')].every((cell) => {
              const { left, right } = cell.getBoundingClientRect();
              return left >= 0 && right <= innerWidth;
            })"""
        )
        watcher.set_viewport_size({"width": 1280, "height": 800})
        # Who closes the page gives back what they held, and is seen to be gone.
        ana.page.goto("about:blank")
        expect(mine).not_to_contain_text("until")
    _nothing_failed(server)


def test_an_owner_invites_frees_and_removes_and_others_may_not(
    server: Server, open_board: OpenBoard, browser: Browser
) -> None:
    project = shared(server, "a class")
    with browser.new_context() as teachers, browser.new_context() as pupils:
        page = open_team(server, teachers.new_page(), project, "Teacher")
        page.get_by_role("button", name="Make me its owner").click()
        expect(page.get_by_role("button", name="Make me its owner")).to_have_count(0)
        page.get_by_role("textbox", name="For whom").fill("class 7b")
        page.get_by_role("button", name="Make a link").click()
        expect(page.get_by_alt_text("The link as a QR code")).to_be_visible()
        link = page.get_by_test_id("stCode").first.locator("code")
        expect(link).to_contain_text("?join=")
        expect(page.get_by_test_id("stAlert")).to_contain_text("this computer only")

        guest = pupils.new_page()
        guest.goto(link.inner_text().strip())
        guest.get_by_role("textbox", name="Your name").fill("Pupil")
        guest.get_by_role("button", name="Start").click()
        board = guest.locator(".board")
        expect(board).to_have_attribute("data-annotator", "Pupil", timeout=60_000)
        expect(board).not_to_have_attribute("data-item", "")
        assert "join" not in guest.url
        address = link.inner_text().strip()
        page.get_by_role("button", name="Revoke").click()
        page.get_by_text("Revoked and expired (1)").click()
        expect(page.locator(".te-invitation")).to_contain_text("1 came by it")
        late = pupils.new_page()
        late.goto(address)
        expect(late.get_by_role("alert")).to_contain_text("was revoked", timeout=60_000)
        late.close()
        log = page.get_by_role("region", name="Audit log")
        expect(log).to_contain_text("Teacher revoked the invitation for class 7b")

        row = page.get_by_role("region", name="People").get_by_role("row").filter(has_text="Pupil")
        expect(row).to_contain_text("here now")
        choose_option(page, page.get_by_role("combobox", name="Somebody"), "Pupil")
        page.get_by_role("button", name="Remove").click()
        expect(row).to_contain_text("removed")
        expect(row).not_to_contain_text("until")

        other = open_team(server, pupils.new_page(), project, "Aide")
        expect(other.get_by_text("you see your own")).to_be_visible()
        for name in ("Invite", "Gold", "Agreement"):
            expect(other.get_by_role("heading", name=name)).to_have_count(0)
        other.goto(f"{server.url}/setup?project={project.id}&annotator=Aide")
        expect(other.get_by_text("Its owners alone change this project.")).to_be_visible(
            timeout=60_000
        )
        expect(other.get_by_role("button", name="Save")).to_have_count(0)
    _nothing_failed(server)


def test_a_token_is_shown_once_opens_the_project_to_a_notebook_and_is_revoked(
    server: Server, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = server.project("by programs", ["cat", "dog"], 60)
    with browser.new_context() as context:
        page = open_team(server, context.new_page(), project, "Coder")
        page.get_by_role("textbox", name="For which program").fill("notebook <b>1</b>")
        choose_option(page, page.get_by_role("combobox", name="It may"), "own")
        page.get_by_role("button", name="Make a token").click()
        text = page.get_by_test_id("stCode").locator("code")
        expect(text).to_contain_text("alcore_")
        monkeypatch.chdir(tmp_path)
        client = run_notebook(server.url, text.inner_text().strip())
        page.get_by_role("button", name="I have copied it").click()
        expect(text).to_have_count(0)
        line = page.locator(".te-invitation")
        expect(line).to_contain_text("notebook <b>1</b>")
        expect(line).to_contain_text("yours, scope own")
        expect(line).to_contain_text("last used on")
        with page.expect_popup() as popup:
            page.get_by_role("link", name="API reference").click()
        expect(popup.value.get_by_role("heading", name="alcore API")).to_be_visible()
        page.get_by_role("button", name="Revoke").click()
        page.get_by_text("Revoked tokens (1)").click()
        expect(line).to_contain_text("revoked on")
        with pytest.raises(Refused, match="was revoked"):
            client.status()
    assert len(server.events(project, "Coder")) == 20
    _nothing_failed(server)


def run_notebook(url: str, text: str) -> Client:
    """Run the first example of the documentation on a project; return its client."""
    said = (ROOT / "docs" / "api.md").read_text("utf-8")
    code, *_ = re.findall(r"^```py\n(.*?)^```$", said, re.MULTILINE | re.DOTALL)
    code = code.replace("http://127.0.0.1:8501", url).replace("alcore_…", text)
    answers = itertools.cycle(("cat", "dog"))

    def my_rule(picture: bytes) -> str:
        assert picture.startswith((b"\x89PNG", b"RIFF", b"\xff\xd8"))
        return next(answers)

    names: dict[str, object] = {"my_rule": my_rule}
    exec(compile(code, "docs/api.md", "exec"), names)
    client = names["alcore"]
    assert isinstance(client, Client)
    assert list(client.curve()["series"]) == ["live"] and "measures" not in client.rounds()
    assert list(client.rounds()["number"]) == [1] and client.status()["model"] == 1
    assert {*client.labels()["annotator"]} == {"Coder"}
    assert len(Path("labels.csv").read_text().splitlines()) > 1
    said_of_others = client.export_predictions("predictions.csv")
    assert len(said_of_others.read_text().splitlines()) > 1
    return client


def _nothing_failed(server: Server) -> None:
    assert "Traceback" not in (server.workspace.root.parent / "server.log").read_text()


# -- accounts ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Provider]]:
    """The app with sign-in by a provider on loopback."""
    root = tmp_path_factory.mktemp("accounts") / "workspace"
    root.mkdir()
    running = Server(Workspace(root))
    secrets: Path = root.parent / "secrets.toml"
    with provider() as identity:
        secrets.write_text(identity.secrets(running.url))
        running.options = ["--secrets.files", str(secrets)]
        running.start()
        yield running, identity
        running.stop()


def test_people_with_accounts_are_who_they_are_whatever_name_the_link_says(
    accounts: tuple[Server, Provider], browser: Browser
) -> None:
    server, identity = accounts
    (project,) = projects.list_projects(server.store())
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.url}/?annotator=Somebody%20else")
        button = page.get_by_role("button", name="Sign in")
        expect(button).to_be_visible(timeout=60_000)
        assert page.locator(".board").count() == 0
        identity.person = ("subject-1", "Maria")
        button.click()
        board = page.locator(".board")
        expect(board).to_have_attribute("data-annotator", "Maria", timeout=60_000)
        expect(board).not_to_have_attribute("data-item", "")
    store = server.store()
    (member,) = people.of_project(store, project.id)
    assert member.annotator.name == "Maria"
    assert people.signed_in(store, f"{identity.url} subject-1", "x").id == member.annotator.id
    assert [p.name for p in team.presence(store, project.id, None)] == ["Maria"]


def test_others_reach_the_app_with_listed_accounts_only(tmp_path: Path, browser: Browser) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    running = Server(Workspace(root))
    with provider() as identity:
        (tmp_path / "secrets.toml").write_text(identity.secrets(running.url))
        running.options = ["--secrets.files", str(tmp_path / "secrets.toml")]
        running.options += ["--server.address", "0.0.0.0"]
        running.environment = {
            **os.environ,
            "ALCORE_WORKSPACE": str(root),
            "ALCORE_SIGN_IN": "@school.example",
            "ALCORE_ADMINISTRATORS": "head@school.example",
        }
        running.start()
        try:
            for name, email, verified, says in (
                ("Mallory", "mallory@evil.example", True, "may not come in here"),
                ("Mallory", "head@school.example", False, "may not come in here"),
                ("Pupil", "pupil@school.example", True, "Only owners of a project make"),
                ("Head", "head@school.example", True, "New project"),
            ):
                identity.person = (f"{email} {verified}", name)
                identity.claims = {"email": email, "email_verified": verified}
                with browser.new_context() as context:
                    page = context.new_page()
                    page.goto(f"{running.url}/setup")
                    page.get_by_role("button", name="Sign in").click(timeout=60_000)
                    page.wait_for_url(re.compile(r"/(setup)?$"))
                    expect(page.get_by_text("Signed in as").first).to_be_attached(timeout=60_000)
                    page.goto(f"{running.url}/setup")
                    expect(page.get_by_text(says).first).to_be_visible(timeout=60_000)
        finally:
            running.stop()
    _nothing_failed(running)
