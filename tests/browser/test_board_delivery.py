"""No answer is lost, doubled or given to the wrong image, whatever the network and tabs do."""

from __future__ import annotations

import re
import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Route, expect
from sqlalchemy import text

from alcore.config import ProjectSettings
from alcore.records import Project
from alcore.services import classes as class_list
from alcore.services import people, projects

from .conftest import Board, OpenBoard, Server, expect_soon

pytestmark = pytest.mark.browser

FRUITS = ["apple", "banana", "cherry"]
ANSWERS = re.compile("/board/.*/(answer|undo)$")
CLAIMS = re.compile("/board/.*/claim$")


@pytest.fixture(scope="module")
def fruits(server: Server) -> Project:
    return server.project("fruits", FRUITS)


def answered(server: Server, project: Project, name: str) -> list[tuple[int, int | None]]:
    return [(e.item_id, e.class_id) for e in server.events(project, name)]


def cut(route: Route) -> None:
    route.abort("connectionrefused")


def _answered_with(status: int, route: Route) -> None:
    route.fulfill(status=status, body="no")


def test_answers_wait_while_the_server_is_down(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "outage")
    board.press("1")
    board.expect_saved(1)
    server.stop()
    apple, banana, _ = (c.id for c in fruits.classes)
    waiting = [(board.press("2"), banana) for _ in range(3)]
    board.expect_pending(3)
    expect(board.part("sending")).to_contain_text("3 to send: no connection")
    outage = board.page.get_by_text("The server does not answer. Trying again; nothing")
    expect(outage).to_be_visible()
    expect(board.page.get_by_role("dialog", name="Connection error")).to_have_count(0)
    assert len(answered(server, fruits, "outage")) == 1
    server.start()
    board.expect_pending(0)
    board.expect_saved(4)
    assert answered(server, fruits, "outage")[1:] == waiting
    expect(board.part("sending")).to_have_text("")
    expect(outage).to_be_hidden()
    # The queue goes on too.
    later = [(board.press("1"), apple) for _ in range(6)]
    board.expect_saved(10)
    assert answered(server, fruits, "outage")[4:] == later


def test_a_pending_answer_can_be_undone_and_given_again(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "pending")
    board.page.route(ANSWERS, cut)
    first, second = board.press("1"), board.press("1")
    board.page.keyboard.press("Backspace")
    board.expect_item(second)
    assert board.press("3") == second
    board.expect_pending(4)
    board.page.unroute(ANSWERS)
    board.expect_pending(0)
    apple, _, cherry = (c.id for c in fruits.classes)
    assert answered(server, fruits, "pending") == [(first, apple), (second, cherry)]


def test_a_reload_keeps_pending_answers(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "reload")
    board.page.route(ANSWERS, cut)
    apple = fruits.classes[0].id
    given = [(board.press("1"), apple) for _ in range(3)]
    board.expect_pending(3)
    board.page.reload()
    board.expect_pending(3)
    board.item()
    board.page.unroute(ANSWERS)
    board.expect_pending(0)
    assert answered(server, fruits, "reload") == given
    assert board.item() not in [item for item, _ in given]
    # The history shows them, and undo reaches them.
    expect(board.root.locator(".strip button")).to_have_count(3)
    board.page.keyboard.press("Backspace")
    board.expect_item(given[-1][0])
    board.expect_pending(0)
    assert answered(server, fruits, "reload") == given[:-1]


def test_two_tabs_share_no_image_and_send_only_their_own(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    one = open_board(fruits, "tabs")
    one.page.route(ANSWERS, cut)
    given = [one.press("1") for _ in range(2)]
    two = open_board(fruits, "tabs")
    others = [two.press("2") for _ in range(4)]
    two.expect_saved(4)
    assert not {*given, one.item()} & {*others, two.item()}
    _, banana, _ = (c.id for c in fruits.classes)
    assert answered(server, fruits, "tabs") == [(item, banana) for item in others]
    one.expect_pending(2)
    # The first tab goes away; what it could not send goes with the next page that opens.
    one.page.close()
    two.page.reload()
    two.item()
    two.expect_pending(0)
    two.expect_saved(2)
    assert {item for item, _ in answered(server, fruits, "tabs")} == {*given, *others}


def test_an_answer_to_an_image_that_somebody_else_answered_is_dropped_with_a_message(
    server: Server, fruits: Project, open_board: OpenBoard, browser: Browser
) -> None:
    late = open_board(fruits, "late")
    contested = late.item()
    # Its page cannot ask whether it still holds the image; it would be given another one.
    late.page.route(CLAIMS, cut)
    # Those of others stay held: what was asked first of all that is free comes first again.
    latecomer = people.annotator(server.store(), "late").id
    with server.store().write() as connection:
        connection.execute(
            text("UPDATE lease SET expires_at = 0 WHERE annotator_id = :who"), {"who": latecomer}
        )
    elsewhere = browser.new_context()
    quick = open_board(fruits, "quick", within=elsewhere)
    apple, banana, _ = (c.id for c in fruits.classes)
    for _ in range(12):
        if quick.press("2") == contested:
            break
    else:
        pytest.fail("the image never came to the second annotator")
    quick.expect_pending(0)
    late.press("1")
    late.expect_pending(0)
    expect(late.part("toast")).to_contain_text("was not counted")
    late.page.unroute(CLAIMS)
    late.expect_saved(0)
    assert answered(server, fruits, "late") == []
    assert (contested, banana) in answered(server, fruits, "quick")
    # Its other images may be the quick one's by now; it gets new ones and goes on.
    theirs = {item for item, _ in answered(server, fruits, "quick")}
    until = time.monotonic() + 60
    while not answered(server, fruits, "late"):
        assert time.monotonic() < until, "no answer is taken any more"
        late.press("1")
        late.expect_pending(0)
    ((item, chosen),) = answered(server, fruits, "late")
    assert chosen == apple and item not in theirs
    elsewhere.close()


def test_what_a_person_may_not_say_is_dropped_with_its_reason_and_holds_nothing_up(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "guest")
    board.press("1")
    board.expect_saved(1)
    store = server.store()
    guest = people.annotator(store, "guest").id
    board.page.route(ANSWERS, cut)
    board.press("2")
    board.press("3")
    board.expect_pending(2)
    people.set_role(store, fruits.id, None, guest, "removed")
    board.page.unroute(ANSWERS)
    board.expect_pending(0)
    expect(board.part("toast")).to_contain_text("You may not label here any more")
    expect(board.root).not_to_have_attribute("data-locked", "true")
    people.set_role(store, fruits.id, None, guest, "annotator")
    board.press("2")
    board.expect_saved(2)
    assert len(answered(server, fruits, "guest")) == 2


def test_what_a_proxy_answers_for_the_server_drops_no_answer(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "behind a proxy")
    for status in (401, 403, 404):
        board.page.route(ANSWERS, partial(_answered_with, status))
        board.press("1")
        board.expect_pending(1)
        expect(board.part("sending")).to_contain_text("1 to send: no connection")
        board.page.unroute(ANSWERS)
        board.expect_pending(0)
    board.expect_saved(3)


def test_images_come_back_when_a_page_is_left(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "leaver")
    client = board.page.evaluate("alcore.client")

    def held() -> int:
        count = text("SELECT count(*) FROM lease WHERE client = :client")
        with server.store().read() as connection:
            return connection.execute(count, {"client": client}).scalar_one()

    assert held() >= 1
    board.page.goto("about:blank")
    until = time.monotonic() + 40
    while held() > 0:
        assert time.monotonic() < until, "the images are still held"
        time.sleep(0.05)


def test_a_class_that_is_added_midway_is_appended(server: Server, open_board: OpenBoard) -> None:
    project = server.project("growing", ["left", "right"])
    board = open_board(project, "grower")
    classes = board.root.locator(".class")

    def first_two() -> list[object]:
        return [classes.nth(i).bounding_box() for i in range(2)]

    places = first_two()
    class_list.add(server.store(), project.id, ["ahead"])
    expect(classes).to_have_count(3)
    expect_soon(first_two, places)
    item = board.press("3")
    board.expect_saved(1)
    added = projects.get(server.store(), project.id).classes[2]
    assert answered(server, project, "grower") == [(item, added.id)]


def test_a_name_is_asked_and_remembered(
    server: Server, fruits: Project, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/?project={fruits.id}")
    name = page.locator(".board [data-part=name]")
    expect(name).to_have_value("me")
    name.fill("Zoë Ω")
    name.press("Enter")
    board = page.locator(".board")
    expect(board).to_have_attribute("data-annotator", "Zoë Ω")
    expect(board).not_to_have_attribute("data-item", "")
    page.keyboard.press("1")
    expect(board).to_have_attribute("data-saved", "1")
    assert len(answered(server, fruits, "Zoë Ω")) == 1
    page.goto(server.url)
    expect(name).to_have_value("Zoë Ω")


def test_the_board_fits_the_window_and_a_phone(
    server: Server, fruits: Project, open_board: OpenBoard, browser: Browser
) -> None:
    digits = projects.named(server.store(), "digits")
    wide = open_board(digits, "wide")
    last = wide.root.locator(".history").bounding_box()
    assert last is not None and last["y"] + last["height"] <= 900
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    board = open_board(digits, "phone", within=phone)
    width = board.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    for button in board.root.locator(".class, .actions button").all():
        box = button.bounding_box()
        assert box is None or (box["height"] >= 44 and box["width"] >= 44)
    # Within the page, which scrolls to what is tapped.
    places = """(root) => [...root.querySelectorAll('.stage, .class')].map((node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      return [x, y - root.getBoundingClientRect().y, width, height];
    })"""
    before = board.root.evaluate(places)
    item = board.rest()
    board.root.locator("[data-do=hint]").tap()
    board.root.locator(".class").nth(3).tap()
    expect(board.root).to_have_attribute("data-saved", "1")
    expect_soon(lambda: board.root.evaluate(places), before)
    assert board.item() != item
    phone.close()


def test_the_hint_stays_closed(fruits: Project, open_board: OpenBoard) -> None:
    board = open_board(fruits, "hinted")
    board.root.locator("[data-do=hint]").click()
    expect(board.part("hint")).to_be_hidden()
    board.page.reload()
    board.item()
    expect(board.part("hint")).to_be_hidden()


@pytest.mark.sqlite
def test_while_another_program_holds_the_database_answers_wait_and_the_board_says_so(
    server: Server, fruits: Project, open_board: OpenBoard
) -> None:
    board = open_board(fruits, "held")
    board.press("1")
    board.expect_saved(1)
    holder = sqlite3.connect(server.workspace.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    given = [board.press("2") for _ in range(3)]
    board.expect_pending(3)
    expect(board.part("toast")).to_contain_text("The database is in use by another program.")
    expect(board.part("sending")).to_contain_text("in use by another program, kept")
    newcomer = board.page.context.new_page()
    newcomer.goto(f"{server.url}/?project={fruits.id}&annotator=newcomer")
    # The store waits half a minute before it gives up.
    said = newcomer.get_by_text("The database is in use by another program. Nothing that was")
    expect(said).to_be_visible(timeout=180_000)
    holder.execute("ROLLBACK")
    holder.close()
    # Leases last a minute: who opens a board before the answers are there may get their images.
    board.expect_pending(0)
    newcomer.reload()
    Board(newcomer).opened()
    expect(board.part("toast")).to_be_hidden()
    expect(board.part("sending")).to_have_text("")
    assert [item for item, _ in answered(server, fruits, "held")][1:] == given


def test_an_original_that_is_missing_is_named_and_the_next_image_comes(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    root = tmp_path / "photographs"
    root.mkdir()
    for number in range(8):
        Image.new("RGB", (40, 30), (20 * number, 90, 90)).save(root / f"{number}.png")
    store = server.store()
    spec = {"kind": "folder", "path": str(root), "copy": False}
    made = projects.create(store, "in place", spec, "none", ProjectSettings(), ["cat", "dog"])
    projects.import_now(store, made, 1)
    root.rename(tmp_path / "elsewhere")
    page = context.new_page()
    page.goto(f"{server.url}/?project={made}&annotator=looking")
    board = Board(page)
    empty = board.part("empty")
    expect(empty).to_contain_text(f"the folder {root} is no longer there")
    expect(empty).to_contain_text("name its new place on the Set-up page")
    # The picture that nobody sees is not labeled, and what comes next is shown.
    page.keyboard.press("1")
    (tmp_path / "elsewhere").rename(root)
    page.keyboard.press("Space")
    board.press("1")
    board.expect_saved(2)
    kinds = [event.kind for event in server.events(projects.get(store, made), "looking")]
    assert kinds == ["skip", "label"]
