"""What a person does on the review page: find, mend, undo, comment, with and without a mouse."""

from __future__ import annotations

import time
import uuid

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import text

from alcore.records import NewEvent, Project
from alcore.services import comments, completing, guidelines, people, review
from alcore.services.review import Filter
from alcore.store import items, label_checks, labels

from .conftest import Server
from .test_accessibility import faults

pytestmark = pytest.mark.browser

FRUITS = ["apple", "banana", "cherry"]


@pytest.fixture(scope="module")
def fruits(server: Server) -> Project:
    """Sixty labels by Ana and Ben, of which models doubt three; Ben is unsure of one."""
    project = server.project("fruits to review", FRUITS)
    store = server.store()
    ids = [c.id for c in project.classes]
    who = [people.annotator(store, name).id for name in ("Ana", "Ben")]
    with store.write() as connection:
        found = connection.execute(
            text(
                "SELECT id FROM item WHERE project_id = :id AND split = 'pool' ORDER BY id LIMIT 60"
            ),
            {"id": project.id},
        ).scalars()
        for n, item_id in enumerate(list(found)):
            event = labels.append(
                connection,
                NewEvent(
                    project_id=project.id,
                    item_id=item_id,
                    annotator_id=who[n % 2],
                    kind="unsure" if n == 5 else "label",
                    class_id=None if n == 5 else ids[n % 3],
                    key=uuid.uuid4().hex,
                    origin="query",
                    created_at=1_000_000.0 + n,
                    note="half of it is missing" if n == 5 else None,
                ),
            )
            if n != 5:
                doubted = n in (6, 7, 8)
                guess = ids[(n + doubted) % 3]
                row = {"item_id": item_id, "project_id": project.id, "event_id": event}
                row |= {"class_id": guess, "p": 0.9 - n / 100, "p_label": 0.05 if doubted else 0.9}
                row |= {
                    "error_score": 0.85 - n / 100,
                    "flagged": doubted,
                    "created_at": 1_000_000.0,
                }
                label_checks.put(connection, [row])
    return project


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def opened(page: Page, server: Server, project: Project, view: str, name: str = "Eva") -> Locator:
    page.goto(f"{server.url}/review?project={project.id}&annotator={name}&view={view}")
    expect(page.locator(f".review[data-view={view}]")).to_be_visible(timeout=60_000)
    return page.locator(".review")


def tiles(element: Locator) -> Locator:
    return element.locator(".tile")


def chosen(element: Locator) -> int:
    return int(element.get_attribute("data-item") or "0")


def saved(element: Locator, n: int) -> None:
    expect(element).to_have_attribute("data-saved", str(n))
    expect(element).to_have_attribute("data-pending", "0")


def label_of(server: Server, project: Project, item_id: int) -> str:
    store = server.store()
    names = {c.id: c.name for c in project.classes}
    with store.read() as connection:
        current = labels.current(connection, item_id)
    return names[current[0]] if current else "none"


def test_probably_wrong_labels_are_mended_by_key_and_taken_back(
    server: Server, fruits: Project, page: Page
) -> None:
    element = opened(page, server, fruits, "doubts")
    expect(tiles(element)).to_have_count(3)
    expect(element.locator("[data-part=model]")).to_contain_text("banana")
    expect(element.locator("[data-part=log] li")).to_have_count(1)
    first = chosen(element)
    page.keyboard.press("2")
    assert chosen(element) != first, "the next image is chosen"
    saved(element, 1)
    assert label_of(server, fruits, first) == "banana"
    second = chosen(element)
    before = label_of(server, fruits, second)
    page.keyboard.press("Enter")  # the label is right
    saved(element, 2)
    expect(element.locator("[data-view=doubts] .n")).to_have_text("1")
    page.keyboard.press("Backspace")
    page.keyboard.press("Control+z")
    saved(element, 4)
    assert chosen(element) == first
    assert label_of(server, fruits, first) == "apple"
    assert label_of(server, fruits, second) == before
    expect(element.locator("[data-part=log] li")).to_have_count(2)
    expect(element.locator("[data-part=log] li[data-undone]")).to_contain_text("banana")
    expect(element.locator("[data-view=doubts] .n")).to_have_text("3")


def test_views_and_filters_narrow_the_list_and_the_address_restores_them(
    server: Server, fruits: Project, page: Page
) -> None:
    element = opened(page, server, fruits, "all")
    expect(element.locator("[data-part=range]")).to_have_text("1–48 of 60")
    page.get_by_role("button", name="Next page").click()
    expect(element.locator("[data-part=range]")).to_have_text("49–60 of 60")
    element.get_by_label("Class", exact=True).select_option(label="cherry")
    expect(element.locator("[data-part=range]")).to_have_text("1–19 of 19")
    element.get_by_label("Annotator").select_option(label="Ben")
    element.get_by_label("Model disagrees").check()
    expect(tiles(element)).to_have_count(0)
    expect(element).to_contain_text("Nothing passes these filters.")
    element.get_by_label("Model disagrees").uncheck()
    expect(tiles(element)).to_have_count(9)
    page.reload()
    expect(tiles(element)).to_have_count(9)
    expect(element.get_by_label("Annotator")).to_have_value(
        str(people.annotator(server.store(), "Ben").id)
    )
    page.get_by_role("tab", name="Unsure").click()
    element.get_by_label("Class", exact=True).select_option(label="All classes")
    expect(tiles(element)).to_have_count(1)
    expect(element.locator("[data-part=note]")).to_have_text("half of it is missing")


def test_arrows_choose_comments_are_written_and_examples_chosen_without_a_mouse(
    server: Server, fruits: Project, page: Page
) -> None:
    element = opened(page, server, fruits, "all")
    first = chosen(element)
    expect(tiles(element)).to_have_count(48)
    page.keyboard.press("ArrowRight")
    item = chosen(element)
    assert item != first
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert chosen(element) == item
    expect(page.locator(".tile:focus")).to_have_attribute("data-item", str(item))
    page.keyboard.press("Shift+C")
    page.keyboard.type("is 2 a pear?")  # digits in a text label nothing
    page.keyboard.press("Enter")
    saved(element, 1)
    (said,) = comments.of_item(server.store(), fruits.id, item)
    assert (said.annotator, said.text) == ("Eva", "is 2 a pear?")
    expect(element.locator("[data-part=talk]")).to_contain_text("is 2 a pear?")
    example = element.locator("[data-do=example]")
    expect(example).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Shift+X")
    expect(example).to_have_attribute("aria-pressed", "true")
    (shown,) = guidelines.of_project(server.store(), fruits.id)
    assert shown.item_id == item
    page.keyboard.press("Shift+X")
    expect(example).to_have_attribute("aria-pressed", "false")
    page.get_by_role("tab", name="Comments").click()
    expect(tiles(element)).to_have_count(1)


def test_a_phone_mends_by_touch(server: Server, fruits: Project, browser: Browser) -> None:
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = phone.new_page()
    element = opened(page, server, fruits, "unsure", "Tim")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, f"{wide} pixels wide: the page scrolls sideways"
    item = chosen(element)
    element.locator(".class", has_text="cherry").tap()
    saved(element, 1)
    assert label_of(server, fruits, item) == "cherry"
    phone.close()


def test_a_label_that_somebody_changed_meanwhile_is_not_overwritten(
    server: Server, fruits: Project, page: Page
) -> None:
    element = opened(page, server, fruits, "all", "Zoe")
    item = chosen(element)
    store = server.store()
    zoe, other = (people.annotator(store, name).id for name in ("Zoe", "Somebody"))
    row = review.page(store, fruits.id, zoe, Filter(), 0, 1).rows[0]
    assert row.item_id == item
    mended = NewEvent(
        project_id=fruits.id,
        item_id=item,
        annotator_id=other,
        kind="label",
        class_id=fruits.classes[0].id,
        key=uuid.uuid4().hex,
        created_at=time.time(),
    )
    review.mend(store, mended, row.event_id)
    page.keyboard.press("3")
    expect(element.locator("[data-part=toast]")).to_contain_text("meanwhile")
    assert label_of(server, fruits, item) == "apple"
    expect(tiles(element).first).to_contain_text("apple")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_review_page_is_accessible(
    server: Server, fruits: Project, browser: Browser, scheme: str
) -> None:
    within = browser.new_context(
        viewport={"width": 1440, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = within.new_page()
    element = opened(page, server, fruits, "doubts", "axe")
    expect(element.locator("[data-part=log] li").first).to_be_visible()
    page.keyboard.press("Shift+C")
    expect(element.locator("[data-part=remark]")).to_be_focused()
    assert faults(page) == []
    within.close()


def test_predictions_of_a_file_are_confirmed_and_mended(
    server: Server, fruits: Project, page: Page
) -> None:
    element = opened(page, server, fruits, "all")
    expect(element.get_by_role("tab", name="Comments")).to_be_visible()
    expect(element.locator("[data-view=predictions]")).to_be_hidden()
    store, (apple, banana, cherry) = server.store(), [c.id for c in fruits.classes]
    with store.read() as connection:
        free = items.unlabeled(connection, fruits.id)[:6].tolist()
        labeled, was = next(iter(labels.counting(connection, fruits.id).items()))
    other = banana if was != banana else cherry
    completing.draw_predictions(
        store,
        fruits.id,
        completing.Predictions("old model.csv", dict.fromkeys(free, apple), {labeled: other}),
        sample=3,
    )
    element = opened(page, server, fruits, "predictions")
    expect(tiles(element)).to_have_count(4)  # what is being checked blindly is not among them
    expect(element.locator("[data-part=predicted]")).to_contain_text("old model.csv predicts")
    assert chosen(element) == labeled
    page.keyboard.press("Enter")
    saved(element, 1)
    expect(element.locator("[data-part=now]")).to_contain_text("No label yet")
    second = chosen(element)
    page.keyboard.press("Enter")
    saved(element, 2)
    third = chosen(element)
    page.keyboard.press("3")
    saved(element, 3)
    expect(element.locator("[data-view=predictions] .n")).to_have_text("1")
    said = [label_of(server, fruits, i) for i in (second, third)]
    assert said == ["apple", "cherry"]
