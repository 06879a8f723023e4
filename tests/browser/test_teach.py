"""Teach your own, by Chromium's fake camera: taking, looking, asking, and what may be missing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from test_teaching import CHECKS, STRIPES, picture

from alcore.records import Project
from alcore.services import projects, teaching

from .conftest import START, Server, at_rest, go_to
from .test_accessibility import faults

pytestmark = pytest.mark.browser
LONG = 1000 * START
BURST = 1500
"""Milliseconds that the button is held."""


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    assert wrong == []


def files(kind: str, seeds: range) -> list[dict[str, object]]:
    return [
        {"name": f"{kind} {seed}.png", "mimeType": "image/png", "buffer": picture(kind, seed)}
        for seed in seeds
    ]


def begin(server: Server, page: Page, *names: str) -> Locator:
    """Make a project of these classes by the form."""
    page.goto(f"{server.url}/teach?project=new&annotator=Eva")
    at_rest(page)
    page.get_by_role("textbox", name="Classes").fill("\n".join(names))
    page.get_by_role("button", name="Begin").click()
    element = page.locator(".teach")
    expect(element).to_be_visible()
    return element


def newest(server: Server) -> Project:
    return projects.list_projects(server.store())[-1]


def turn_on(element: Locator) -> None:
    element.get_by_role("button", name="Turn the camera on").click()
    expect(element.locator("video")).not_to_have_js_property("videoWidth", 0)


def shares(element: Locator) -> list[float]:
    """Read what one look at the camera said of each class."""
    return element.locator(".bars li").evaluate_all("all => all.map((one) => +one.dataset.share)")


def test_a_burst_and_an_upload_teach_what_the_camera_shows_and_ten_are_asked(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/glossary")
    go_to(page, "Teach your own")
    element = begin(server, page, "the camera", CHECKS)
    expect(element.locator("[data-part=private]")).to_contain_text("leaves the class room")
    expect(element.locator("[data-part=seen]")).to_contain_text("Take pictures of two classes")
    turn_on(element)
    camera, checks = element.locator(".card").nth(0), element.locator(".card").nth(1)
    hold = camera.get_by_role("button", name="Hold to take pictures of the camera")
    hold.hover()
    page.mouse.down()
    page.wait_for_timeout(BURST)
    page.mouse.up()
    taken = camera.locator(".strip li").count()
    assert taken >= 4
    checks.locator("input[type=file]").set_input_files(files(CHECKS, range(6)))
    expect(element).to_have_attribute("data-rate", re.compile(r"\d"), timeout=LONG)
    expect(element).to_have_attribute("data-left", "0")
    expect(element).to_have_attribute("data-unsent", "0")
    page.wait_for_timeout(300)
    first, second = shares(element)
    assert first > 0.6 and first + second == pytest.approx(1)

    # They become items of an ordinary project, labeled by who took them.
    made = newest(server)
    expect(camera.locator(".strip img[src*='pixels']")).to_have_count(taken, timeout=LONG)
    events = server.events(made, "Eva")
    assert len(events) == taken + 6 and {event.origin for event in events} == {"contribution"}

    # The same pictures the other way round turn the bars: the model is that of these pictures.
    version = element.get_attribute("data-version")
    for place in range(taken):
        camera.get_by_role("button", name="Take a picture of the camera back").first.click()
        expect(camera.locator(".strip li")).to_have_count(taken - place - 1)
    checks.get_by_role("button", name=f"Hold to take pictures of {CHECKS}").focus()
    page.keyboard.down(" ")
    page.wait_for_timeout(BURST)
    page.keyboard.up(" ")
    camera.locator("input[type=file]").set_input_files(files(STRIPES, range(6)))
    expect(element).not_to_have_attribute("data-version", version or "")
    expect(element.locator("[data-part=seen]")).to_contain_text("Learned from", timeout=LONG)
    expect(element.locator(".bars li").nth(1).locator("b")).to_have_text(
        re.compile(r"^([6-9]\d|100) %$"), timeout=LONG
    )

    # Pictures without a class wait in the pool, and the queue asks about them.
    element.locator("[data-part=loose]").set_input_files(files(STRIPES, range(20, 34)))
    expect(element).to_have_attribute("data-unsent", "0")
    ask, tiles = element.get_by_role("button", name="Show the ten"), element.locator(".ten li")
    for _ in range(30):
        ask.click()
        expect(ask).to_be_enabled()
        if tiles.count() == 10:
            break
        page.wait_for_timeout(1000)  # until the import is through
    expect(tiles).to_have_count(10)
    tiles.first.get_by_role("button", name=CHECKS).click()
    expect(tiles).to_have_count(9)
    tiles.first.get_by_role("button", name="Skip").click()
    expect(tiles).to_have_count(8)
    page.wait_for_function("() => !Object.keys(localStorage).some((k) => k.includes(':op:'))")
    asked = [e for e in server.events(made, "Eva") if e.origin != "contribution"]
    assert [e.kind for e in asked] == ["label", "skip"]


def test_without_permission_a_sentence_says_so_and_upload_works(
    server: Server, browser_without_camera: Browser
) -> None:
    phone = browser_without_camera.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True
    )
    phone.set_default_timeout(120_000)
    page = phone.new_page()
    element = begin(server, page)
    expect(element.locator("[data-part=seen]")).to_contain_text("Add a class first")
    element.get_by_role("textbox", name="Name of a new class").fill("only one")
    element.get_by_role("button", name="Add a class").click()
    expect(element.locator(".card")).to_have_count(1)
    expect(element.locator("[data-part=seen]")).to_contain_text("add a second class")
    element.get_by_role("button", name="Turn the camera on").click()
    expect(element.locator("[data-part=dark]")).to_contain_text("may not be used")
    strange = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    element.locator(".card input[type=file]").set_input_files([strange, *files(CHECKS, range(2))])
    expect(element.locator("[data-part=message]")).to_contain_text("“notes.txt” is no picture")
    expect(element.locator(".card .strip img")).to_have_count(2)
    expect(element).to_have_attribute("data-unsent", "0")
    seen = teaching.overview(server.store(), newest(server).id)
    assert len(seen.waiting) + len(seen.pictures) == 2
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()
