"""What a teacher shows of a network: layers, units, filters, one image, what training changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from alcore.records import Project

from .conftest import START, Server, go_to
from .test_accessibility import faults

pytestmark = pytest.mark.browser
LONG = 1000 * START


@pytest.fixture(scope="module")
def taught(server: Server) -> Project:
    return server.taught("shapes to look into", 18)


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    assert wrong == []


def whole(page: Page) -> Locator:
    """Wait until everything of the view is computed."""
    element = page.locator(".network[data-ready='1']")
    expect(element).to_be_visible(timeout=LONG)
    return element


def test_two_clicks_show_layers_from_early_to_late_and_a_press_shows_a_unit(
    server: Server, taught: Project, page: Page
) -> None:
    page.goto(f"{server.url}/glossary?project={taught.id}")
    page.goto(f"{server.url}/map?project={taught.id}&annotator=Eva")
    go_to(page, "Network")
    element = whole(page)
    rows = element.locator("[data-part=layers] > li")
    titles = rows.locator("h3").all_inner_texts()
    assert titles[0].endswith("the first") and titles[-1] == "The classes"
    assert len(titles) == int(element.get_attribute("data-layers") or 0)
    expect(rows.first).to_contain_text(re.compile(r"sees \d × \d of 16 × 16 pixels"))
    expect(rows.nth(-2)).to_contain_text(re.compile(r"the model says one class of \d+ %"))
    expect(rows.last.get_by_role("button", name=re.compile("^circle"))).to_be_visible()
    for row in (rows.first, rows.last):
        drawn = row.locator("img.made").first
        assert drawn.evaluate("i => i.complete && i.naturalWidth") == 16
    unit = rows.nth(2).locator("[data-unit]").first
    unit.click()
    panel = element.locator(".unit")
    expect(panel.locator(".large li")).to_have_count(9)
    expect(panel.locator(".whole i").first).to_be_visible()
    expect(unit).to_have_attribute("aria-expanded", "true")
    before = rows.nth(2).locator(".tiles > li").count()
    rows.nth(2).get_by_role("button", name=re.compile("^More of")).click()
    expect(rows.nth(2).locator(".tiles > li")).to_have_count(before + 12, timeout=LONG)
    panel.locator("[data-item]").first.click()
    element = whole(page)
    expect(page).to_have_url(re.compile(r"view=image&item=\d+"))
    maps = element.locator("[data-part=maps] > li")
    expect(maps).to_have_count(len(titles) - 1)
    expect(maps.first.locator("img")).to_have_count(8)
    name = element.locator("[data-part=subjectname]").inner_text()
    element.get_by_role("button", name="Image after").click()
    expect(element.locator("[data-part=subjectname]")).not_to_have_text(name, timeout=LONG)


def test_random_weights_beside_it_show_what_training_changed(
    server: Server, taught: Project, page: Page
) -> None:
    page.goto(f"{server.url}/network?project={taught.id}&annotator=Eva&beside=random")
    element = whole(page)
    rows = element.locator("[data-part=layers] > li")
    words = re.compile(r"Against random weights: unit for unit r = -?\d\.\d\d.*moved by \d+ %")
    expect(rows.nth(1)).to_contain_text(words)
    rows.nth(1).locator("[data-unit]").first.click()
    panel = element.locator(".unit")
    expect(panel.get_by_role("heading", name="The same with random weights")).to_be_visible(
        timeout=LONG
    )
    expect(panel.locator(".large")).to_have_count(2)
    element.get_by_role("button", name="First filters").click()
    element = whole(page)
    first = element.locator("[data-part=filterlist] li").first
    expect(first.locator("img")).to_have_count(2)
    page.reload()
    expect(whole(page).locator("[data-part=filterlist] li").first.locator("img")).to_have_count(2)


def test_a_project_without_a_model_says_what_will_come(server: Server, page: Page) -> None:
    bare = server.project("nothing to look into", ["circle", "square"], 12)
    page.goto(f"{server.url}/network?project={bare.id}&annotator=Eva")
    element = whole(page)
    expect(element.locator("[data-part=none]")).to_contain_text(re.compile("model|extractor"))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_page_is_accessible_and_fits(
    server: Server, taught: Project, browser: Browser, scheme: str, width: int
) -> None:
    within = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = within.new_page()
    page.goto(f"{server.url}/network?project={taught.id}&annotator=Eva")
    element = whole(page)
    element.locator("[data-unit]").first.click()
    expect(element.locator(".unit .large li")).to_have_count(9)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    within.close()
