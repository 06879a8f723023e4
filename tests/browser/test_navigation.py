"""The browser's own buttons lead where a person expects, and addresses keep what is shown."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from alcore.services import people

from .conftest import SECTIONS, START, Board, Server, choose_option, expect_soon, go_to

pytestmark = pytest.mark.browser

PAGES = {
    "review": "Review",
    "map": "Map",
    "network": "Network",
    "dashboard": "Dashboard",
    "team": "Team",
    "experiments": "Experiments",
    "playground": "Playground",
    "teach": "Teach your own",
    "setup": "Set-up",
    "glossary": "Glossary",
    "exchange": "In and out",
}
LABELING = ".board:not(.review, .playground, .map, .network, .teach)"
WITHOUT_PROJECT = ("playground", "glossary")
"""Pages that are about no project."""
WITH_OTHERS = ("teach",)
"""Pages that are about projects of their own kind."""


def test_back_leads_back_in_one_press_from_every_page(
    server: Server, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/")
    Board(page).opened()
    expect(page).to_have_url(re.compile(r"/\?project=\d+$"))
    for path, name in PAGES.items():
        go_to(page, name)
        expect(page).to_have_url(re.compile(rf"/{path}"))
        # The page is there, and has written into the address what it writes.
        expect(page.get_by_test_id("stStatusWidget")).to_be_hidden()
        expect(page.locator(LABELING)).to_have_count(0)
        page.wait_for_timeout(1500)
        page.go_back()
        expect(page).to_have_url(re.compile(r"/\?project=\d+$"))
        Board(page).opened()


@pytest.mark.parametrize("width", [820, 1440])
def test_every_page_is_in_the_menu_without_a_rest_that_has_to_be_opened(
    server: Server, context: BrowserContext, width: int
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{server.url}/glossary")
    links = page.get_by_test_id("stTopNavLink")
    names = ("Label", "Review", "Dashboard", "Team", "Set-up")
    expect(links).to_have_text([re.compile(name) for name in names])
    menu = page.get_by_test_id("stTopNavSection")
    expect(menu).to_have_text(list(SECTIONS))
    for section, names in SECTIONS.items():
        page.get_by_role("button", name=section, exact=True).press("Enter")
        for name in names:
            expect(page.get_by_role("menuitem", name=name, exact=True)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("menuitem")).to_have_count(0)


def test_an_address_keeps_the_project_that_was_chosen(
    server: Server, context: BrowserContext
) -> None:
    other = server.project("other", ["apple", "banana"])
    page = context.new_page()
    page.goto(f"{server.url}/dashboard")
    expect(page).to_have_url(re.compile(r"/dashboard\?project=\d+$"))
    page.goto(f"{server.url}/?project={other.id}")
    Board(page).opened()
    page.get_by_role("link", name="Dashboard", exact=True).first.click()
    expect(page).to_have_url(f"{server.url}/dashboard?project={other.id}")
    page.reload()
    choice = page.get_by_role("combobox", name="Project")
    expect(choice).to_have_value("other")
    expect(page).to_have_url(f"{server.url}/dashboard?project={other.id}")
    choose_option(page, choice, "digits")
    expect(page).to_have_url(re.compile(rf"/dashboard\?project=(?!{other.id}$)\d+$"))
    page.get_by_role("link", name="Label", exact=True).first.click()
    expect(Board(page).opened().root.locator(".class")).to_have_count(10)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/dashboard\?project="))


def test_the_project_is_chosen_at_the_same_place_on_every_page(
    server: Server, context: BrowserContext
) -> None:
    other = server.project("somewhere else", ["apple", "banana"])
    store = server.store()
    # Once another module's project has an owner, experiments are for owners only.
    owner = people.annotator(store, "chooses")
    people.set_role(store, other.id, None, owner.id, "owner")
    context.add_cookies([{"name": "alcore_annotator", "value": owner.name, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/?project={other.id}")
    Board(page).opened()
    choice = page.get_by_role("combobox", name="Project", exact=True)
    place = choice.bounding_box()
    for path, name in PAGES.items():
        go_to(page, name)
        expect(page).to_have_url(re.compile(rf"/{path}"))
        expect(page.locator(LABELING)).to_have_count(0)
        if path in WITHOUT_PROJECT:
            expect(choice).to_have_count(0)
        if path in (*WITHOUT_PROJECT, *WITH_OTHERS):
            continue
        expect(choice).to_have_count(1)
        expect(choice).to_have_value("somewhere else")
        expect_soon(choice.bounding_box, place)


def test_keys_belong_to_the_board_again_once_a_project_is_chosen(
    server: Server, context: BrowserContext
) -> None:
    fruit = server.project("fruit", ["apple", "banana"])
    page = context.new_page()
    page.goto(f"{server.url}/?annotator=chooser")
    board = Board(page).opened()
    choose_option(page, page.get_by_role("combobox", name="Project", exact=True), "fruit")
    # For a moment the board of ten classes is there too.
    expect(page.locator(".board .class")).to_have_count(2, timeout=1000 * START)
    board.opened()
    board.press("1")
    board.expect_saved(1)
    assert len(server.events(fruit, "chooser")) == 1
