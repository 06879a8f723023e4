"""All that keys do can be done with a mouse, and by touch on a phone and on a tablet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, expect
from sqlalchemy import text

from alcore.records import Project
from alcore.services import comments

from .conftest import Board, Server

pytestmark = pytest.mark.browser

KINDS = [f"kind {chr(97 + i)}" for i in range(12)]
DEVICES = {
    "mouse": ((1440, 900), False),
    "phone": ((390, 844), True),
    "tablet": ((820, 1180), True),
}
TARGET = 44
"""Pixels that a finger needs."""


@pytest.fixture(scope="module")
def kinds(server: Server) -> Project:
    return server.project("kinds", KINDS)


@dataclass
class Hand:
    """A person at one device."""

    board: Board
    name: str
    press: Callable[[Locator], None]

    def do(self, action: str) -> None:
        self.board.rest()
        self.press(self.board.root.locator(f".actions [data-do={action}]"))

    def label(self, nth: int) -> int:
        item = self.board.rest()
        self.press(self.board.root.locator(".class").nth(nth))
        return item


@pytest.fixture(params=DEVICES)
def hand(
    request: pytest.FixtureRequest, server: Server, kinds: Project, browser: Browser
) -> Iterator[Hand]:
    (width, height), touch = DEVICES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch
    )
    page = context.new_page()
    name = f"{request.param} {request.node.originalname[5:30]}"
    page.goto(f"{server.url}/?project={kinds.id}&annotator={name}")
    board = Board(page).opened()
    yield Hand(board, name, Locator.tap if touch else Locator.click)
    context.close()


def answers(server: Server, project: Project, name: str) -> list[tuple[int, str]]:
    names = {c.id: c.name for c in project.classes}
    return [
        (e.item_id, names[e.class_id] if e.class_id else e.kind)
        for e in server.events(project, name)
    ]


def test_labels_skips_and_undoes(hand: Hand, server: Server, kinds: Project) -> None:
    board = hand.board
    given = [(hand.label(3), KINDS[3]), (hand.label(11), KINDS[11])]
    given.append((board.item(), "skip"))
    hand.do("skip")
    given.append((board.item(), "unsure"))
    hand.do("unsure")
    board.expect_saved(4)
    assert answers(server, kinds, hand.name) == given
    hand.do("undo")
    board.expect_item(given[-1][0])
    board.expect_pending(0)
    assert answers(server, kinds, hand.name) == given[:-1]
    hand.do("search")
    expect(board.part("query")).to_be_focused()
    board.part("query").fill("kind e")
    hand.press(board.part("found").locator("li").first)
    board.expect_saved(5)
    assert answers(server, kinds, hand.name)[-1] == (given[-1][0], "kind e")


def test_goes_back_and_changes_an_answer(hand: Hand, server: Server, kinds: Project) -> None:
    board = hand.board
    first, second = hand.label(0), hand.label(1)
    board.expect_saved(2)
    ahead = board.item()
    hand.press(board.root.locator("[data-do=older]"))
    board.expect_item(second)
    hand.press(board.root.locator("[data-do=newer]"))
    board.expect_item(ahead)
    hand.press(board.root.locator(".strip button").first)
    board.expect_item(first)
    expect(board.root.locator(".class[data-current]")).to_have_text(re.compile(KINDS[0]))
    hand.label(2)
    board.expect_item(ahead)
    board.expect_saved(3)
    assert answers(server, kinds, hand.name)[-1] == (first, KINDS[2])


def test_looks_closer(hand: Hand) -> None:
    board = hand.board
    hand.do("zoom")
    canvas = board.part("canvas")
    expect(canvas).to_have_attribute("style", re.compile(r"scale\(2\)"))
    # On a phone the button lies below the classes: a person scrolls back to the image.
    board.part("stage").evaluate("stage => stage.scrollIntoView({ block: 'center' })")
    box = board.part("stage").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    points = [{"x": box["x"] + box["width"] * share, "y": middle} for share in (0.2, 0.8)]
    board.drag(points)
    expect(canvas).to_have_attribute("style", re.compile(r"origin: (7|8)\d"))
    hand.do("zoom")
    expect(canvas).to_have_attribute("style", re.compile(r"scale\(4\)"))
    hand.do("zoom")
    expect(board.button("zoom")).to_have_attribute("aria-pressed", "false")
    hand.do("light")
    board.part("brightness").fill("150")
    board.part("contrast").fill("80")
    bright = re.compile(r"brightness\(1\.5\) contrast\(0\.8\)")
    expect(canvas).to_have_attribute("style", bright)
    hand.press(board.part("light").get_by_text("Close"))
    hand.label(0)
    board.page.reload()
    board.item()
    expect(canvas).to_have_attribute("style", bright)
    hand.do("light")
    hand.press(board.part("light").get_by_text("Reset"))
    expect(board.button("light")).to_have_attribute("aria-pressed", "false")
    hand.press(board.part("light").get_by_text("Close"))
    for what in ("why", "suggestion"):
        hand.do(what)
        expect(board.button(what)).to_have_attribute("aria-pressed", "true")
    hand.do("help")
    expect(board.part("help")).to_be_visible()
    hand.press(board.part("help").get_by_role("button"))
    expect(board.part("help")).to_be_hidden()


def test_comments_and_notes(hand: Hand, server: Server, kinds: Project) -> None:
    board = hand.board
    item = board.item()
    hand.do("comment")
    board.part("remark").fill("a stripe")
    hand.press(board.part("remarks").get_by_text("Comment"))
    expect(board.part("remarks")).to_be_hidden()
    board.expect_pending(0)
    assert [c.text for c in comments.of_item(server.store(), kinds.id, item)] == ["a stripe"]
    expect(board.button("comment")).to_contain_text("Comments 1")
    hand.do("comment")
    expect(board.part("said")).to_have_text(re.compile(f"{hand.name} a stripe"))
    board.part("remark").fill("too dark")
    hand.press(board.part("remarks").get_by_text("Unsure"))
    board.expect_saved(1)
    assert answers(server, kinds, hand.name) == [(item, "unsure")]
    assert notes(server, item) == ["too dark"]


def test_a_second_press_of_a_double_one_answers_nothing(
    hand: Hand, server: Server, kinds: Project
) -> None:
    board = hand.board
    item = board.rest()
    button = board.root.locator(".class").nth(1)
    box = button.bounding_box()
    assert box is not None
    board.double_press(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    board.expect_saved(1)
    board.expect_no_effect()
    assert answers(server, kinds, hand.name) == [(item, KINDS[1])]


def test_targets_are_large_and_nothing_is_wider_than_the_screen(hand: Hand) -> None:
    page = hand.board.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in hand.board.root.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None
        least = 32 if "step" in (button.get_attribute("class") or "") else TARGET
        assert box["height"] >= TARGET and box["width"] >= least, button.inner_text()


def notes(server: Server, item: int) -> list[str]:
    with server.store().read() as connection:
        return list(
            connection.execute(
                text("SELECT note FROM label_event WHERE item_id = :id AND note IS NOT NULL"),
                {"id": item},
            ).scalars()
        )


def test_what_is_used_most_stays_on_a_phones_first_screen(
    server: Server, kinds: Project, browser: Browser
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{server.url}/?project={kinds.id}&annotator=thumb")
    board = Board(page).opened()
    for action in ("skip", "unsure", "undo", "grid"):
        expect(board.button(action)).to_be_in_viewport(ratio=1)
    expect(board.root.locator(".picture")).to_be_in_viewport(ratio=1)
    # The grid begins at its beginning, wherever the page was scrolled to.
    page.locator(".step").first.scroll_into_view_if_needed()
    board.button("grid").tap()
    expect(board.root.locator(".gridbar select").first).to_be_in_viewport(ratio=1)
    board.root.locator(".gridacts [data-do=grid]").tap()
    expect(board.root.locator(".picture")).to_be_in_viewport(ratio=1)
    context.close()


def test_nothing_reaches_beyond_the_edge_at_any_width(server: Server, browser: Browser) -> None:
    names = [f"{'very ' * i}long name of a class {i}" for i in range(12)]
    project = server.project("a project whose name is rather long as well", names)
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}/?project={project.id}&annotator=somebody with a long name")
    board = Board(page).opened()
    # How far anything reaches beyond the page, and beyond its column, in pixels.
    beyond = """root => {
      const over = (outer, nodes) => Math.max(0, ...[...nodes].map((node) => (
        node.getBoundingClientRect().right - outer.getBoundingClientRect().right)));
      const page = document.documentElement;
      return [page.scrollWidth - page.clientWidth, over(root, root.querySelectorAll(
        "button, input, select, form, .card, .stage, .classes, .note, .task")),
        over(root.querySelector(".left"), root.querySelectorAll(".left .actions button"))];
    }"""
    for width in (360, 390, 600, 760, 800, 810, 820, 830, 840, 860, 900, 960, 1000, 1040, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(200)
        assert max(board.root.evaluate(beyond)) <= 1, width
    context.close()
