"""Owns the proof that pages are in the reader's language, and stay in the one that was chosen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import START, Server

pytestmark = pytest.mark.browser
ENGLISH = re.compile(r"\b(the|of|and|is|are|to|not|with|your|you|this|that|have)\b", re.IGNORECASE)
TEXTS = """root => {
  const shown = [];
  const take = (text) => { if (text?.trim()) shown.push(text.trim()); };
  for (const node of root.querySelectorAll("*")) {
    if (node.closest("style, script, kbd, [data-part=question], .guidelines .examples")) continue;
    if (node.closest("[data-part=guidetext]")) continue; // what people wrote stays
    for (const name of ["title", "aria-label", "placeholder", "alt"]) take(node.getAttribute(name));
    for (const child of node.childNodes) if (child.nodeType === 3) take(child.nodeValue);
  }
  return shown;
}"""


def in_english(part: Locator) -> list[str]:
    return [text for text in part.evaluate(TEXTS) if ENGLISH.search(text)]


def test_a_german_reads_german_until_english_is_chosen(server: Server, browser: Browser) -> None:
    context = browser.new_context(locale="de-DE", viewport={"width": 390, "height": 844})
    context.set_default_timeout(1000 * START)
    page = context.new_page()
    page.goto(f"{server.url}/playground?model=k+nearest&points=100&rounds=3&step=3")
    ground = page.locator(".playground")
    expect(ground).to_have_attribute("data-step", "3", timeout=1000 * START)
    expect(ground.locator("[data-part=first-figures]")).to_have_text(
        re.compile(r"^6 Labels · \d+,\d %$")
    )
    expect(ground.locator("[data-part=first-reason]")).to_have_text(
        re.compile(r"^Abstand 0,\d\d zwischen")
    )
    assert in_english(ground) == []
    _fits(page)

    page.goto(f"{server.url}/room")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("button", name="Mitmachen")).to_be_visible()
    assert in_english(page.locator(".room")) == []
    _fits(page)

    page.goto(server.url)
    board = page.locator(".board")
    expect(board).to_have_attribute("data-item", re.compile(r"\d+"), timeout=1000 * START)
    assert in_english(board) == []
    _fits(page)

    page.get_by_role("combobox", name="Sprache").select_option("English")
    expect(page.locator(".board [data-part=tick]")).to_be_visible()
    expect(page.get_by_role("button", name="Skip")).to_have_count(1)
    page.reload()
    expect(page.get_by_role("button", name="Skip")).to_have_count(1)
    assert page.goto(f"{server.url}/projector") is not None
    expect(page.locator("html")).to_have_attribute("lang", "en")
    context.close()


def _fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
