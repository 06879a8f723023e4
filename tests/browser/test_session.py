"""Owns the proof that a class joins by phone, labels, guesses, and sees it all on the wall."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from alcore.services import sessions
from alcore.store import sessions as rows

from .conftest import Server
from .test_accessibility import faults

pytestmark = pytest.mark.browser


@pytest.fixture
def phones(browser: Browser) -> Iterator[list[BrowserContext]]:
    contexts = [
        browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        for _ in range(2)
    ]
    yield contexts
    for context in contexts:
        context.close()


def opened_session(server: Server, page: Page, project_id: int) -> Page:
    """Open a session on the page as a teacher does; return the projector."""
    page.goto(f"{server.url}/session?project={project_id}")
    page.get_by_role("button", name="Open a session").click()
    link = page.locator("a.to-projector")
    expect(link).to_have_count(1)
    with page.context.expect_page() as shown:
        link.click()
    wall = shown.value
    expect(wall.locator("[data-wall=code]")).to_have_text(re.compile(r"^\w{4} \w{4}$"))
    assert "ticket" not in wall.url  # it would stand on the wall
    return wall


def joined(server: Server, context: BrowserContext, code: str, name: str) -> Page:
    page = context.new_page()
    page.goto(f"{server.url}/room?c={code}")
    page.locator("form input[name=name]").fill(name)
    page.get_by_role("button", name="Join").tap()
    return page


def test_a_class_joins_labels_guesses_and_is_replayed(
    server: Server, context: BrowserContext, phones: list[BrowserContext], tmp_path: Path
) -> None:
    project = server.project("the class's shapes", ["circle", "square"], images=60)
    wall = opened_session(server, context.new_page(), project.id)
    expect(wall.locator("[data-wall=qr]")).to_have_attribute("src", re.compile("^data:image/svg"))
    code = wall.locator("[data-wall=code]").inner_text()

    nameless = joined(server, phones[0], "", "Ana")  # who types the address types the code
    expect(nameless.locator("[data-room=refusal]")).to_have_text(
        "Type the code that stands on the wall."
    )
    assert faults(nameless) == []
    nameless.locator("input[name=code]").fill(code.lower())
    nameless.locator("input[name=name]").fill("sh1t")
    nameless.get_by_role("button", name="Join").tap()
    expect(nameless.locator("[data-room=refusal]")).to_contain_text("choose another one")
    nameless.locator("input[name=name]").fill("Ana")
    nameless.get_by_role("button", name="Join").tap()
    ana = nameless
    expect(ana.locator("[data-room=greeting]")).to_have_text("Ana")
    ben = joined(server, phones[1], code.replace(" ", ""), "Ben")
    expect(ben.locator("[data-room=count]")).to_have_text("2")
    expect(wall.locator("[data-wall=names] button")).to_have_text(["Ana", "Ben"])

    for screen in (wall, ben):
        screen.locator(".words summary:visible").click()
        expect(screen.locator(".words dt:visible")).to_contain_text(["label", "pool", "model"])
    assert faults(wall) == [] and faults(ben) == []
    wall.locator(".words summary").click()
    ben.context.set_offline(True)  # Ben's phone falls asleep
    wall.get_by_role("button", name="Start").click()
    expect(wall.locator("[data-wall=countdown]")).to_be_visible()
    board = ana.locator(".board")
    expect(board).to_have_attribute("data-item", re.compile(r"\d+"))
    for hidden in ("grid", "comment", "explain", "help"):
        expect(ana.locator(f".board [data-do={hidden}]").first).to_be_hidden()
    for n in (1, 2):
        before = board.get_attribute("data-item")
        ana.wait_for_timeout(300)  # as long as a person looks, so that a tap is no double one
        ana.locator(".class").nth(n - 1).tap()
        expect(board).not_to_have_attribute("data-item", before or "")
        expect(board).to_have_attribute("data-saved", str(n))
    ana.set_viewport_size({"width": 844, "height": 390})  # turned on its side
    expect(ana.locator(".class").first).to_be_visible()
    expect(wall.locator("[data-wall=peopleword]")).to_have_text("2 labels by 2 students")
    expect(wall.locator("[data-wall=people] li").first).to_contain_text("Ana")
    assert faults(wall) == [] and faults(ana) == []
    expect(ben.locator(".board")).not_to_have_attribute("data-item", re.compile(r"\d+"))
    ben.context.set_offline(False)  # and wakes in the midst of it
    expect(ben.locator(".board")).to_have_attribute("data-item", re.compile(r"\d+"))

    _guess(server, project.id, wall, ana)

    wall.once("dialog", lambda dialog: dialog.accept())
    wall.locator("[data-wall=people] li", has_text="Ben").dblclick()
    expect(ben.locator("[data-room=overword]")).to_have_text("You were removed")
    wall.get_by_role("button", name="End", exact=True).click()
    expect(ana.locator("[data-room=overword]")).to_have_text("The session is over")
    expect(ana.locator("[data-room=thanks]")).to_contain_text("You gave 2 answers")
    assert faults(wall) == [] and faults(ana) == []
    _replayed(wall, tmp_path)
    wall.once("dialog", lambda dialog: dialog.accept())
    wall.get_by_role("button", name="Reset").click()
    expect(wall.locator("[data-wall=joined]")).to_have_text("Nobody is here yet")
    expect(ana.get_by_role("button", name="Join")).to_be_visible()


def _guess(server: Server, project_id: int, wall: Page, ana: Page) -> None:
    """Ask before there is a model, which is refused; then about an image, as if there was one."""
    wall.get_by_role("button", name="Ask the class to guess").click()
    expect(wall.locator("[data-wall=trouble]")).to_contain_text("There is no model yet")
    store = server.store()
    with store.write() as connection:
        (session,) = rows.of_project(connection, project_id)
        rows.ask(connection, project_id, session.id, 5, sessions.time.time())
    ana.locator(".choices button").nth(1).tap()
    expect(ana.locator("[data-room=asked]")).to_have_text("You say square. Now wait for the model.")
    expect(wall.locator("[data-wall=bars]")).to_have_text("1 of 2 have guessed.")
    wall.get_by_role("button", name="Show what the model says").click()
    expect(ana.locator("[data-room=asked]")).to_have_text("Your group has no model yet.")
    expect(wall.locator("[data-wall=bars] tbody tr")).to_have_text([re.compile("^square.*100 %")])
    wall.get_by_role("button", name="Go on labeling").click()
    expect(ana.locator("[data-room=guess]")).to_be_hidden()


def _replayed(wall: Page, tmp_path: Path) -> None:
    """Replay the session, and from its file alone, which asks no server."""
    wall.get_by_role("button", name="Replay").click()
    expect(wall.locator("[data-wall=moment]")).to_be_visible()
    wall.locator("[data-wall=instant]").fill("0")
    expect(wall.locator("[data-wall=peopleword]")).to_contain_text("0 labels")
    wall.get_by_role("button", name="Leave the replay").click()
    with wall.expect_download() as saved:
        wall.get_by_role("button", name="Save as a page").click()
    file = tmp_path / "session.html"
    saved.value.save_as(file)
    alone = wall.context.browser.new_context(offline=True)  # type: ignore[union-attr]  # it has one
    page = alone.new_page()
    failures: list[str] = []
    page.on("requestfailed", lambda request: failures.append(request.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(file.as_uri())
    expect(page.locator("[data-wall=peopleword]")).to_contain_text("2 labels")
    page.locator("[data-wall=speed]").select_option("64")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("[data-wall=moment]")).to_have_text(re.compile(r"^(\d+:\d\d) of \1$"))
    record = json.loads(page.locator("#record").inner_text())
    assert [guess["votes"] for guess in record["guesses"]] == [[0, 1]] and not failures
    alone.close()
