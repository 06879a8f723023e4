"""Every page passes axe-core's WCAG A and AA rules, light and dark, and moves little if asked."""

from __future__ import annotations

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from made import Tab
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from alcore.services import comments, guidelines, people, projects
from alcore.store import rounds

from .conftest import Board, Server, at_rest
from .test_navigation import PAGES

pytestmark = pytest.mark.browser

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
}
LINKS = "[data-testid=stTopNavLink], [data-testid=stSidebarNavLink]"
UNDRAWN = "[data-testid=stVegaLiteChart]:not(:has(svg))"
STILL = "document.getAnimations().every((a) => a.playState !== 'running')"
COMPUTED = ("network",)
"""Pages that compute for long; their own tests wait for it and ask axe."""
SECTIONS = ("classes", "calibration", "people", "rounds")
"""Of the dashboard, besides the one that it opens with."""


def faults(page: Page) -> list[str]:
    """List what axe finds wrong with what is on screen."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{fault['id']}: {node['target']} {node['html'][:200]}"
        for fault in found
        for node in fault["nodes"]
    ]


@pytest.fixture(scope="module")
def modelled(server: Server, browser: Browser) -> int:
    """The demo project with labels and a model, so that every chart has something to draw."""
    page = browser.new_page()
    page.goto(server.url)
    Board(page).opened()  # the project is made and imported by the first visit
    page.close()
    store = server.store()
    digits = projects.named(store, "digits").id
    tab = Tab(store, digits)
    for turn in range(30):
        tab.answer(tab.next(), turn % 10)
    until = time.monotonic() + 300
    while True:
        with store.read() as connection:
            if rounds.all_rounds(connection, digits):
                return digits
        assert time.monotonic() < until, "no model came"
        time.sleep(0.5)


def drawn(page: Page) -> None:
    """Wait until the page is there with its menu and its charts."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(LINKS).first).to_be_visible()
    at_rest(page)
    expect(page.locator(UNDRAWN)).to_have_count(0)  # whichever charts there are by then


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_and_the_grid_are_accessible(
    server: Server, browser: Browser, modelled: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator(LINKS).first).to_be_visible()
    wrong = {}
    for path in ("", *(p for p in PAGES if p not in COMPUTED), "session"):
        page.goto(f"{server.url}/{path}?project={modelled}")
        drawn(page)
        for section in ("", *SECTIONS) if path == "dashboard" else ("",):
            if section:
                page.get_by_role("radio", name=section, exact=True).click()
                page.wait_for_url(f"**section={section}**")
                drawn(page)
            page.wait_for_function(STILL)
            if found := faults(page):
                wrong[f"{path} {section}"] = found
    page.goto(f"{server.url}/api/v1/docs")
    if found := faults(page):
        wrong["API"] = found
    page.goto(f"{server.url}/?project={modelled}&annotator=axe")
    board = Board(page).opened()
    board.press("g")
    expect(board.root.locator(".tile").first).to_be_visible()
    if found := faults(page):
        wrong["grid"] = found
    assert not wrong
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_board_is_accessible_with_everything_open(
    server: Server, browser: Browser, scheme: str
) -> None:
    store = server.store()
    name = f"many {scheme}"
    project = server.project(name, [f"kind {chr(97 + i)}" for i in range(25)])
    me = people.annotator(store, "axe")
    project = projects.get(store, project.id)
    with store.read() as connection:
        first = connection.execute(
            text("SELECT min(id) FROM item WHERE project_id = :id"), {"id": project.id}
        ).scalar_one()
    guidelines.choose(store, project.id, me.id, first, project.classes[0].id)
    comments.add(store, project.id, me.id, key=name, item_id=first, text="look twice")
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(f"{server.url}/?project={project.id}&annotator=axe")
    board = Board(page).opened()
    example = board.part("examples").locator("li", has_text="kind a").locator("img")
    expect(example).to_have_js_property("naturalWidth", 32)
    wrong = {}
    for opening, part, closing in (
        ("Shift+B", "light", "Escape"),
        ("Shift+C", "remarks", "Escape"),
        ("h", "help", "Escape"),
        ("f", "search", "Escape"),
    ):
        page.keyboard.press(opening)
        expect(board.part(part)).to_be_visible()
        wrong[part] = faults(page)
        page.keyboard.press(closing)
        expect(board.part(part)).to_be_hidden()
    for turn in range(3):
        board.press("123"[turn])
    board.expect_saved(3)
    wrong["history"] = faults(page)
    assert not {part: found for part, found in wrong.items() if found}
    context.close()


def test_tab_reaches_every_button_and_shows_where_it_is(server: Server, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    digits = projects.named(server.store(), "digits")
    page.goto(f"{server.url}/?project={digits.id}&annotator=tabs")
    board = Board(page).opened()
    focused = """() => {
      let node = document.activeElement;
      while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
      const style = getComputedStyle(node);
      return [node.getAttribute('data-class') ?? node.getAttribute('data-do'),
        style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
    }"""
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outlined = page.evaluate(focused)
        if name is not None:
            assert outlined, f"nothing shows that {name} has the focus"
            reached.add(name)
    classes = {str(c.id) for c in digits.classes}
    assert classes | {"skip", "unsure", "undo", "why", "zoom", "light", "comment"} <= reached
    # Enter presses the button that has the focus.
    board.root.locator(".class").nth(3).focus()
    item = board.item()
    page.keyboard.press("Enter")
    board.expect_saved(1)
    assert server.events(digits, "tabs")[0].class_id == digits.classes[3].id
    assert server.events(digits, "tabs")[0].item_id == item
    page.close()


def test_nothing_moves_for_people_who_asked_for_less(server: Server, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(server.url)
    board = Board(page).opened()
    moving = page.evaluate(
        """() => {
      const all = [...document.querySelectorAll('*')];
      const inner = all.flatMap((n) => [...(n.shadowRoot?.querySelectorAll('*') ?? [])]);
      return [...all, ...inner].filter((node) => {
        const style = getComputedStyle(node);
        return parseFloat(style.transitionDuration) > 0.01;
      }).length;
    }"""
    )
    assert moving == 0
    board.press("1")
    board.expect_saved(1)
    assert page.evaluate("document.getAnimations().length") == 0
    context.close()
