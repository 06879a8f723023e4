"""What a person does on the map: look, draw around images, go on with them, also by keys."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from alcore.loop import maps
from alcore.records import NewEvent, Project
from alcore.services import people, training
from alcore.store import items, labels

from .conftest import Server
from .test_accessibility import faults

pytestmark = pytest.mark.browser

IMAGES = 150
NO_WEBGL = """
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind === "webgl2" ? null : get.call(this, kind, ...more);
};"""


@pytest.fixture(scope="module")
def shapes(server: Server) -> Project:
    """150 images, twenty of them labeled, and a model."""
    project = server.project("shapes on the map", ["circle", "square"], IMAGES)
    label(server, project, 20)
    training.train_now(server.store(), project.id, 1)
    return project


def label(server: Server, project: Project, n: int) -> None:
    store = server.store()
    ana = people.annotator(store, "Ana").id
    with store.write() as connection:
        for place, item_id in enumerate(items.unlabeled(connection, project.id)[:n].tolist()):
            event = NewEvent(
                project_id=project.id,
                item_id=item_id,
                annotator_id=ana,
                kind="label",
                class_id=project.classes[place % 2].id,
                key=uuid.uuid4().hex,
                origin="query",
                created_at=1_000_000.0 + place,
            )
            labels.append(connection, event)


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    assert wrong == []


def opened(page: Page, server: Server, project: Project, more: str = "") -> Locator:
    page.goto(f"{server.url}/map?project={project.id}&annotator=Eva{more}")
    expect(page.locator(".map[data-ready='1']")).to_be_visible(timeout=60_000)
    return page.locator(".map")


def part(element: Locator, name: str) -> Locator:
    return element.locator(f"[data-part={name}]")


def corners(element: Locator) -> tuple[float, float, float, float]:
    box = part(element, "plot").bounding_box()
    assert box is not None
    return box["x"] + 4, box["y"] + 56, box["x"] + box["width"] - 4, box["y"] + box["height"] - 4


def surround(page: Page, element: Locator, tool: str) -> None:
    """Draw around everything."""
    element.get_by_role("button", name=tool).click()
    left, top, right, low = corners(element)
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, low)) + (((left, low),) if tool == "Lasso" else ()):
        page.mouse.move(x, y, steps=2)
    page.mouse.up()


def test_images_that_were_drawn_around_go_to_the_grid_and_to_review(
    server: Server, shapes: Project, page: Page
) -> None:
    element = opened(page, server, shapes)
    expect(element).to_have_attribute("data-points", str(IMAGES))
    expect(part(element, "about")).to_contain_text("what model 1 has learned")
    surround(page, element, "Lasso")
    expect(part(element, "picked")).to_have_text(re.compile(r"1[0-4]\d images selected"))
    element.get_by_role("button", name="Review").click()
    expect(page).to_have_url(re.compile(r"/review\?.*selection=\d+"))
    review = page.locator(".review")
    expect(review.get_by_label("Selection from the map")).to_be_checked()
    expect(review.locator(".tile").first).to_be_visible()
    page.go_back()
    element = opened(page, server, shapes)
    element.get_by_role("button", name="Select unlabeled").click()
    expect(part(element, "picked")).to_have_text("130 images selected")
    element.get_by_role("button", name="Label in the grid").click()
    board = page.locator(".board[data-mode=grid]")
    expect(board).to_have_attribute("data-tiles", "30")
    expect(board).to_contain_text("of the selection from the map")


def test_colours_are_chosen_kept_in_the_address_and_switched_off_by_the_legend(
    server: Server, shapes: Project, page: Page
) -> None:
    element = opened(page, server, shapes)
    circles = element.get_by_role("button", name=re.compile("^circle, 10 images, shown"))
    expect(circles).to_be_visible()
    part(element, "way").select_option("predicted")
    expect(part(element, "waytitle")).to_have_text("Prediction")
    expect(page).to_have_url(re.compile("colour=predicted"))
    page.reload()
    expect(part(element, "waytitle")).to_have_text("Prediction", timeout=60_000)
    first = part(element, "legend").locator(".show").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "false")
    surround(page, element, "Box")
    left = int(re.sub(r"\D", "", part(element, "picked").inner_text()) or "0")
    assert 0 < left < IMAGES, "what is hidden is not selected"
    element.get_by_role("button", name="Show only these").click()
    expect(element.get_by_role("button", name="Show all again")).to_be_enabled()


def test_the_map_is_used_by_keys_and_read_as_a_list(
    server: Server, shapes: Project, page: Page
) -> None:
    element = opened(page, server, shapes)
    plot = part(element, "plot")
    plot.focus()
    for key in ("+", "+", "ArrowRight", "ArrowUp", "-", "0"):
        page.keyboard.press(key)
    page.keyboard.press("s")
    expect(part(element, "picked")).to_have_text(re.compile(r"1[0-5]\d images selected"))
    page.keyboard.press("Escape")
    expect(part(element, "picked")).to_have_text("Nothing selected")
    element.locator("summary", has_text="Images in view").press("Enter")
    tiles = part(element, "tiles").get_by_role("button")
    expect(tiles).to_have_count(36)
    expect(tiles.first).to_have_attribute("aria-label", re.compile("image|shape|png"))
    tiles.nth(1).press("Enter")
    expect(part(element, "picked")).to_have_text("1 image selected")
    expect(tiles).to_have_count(1)
    expect(tiles.first).to_have_attribute("aria-pressed", "true")


def test_two_strategies_are_shown_beside_each_other(
    server: Server, shapes: Project, page: Page
) -> None:
    element = opened(page, server, shapes)
    element.get_by_text("Where would each strategy go?").click()
    part(element, "second").select_option("random")
    element.get_by_role("button", name="Show both").click()
    for side in ("first", "second"):
        expect(part(element, f"{side}text")).to_contain_text("of model 1", timeout=90_000)
        expect(part(element, f"{side}tiles").locator("li")).to_have_count(20)


def test_a_new_model_and_new_labels_come_by_themselves_and_the_slider_goes_back(
    server: Server, page: Page
) -> None:
    project = server.project("shapes that learn", ["circle", "square"], 60)
    element = opened(page, server, project)
    expect(part(element, "about")).to_contain_text("by their pixels")
    expect(part(element, "rounds")).to_be_hidden()
    label(server, project, 12)
    training.train_now(server.store(), project.id, 1)
    expect(part(element, "about")).to_contain_text("what model 1 has learned")
    expect(element.get_by_role("button", name=re.compile("^circle, 6 images"))).to_be_visible()
    slider = element.get_by_label("As of which model")
    slider.press("Home")
    expect(part(element, "asof")).to_have_text("before the first model")
    expect(element.get_by_role("button", name=re.compile("^unlabeled, 60 images"))).to_be_visible()
    expect(page).to_have_url(re.compile("at=0"))
    slider.press("End")
    expect(part(element, "asof")).to_have_text("now, all labels")


def test_neighbours_say_how_long_they_take_or_what_adds_them(
    server: Server, shapes: Project, page: Page
) -> None:
    element = opened(page, server, shapes, "&layout=umap")
    expect(part(element, "umaptext")).to_have_text(re.compile(r"pip install|About \d+ s"))
    expect(part(element, "about")).to_contain_text("main directions")
    folder = server.store().workspace.project(shapes.id)
    there = maps.read(folder, "0001", "pca")
    assert there is not None
    maps.put(folder, replace(there, method="umap"))  # as the job does in the end
    expect(part(element, "about")).to_contain_text("neighbours beside each other")
    expect(part(element, "umap")).to_be_hidden()


def test_without_webgl_the_map_stands_still_and_says_so(
    server: Server, shapes: Project, page: Page
) -> None:
    page.add_init_script(NO_WEBGL)
    element = opened(page, server, shapes)
    expect(part(element, "about")).to_contain_text("no WebGL")
    painted = part(element, "points").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
    )
    assert painted
    element.get_by_text("Images in view, as a list").click()
    expect(part(element, "tiles").locator("li")).to_have_count(36)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_map_is_accessible_and_fits(
    server: Server, shapes: Project, browser: Browser, scheme: str, width: int
) -> None:
    within = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = within.new_page()
    element = opened(page, server, shapes)
    element.get_by_text("Images in view, as a list").click()
    expect(part(element, "tiles").locator("li")).to_have_count(36)
    element.get_by_text("Where would each strategy go?").click()
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    within.close()
