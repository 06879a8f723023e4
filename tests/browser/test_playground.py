"""Owns the proof of the Playground as people use it: stepping, links, answering, drawing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from .conftest import START, Server

pytestmark = pytest.mark.browser
SMALL = "model=k+nearest&points=100&rounds=3"


def opened(page: Page, server: Server, query: str) -> Locator:
    page.goto(f"{server.url}/playground?{query}")
    ground = page.locator(".playground")
    expect(ground).to_have_attribute("data-step", re.compile(r"\d"), timeout=1000 * START)
    return ground


def part(page: Page, name: str) -> Locator:
    return page.locator(f".playground [data-part={name}]")


def test_the_loop_is_walked_by_keys_played_to_its_end_and_shared_by_a_link(
    server: Server, context: BrowserContext
) -> None:
    page = context.new_page()
    ground = opened(page, server, SMALL)
    pills = [None, "train", "apply", "find", "ask", "retrain", "stop", "apply"]
    for step, phase in enumerate(pills[1:], start=1):
        page.keyboard.press("ArrowRight")
        expect(ground).to_have_attribute("data-step", str(step))
        expect(page.locator("[aria-current=step]")).to_have_attribute("data-phase", phase or "")
    expect(part(page, "first-figures")).to_have_text(re.compile(r"^7 labels · \d"))
    page.keyboard.press("ArrowLeft")
    expect(part(page, "sentence")).to_have_text(re.compile("^Not yet: "))
    page.wait_for_url("**&step=6")
    expect(part(page, "tour")).to_be_hidden()  # whoever follows a link wants what it shows

    part(page, "speed").select_option("30")
    part(page, "play").click()
    expect(ground).to_have_attribute("data-step", "16")
    expect(part(page, "play")).to_have_text("Play")
    shown = part(page, "curve").get_attribute("aria-label")
    assert shown and shown.count("after 9 labels") == 2
    page.wait_for_url("**&step=16*")

    other = context.new_page()
    assert opened(other, server, page.url.split("?")[1]).get_attribute("data-step") == "16"
    expect(part(other, "curve")).to_have_attribute("aria-label", shown)
    part(other, "first-strategy").select_option("entropy")
    expect(part(other, "first-text")).to_contain_text("−Σ p ln p")

    page.goto(f"{server.url}/playground?data=suns")
    expect(part(page, "sentence")).to_contain_text("no data 'suns'; choose from blobs")


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    yield context.new_page()
    context.close()


def test_a_person_answers_and_draws_on_a_phone(server: Server, phone: Page) -> None:
    ground = opened(phone, server, "data=digits&oracle=me&step=4&batch=2&" + SMALL)
    choices = part(phone, "choices").locator("button")
    expect(choices).to_have_text(["0", "1", "2", "3"])
    expect(part(phone, "question")).to_contain_text("(1 of 2)")
    choices.nth(1).tap()
    expect(part(phone, "question")).to_contain_text("(2 of 2)")
    choices.nth(3).tap()
    expect(ground).to_have_attribute("data-step", "5")
    phone.wait_for_url("**answers=13*")
    expect(part(phone, "place")).to_have_text("step 5 of 9")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")

    phone.goto(f"{server.url}/playground?data=own&model=k+nearest")
    part(phone, "tools").get_by_role("button", name="Paste a table").tap()
    part(phone, "table").fill("1, 2, cat\n3, x, dog")
    phone.get_by_role("button", name="Use these points").tap()
    expect(part(phone, "wrong")).to_contain_text("Line 2 is “3, x, dog”")
    lines = "\n".join(
        f"{i % 7}, {i % 5 + 9 * (i % 2)}, {'cat' if i % 2 else 'dog'}" for i in range(40)
    )
    part(phone, "table").fill(lines)
    phone.get_by_role("button", name="Use these points").tap()
    expect(part(phone, "count")).to_have_text("40 points")
    phone.locator("[data-do=on]").tap()
    expect(ground).to_have_attribute("data-step", "1")
    phone.wait_for_url("**own=*")
